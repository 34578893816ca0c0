//! A job: taken, planned, ended.

use belay_protocol::Reason;
use belay_protocol::bundle::BundleOrder;
use belay_protocol::job::{Job, JobState, Request};

use crate::quantity::{short, when};
use crate::{Cell, Page, Tone, files, plain, plan};

/// A step's name in running text.
pub fn step(state: JobState) -> &'static str {
    match state {
        JobState::Accepted => "accepted",
        JobState::Planning => "planning",
        JobState::Fetching => "fetching",
        JobState::Capturing => "saving the way back",
        JobState::Applying => "applying",
        JobState::Rebooting => "rebooting",
        JobState::Verifying => "checking health",
        JobState::RollingBack => "going back",
        JobState::Committed => "done",
        JobState::RolledBack => "went back",
        JobState::Refused => "refused",
        JobState::NeedsAttention => "needs attention",
    }
}

/// Where a job stands, in a word or two.
pub fn standing(job: &Job) -> &'static str {
    if job.state == JobState::RolledBack && !job.request.is_rollback() { "undone" } else { step(job.state) }
}

/// `update of demo-app and 2 more`, `rollback to 3`.
pub fn what(request: &Request) -> String {
    match request {
        Request::Update { bundle: Some(order), .. } => format!("update to {}", named(order)),
        Request::Update { packages, .. } => match packages.specs() {
            [] => "update of nothing".to_owned(),
            [one] => format!("update of {one}"),
            [one, others @ ..] => format!("update of {one} and {} more", others.len()),
        },
        Request::Rollback { to: Some(to), .. } => format!("rollback to {to}"),
        Request::Rollback { to: None, .. } => "rollback".to_owned(),
    }
}

/// `bundle 2.33.07 (70fa35c1b2d4)`: version, where it is known, and the beginning of the digest.
fn named(order: &BundleOrder) -> String {
    let digest = short(&order.sha256);
    order.version.as_ref().map_or(format!("bundle {digest}"), |version| format!("bundle {version} ({digest})"))
}

/// A job that nobody waits for.
pub fn accepted(job: &Job, page: &Page) -> String {
    let id = page.paint.tone(Tone::Strong, &format!("job {}", job.id));
    format!("{id}: {}, {}\nhow it ends: belay-agent status", what(&job.request), step(job.state))
}

/// What a dry run found.
pub fn planned(job: &Job, page: &Page) -> String {
    let is_bundle = job.request.bundle().is_some();
    let diff = job.plan.as_ref().map(|found| plan(found, is_bundle, page));
    match (job.reason, diff) {
        (None | Some(Reason::DryRun), diff) => {
            let nothing = || "nothing to do: the device already is as asked".to_owned();
            let heading = is_bundle.then(|| what(&job.request));
            let mut lines: Vec<String> = heading.into_iter().chain([diff.unwrap_or_else(nothing)]).collect();
            lines.extend(warnings(job, page).map(|line| line.trim_start().to_owned()));
            lines.push("nothing was changed".to_owned());
            lines.join("\n")
        }
        (Some(_), Some(diff)) => format!("{diff}\n{}", ended(job, false, page)),
        (Some(_), None) => ended(job, false, page),
    }
}

fn warnings<'a>(job: &'a Job, page: &'a Page) -> impl Iterator<Item = String> + 'a {
    job.warnings.iter().map(|sentence| format!("  {} {sentence}", page.paint.tone(Tone::Careful, "!")))
}

/// How a job ended, by whether a rollback was asked for.
pub fn ended(job: &Job, rollback: bool, page: &Page) -> String {
    let fulfilled = if rollback { job.has_gone_back() } else { job.has_updated() };
    let (sign, tone) = match job.state {
        _ if fulfilled => ("✔", Tone::Good),
        JobState::RolledBack => ("↩", Tone::Careful),
        JobState::NeedsAttention => ("‼", Tone::Bad),
        JobState::Accepted
        | JobState::Planning
        | JobState::Fetching
        | JobState::Capturing
        | JobState::Applying
        | JobState::Rebooting
        | JobState::Verifying
        | JobState::RollingBack
        | JobState::Committed
        | JobState::Refused => ("✘", Tone::Bad),
    };
    let mut lines = vec![format!("{} job {}: {}", page.paint.tone(tone, sign), job.id, verdict(job, rollback))];
    if !job.message.is_empty() {
        lines.extend(job.message.lines().map(|line| format!("  {line}")));
    }
    lines.extend(job.request.bundle().map(|order| format!("  {}", named(order))));
    if fulfilled {
        lines.extend(job.plan.iter().flat_map(|plan| &plan.changes).map(|change| format!("  {}", change.describe())));
    }
    let changed = job.plan.iter().map(|plan| plan.files.as_slice()).filter(|changed| fulfilled && !changed.is_empty());
    lines.extend(changed.map(|changed| files(changed, page)));
    lines.extend(warnings(job, page));
    lines.extend(advice(job, fulfilled).map(|advice| format!("  {advice}")));
    lines.join("\n")
}

/// The same in one line, without the job's number.
pub fn verdict(job: &Job, rollback: bool) -> String {
    let now = job.generation.map(|generation| format!("; generation {generation} is in force")).unwrap_or_default();
    let why = job.reason.map(|reason| format!(" ({reason})")).unwrap_or_default();
    if rollback && job.has_gone_back() {
        let word = if job.request.is_rollback() { "went back" } else { "the update was cancelled" };
        return format!("{word}{now}");
    }
    match job.state {
        JobState::Committed => format!("updated{now}"),
        JobState::RolledBack => format!("failed and undone{why}; the device is as before"),
        JobState::Refused => format!("refused{why}; nothing was changed"),
        JobState::NeedsAttention => format!("a person must look at this device{why}"),
        JobState::Accepted
        | JobState::Planning
        | JobState::Fetching
        | JobState::Capturing
        | JobState::Applying
        | JobState::Rebooting
        | JobState::Verifying
        | JobState::RollingBack => format!("still {}", step(job.state)),
    }
}

/// What to do next, where there is something.
fn advice(job: &Job, fulfilled: bool) -> Option<String> {
    let reason = job.reason.filter(|_| !fulfilled)?;
    match job.state {
        JobState::Refused if reason.can_be_approved() => {
            Some(format!("to do it nevertheless, ask again with --approve {reason}"))
        }
        JobState::NeedsAttention => Some("see `belay-agent verify` and `journalctl -u belay-agent`".to_owned()),
        JobState::Accepted
        | JobState::Planning
        | JobState::Fetching
        | JobState::Capturing
        | JobState::Applying
        | JobState::Rebooting
        | JobState::Verifying
        | JobState::RollingBack
        | JobState::Committed
        | JobState::RolledBack
        | JobState::Refused => None,
    }
}

/// A job as a line of a table: number, when, what, end.
pub fn row_of(job: &Job, page: &Page) -> Vec<Cell> {
    let at = job.ended_at.unwrap_or(job.created_at);
    let why = job.reason.map(|reason| format!(" ({reason})")).unwrap_or_default();
    vec![
        plain(job.id.to_string()),
        plain(when(at, page)),
        plain(what(&job.request)),
        (tone(job), format!("{}{why}", standing(job))),
    ]
}

fn tone(job: &Job) -> Tone {
    match job.state {
        JobState::Committed => Tone::Good,
        JobState::RolledBack if job.has_gone_back() => Tone::Good,
        JobState::RolledBack => Tone::Careful,
        JobState::Refused | JobState::NeedsAttention => Tone::Bad,
        JobState::Accepted
        | JobState::Planning
        | JobState::Fetching
        | JobState::Capturing
        | JobState::Applying
        | JobState::Rebooting
        | JobState::Verifying
        | JobState::RollingBack => Tone::Strong,
    }
}
