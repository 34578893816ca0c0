//! When a check has passed and when it has failed. Too early is as wrong as too late: it must hold for its settle
//! time to pass, and failures count only after its grace time.

use std::time::Duration;

use crate::machine::rules::CheckSpec;

/// One look at what a check watches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// When it began, since the change.
    pub at: Duration,
    /// Whether all was well.
    pub passed: bool,
    /// What was seen, for people.
    pub message: String,
}

/// How a check stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Assessment {
    /// Look again.
    Pending,
    /// It held for its settle time.
    Passed,
    /// It failed, and why.
    Failed(String),
}

/// How a check stands after these looks, oldest first, when `elapsed` has gone by since the change.
///
/// A check that neither fails often enough nor holds ends by itself: after grace, settle and every tolerated failure
/// had their time it fails, unless it holds just then and only lacks the rest of its settle time.
pub fn assess(spec: &CheckSpec, looks: &[Look], elapsed: Duration) -> Assessment {
    let failed = looks.iter().filter(|look| !look.passed && look.at >= spec.grace).count();
    if failed > spec.retries as usize {
        return Assessment::Failed(format!("{}{}", last_failure(looks), times(failed)));
    }
    match (holding_since(looks), looks.last()) {
        (Some(since), Some(last)) if last.at.saturating_sub(since) >= spec.settle => Assessment::Passed,
        (Some(_), _) => Assessment::Pending,
        (None, _) if elapsed >= longest(spec) => {
            let seconds = elapsed.as_secs_f32();
            Assessment::Failed(format!("did not hold within {seconds:.0} s: {}", last_failure(looks)))
        }
        (None, _) => Assessment::Pending,
    }
}

/// How long to wait before the next look: the check's interval since the last one, or less where it will have held
/// long enough sooner.
pub fn pause(spec: &CheckSpec, looks: &[Look], elapsed: Duration) -> Duration {
    let Some(last) = looks.last() else { return Duration::ZERO };
    let regular = last.at.saturating_add(spec.interval);
    let settled = holding_since(looks).map_or(regular, |since| since.saturating_add(spec.settle));
    regular.min(settled).saturating_sub(elapsed)
}

/// When the first look of the unbroken row of good ones at the end was taken.
fn holding_since(looks: &[Look]) -> Option<Duration> {
    looks.iter().rev().take_while(|look| look.passed).last().map(|look| look.at)
}

/// How long a check that does not hold is looked at.
fn longest(spec: &CheckSpec) -> Duration {
    let look = spec.interval.saturating_add(spec.timeout);
    spec.grace.saturating_add(spec.settle).saturating_add(look.saturating_mul(spec.retries.saturating_add(1)))
}

fn last_failure(looks: &[Look]) -> &str {
    looks.iter().rev().find(|look| !look.passed).map_or("it was never looked at", |look| &look.message)
}

fn times(failed: usize) -> String {
    if failed > 1 { format!(" ({failed} times)") } else { String::new() }
}

#[cfg(test)]
mod tests;
