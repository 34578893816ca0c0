//! What a person is shown, as text. Pure: the present, the time zone and the colours are arguments.

mod bundles;
mod history;
mod restore_points;
mod status;

use belay_protocol::local::{ErrorBody, Findings};
use belay_terminal::{Page, Tone};

pub(super) use bundles::bundles;
pub(super) use history::history;
pub(super) use restore_points::{pruned, restore_point, restore_points};
pub(super) use status::{enrolled, polled, status};

/// What a verification found.
pub(super) fn findings(found: &Findings, page: &Page) -> String {
    if found.findings.is_empty() {
        return page.paint.tone(Tone::Good, "all is well");
    }
    let lines = found.findings.iter().map(|finding| format!("{} {finding}", page.paint.tone(Tone::Bad, "✘")));
    lines.collect::<Vec<_>>().join("\n")
}

/// That the settings are valid, with what they open.
pub(super) fn checked(warnings: &[String]) -> String {
    let warnings: String = warnings.iter().map(|warning| format!("\n! {warning}")).collect();
    format!("the settings are valid{warnings}")
}

/// A refusal of the agent, with its code and what stands in the way.
pub(super) fn refusal(body: &ErrorBody) -> String {
    let job = body.job.map(|job| format!(", job {job}")).unwrap_or_default();
    match body.error.as_str() {
        // Said by this program itself; the code tells a person nothing.
        "usage" | "unreachable" => body.message.clone(),
        code => format!("{} ({code}{job})", body.message),
    }
}

#[cfg(test)]
mod tests;
