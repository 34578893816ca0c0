//! The agent's state at a glance.

use belay_protocol::job::Job;
use belay_protocol::local::{Polled, ServerLink, ServerWish, Status};

use belay_terminal::job::{standing, step, what};
use belay_terminal::quantity::ago;
use belay_terminal::{Cell, Page, Tone, table};

/// The agent's state at a glance.
pub(in crate::cli) fn status(status: &Status, page: &Page) -> String {
    let mut rows: Vec<Vec<Cell>> = Vec::new();
    let mut row = |name: &str, tone: Tone, text: String| rows.push(vec![(Tone::Quiet, name.into()), (tone, text)]);
    if let Some(hostname) = &status.hostname {
        row("device", Tone::Plain, hostname.clone());
    }
    row("generation", Tone::Strong, status.generation.to_string());
    let back = status.previous.map_or("nothing to go back to".into(), |previous| format!("to generation {previous}"));
    row("way back", Tone::Plain, back);
    match &status.job {
        None => row("running", Tone::Plain, "nothing".to_owned()),
        Some(job) => row("running", Tone::Strong, running(job, status)),
    }
    if let Some(queued) = status.queued {
        row("waiting", Tone::Plain, format!("rollback, job {queued}"));
    }
    if let Some(last) = &status.last {
        let tone = if status.needs_attention { Tone::Bad } else { Tone::Plain };
        row("last", tone, past(last, page));
    }
    if let Some(link) = &status.server {
        let tone = if link.last_error.is_some() { Tone::Careful } else { Tone::Plain };
        row("server", tone, server(link, page));
    }
    row("agent", Tone::Plain, status.version.clone());
    let mut lines = vec![table(&rows, 0, page.paint)];
    if status.needs_attention {
        let call = "a person must look at this device: `belay-agent verify`, `journalctl -u belay-agent`";
        lines.push(page.paint.tone(Tone::Bad, &format!("‼ {call}")));
    }
    lines.extend(status.warnings.iter().map(|warning| page.paint.tone(Tone::Careful, &format!("! {warning}"))));
    lines.join("\n")
}

/// What came of an enrolment.
pub(in crate::cli) fn enrolled(link: &ServerLink, page: &Page) -> String {
    let device = link.device.as_ref().map_or_else(|| "nobody".to_owned(), ToString::to_string);
    let waits = match link.authorized {
        Some(false) => "; it waits until an operator lets it in",
        Some(true) | None => "",
    };
    page.paint.tone(Tone::Good, &format!("✓ enrolled: this device is {device} at {}{waits}", link.url))
}

/// What the server answered just now.
pub(in crate::cli) fn polled(polled: &Polled, page: &Page) -> String {
    let url = &polled.server.url;
    let Some(ServerWish { assignment, action, release }) = &polled.wants else {
        let waits = match polled.server.authorized {
            Some(false) => "; an operator has to let this device in first",
            Some(true) | None => "",
        };
        return page.paint.tone(Tone::Good, &format!("✓ {url} wants nothing done{waits}"));
    };
    let release = release.as_ref().map(|release| format!(" {release}")).unwrap_or_default();
    let job = polled.job.map(|job| format!("; job {job} is at it")).unwrap_or_default();
    let what = match action.as_str() {
        "install_packages" => format!("release {}", release.trim_start()),
        "install_bundle" => format!("bundle{release}"),
        "roll_back" => {
            format!("a way back{}", if release.is_empty() { String::new() } else { format!(" from{release}") })
        }
        _newer => "something that only a newer belay-agent knows".to_owned(),
    };
    let attempt = format!("{}, attempt {}", assignment.deployment, assignment.attempt);
    page.paint.tone(Tone::Good, &format!("✓ {url} wants {what} ({attempt}){job}"))
}

/// `https://belay.example, device d1: spoke 2 minutes ago`.
fn server(link: &ServerLink, page: &Page) -> String {
    let device = match (&link.device, link.authorized) {
        (None, _) => ", not enrolled".to_owned(),
        (Some(device), Some(false)) => format!(", device {device}, not let in"),
        (Some(device), Some(true) | None) => format!(", device {device}"),
    };
    let contact = link.last_contact.map(|at| format!(": spoke {}", ago(at, page.now))).unwrap_or_default();
    let error = link.last_error.as_ref().map(|error| format!("; {error}")).unwrap_or_default();
    format!("{}{device}{contact}{error}", link.url)
}

fn running(job: &Job, status: &Status) -> String {
    let progress = status.progress.as_ref().filter(|progress| progress.job == job.id);
    let far = progress.map(|progress| {
        let detail = if progress.detail.is_empty() { String::new() } else { format!(", {}", progress.detail) };
        format!(" {:.0} %{detail}", progress.percent)
    });
    format!("job {}, {}: {}{}", job.id, what(&job.request), step(job.state), far.unwrap_or_default())
}

/// `job 6, update of demo-app: done, 2 hours ago`.
pub(super) fn past(job: &Job, page: &Page) -> String {
    let why = job.reason.map(|reason| format!(" ({reason})")).unwrap_or_default();
    let when = job.ended_at.map(|at| format!(", {}", ago(at, page.now))).unwrap_or_default();
    format!("job {}, {}: {}{why}{when}", job.id, what(&job.request), standing(job))
}
