//! Policy: whether anything may be done on this device at this moment.

use belay_protocol::bundle::BundleSource;
use belay_protocol::job::Request;
use belay_protocol::window::{Clock, day_name};
use belay_protocol::{Failure, Reason};
use jiff::{SignedDuration, Timestamp};

use super::guard::how_to_approve;
use super::input::Moment;
use super::rules::PolicyRules;

/// Whether the request may run now: no lockdown, a clock that can be right, inside a maintenance window.
///
/// Going back is always allowed, and so is a bundle that the device kept from before. A dry run changes nothing, so only a wrong clock refuses it: with one, the package
/// sources cannot be trusted.
pub fn check(request: &Request, rules: &PolicyRules, now: &Moment) -> Result<(), Failure> {
    let Request::Update { dry_run, bundle, .. } = request else { return Ok(()) };
    if bundle.as_ref().is_some_and(|order| order.source == BundleSource::Kept) {
        return Ok(());
    }
    if rules.lockdown && !dry_run {
        let message = "this device is locked down: nothing new is installed, going back is still possible; \
                       set policy.lockdown = false to end it";
        return Err(Failure::new(Reason::Lockdown, message));
    }
    if now.at < rules.not_before {
        return Err(Failure::new(Reason::Clock, wrong_clock(now)));
    }
    if *dry_run || window_is_open(request, rules, now) {
        return Ok(());
    }
    Err(Failure::new(Reason::Window, outside_windows(rules, now)))
}

/// Whether a maintenance window is open, or the request overrides them.
pub fn window_is_open(request: &Request, rules: &PolicyRules, now: &Moment) -> bool {
    let open = rules.windows.is_empty() || rules.windows.iter().any(|window| window.contains(now.weekday, now.minute));
    open || request.approvals().contains(&Reason::Window)
}

/// The request with the approvals that count: a server's only where this device allows them, so that one word there does
/// not take the guards of a whole fleet away. What a device went back from is the server's to try again.
pub fn with_counting_approvals(request: &Request, by_server: bool, rules: &PolicyRules) -> Request {
    let mut request = request.clone();
    if by_server {
        let (Request::Update { approve, .. } | Request::Rollback { approve, .. }) = &mut request;
        approve.retain(|reason| server_may(*reason, rules));
    }
    request
}

/// A refusal of what a server ordered: with the setting that would let a release override it.
pub fn with_setting(mut failure: Failure, by_server: bool, rules: &PolicyRules) -> Failure {
    if by_server && failure.reason.can_be_approved() && !server_may(failure.reason, rules) {
        let code = failure.reason.code();
        failure.message +=
            &format!("; a release can approve it only where policy.server_may_approve on the device has \"{code}\"");
    }
    failure
}

/// Whether a server's order may override this refusal here.
pub fn server_may(reason: Reason, rules: &PolicyRules) -> bool {
    reason == Reason::Denied || rules.server_may_approve.contains(&reason)
}

/// Whether a server may still order this device to go back from what was committed then.
pub fn check_age(committed_at: Timestamp, rules: &PolicyRules, now: &Moment) -> Result<(), Failure> {
    let age = now.at.duration_since(committed_at);
    if age <= SignedDuration::try_from(rules.server_rollback_within).unwrap_or(SignedDuration::MAX) {
        return Ok(());
    }
    let days = |seconds: u64| seconds / (24 * 60 * 60);
    let message = format!(
        "the update was committed {} days ago, and a server may order this device back only within {} days \
         (policy.server_rollback_days); roll back on the device itself: belay-agent rollback",
        days(age.unsigned_abs().as_secs()),
        days(rules.server_rollback_within.as_secs())
    );
    Err(Failure::new(Reason::TooOld, message))
}

fn wrong_clock(now: &Moment) -> String {
    format!(
        "the device's clock says {}, which is before this program was built; set it with timedatectl, or wait for \
         time sync",
        now.at
    )
}

fn outside_windows(rules: &PolicyRules, now: &Moment) -> String {
    let windows: Vec<_> = rules.windows.iter().map(ToString::to_string).collect();
    format!(
        "it is {} {}, and updates run only in the maintenance windows {}; ask again then{}",
        day_name(now.weekday),
        Clock(now.minute),
        windows.join("; "),
        how_to_approve(Reason::Window)
    )
}

#[cfg(test)]
mod tests;
