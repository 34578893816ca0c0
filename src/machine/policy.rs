//! Policy: whether anything may be done on this device at this moment.

use belay_protocol::job::Request;
use belay_protocol::{Failure, Reason};

use super::guard::how_to_approve;
use super::input::Moment;
use super::rules::PolicyRules;
use super::rules::window::{Clock, name};

/// Whether the request may run now: no lockdown, a clock that can be right, inside a maintenance window.
///
/// Going back is always allowed. A dry run changes nothing, so only a wrong clock refuses it: with one, the package
/// sources cannot be trusted.
pub fn check(request: &Request, rules: &PolicyRules, now: &Moment) -> Result<(), Failure> {
    let Request::Update { dry_run, approve, .. } = request else { return Ok(()) };
    if rules.lockdown && !dry_run {
        let message = "this device is locked down: nothing new is installed, going back is still possible; \
                       set policy.lockdown = false to end it";
        return Err(Failure::new(Reason::Lockdown, message));
    }
    if now.at < rules.not_before {
        return Err(Failure::new(Reason::Clock, wrong_clock(now)));
    }
    let open = rules.windows.is_empty() || rules.windows.iter().any(|window| window.contains(now.weekday, now.minute));
    if open || *dry_run || approve.contains(&Reason::Window) {
        return Ok(());
    }
    Err(Failure::new(Reason::Window, outside_windows(rules, now)))
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
        name(now.weekday),
        Clock(now.minute),
        windows.join("; "),
        how_to_approve(Reason::Window)
    )
}

#[cfg(test)]
mod tests;
