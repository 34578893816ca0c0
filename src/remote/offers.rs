//! Assignments that are to begin at an instant of the device's own: they are kept back until then.
//!
//! Nothing is remembered of what they ask: the server offers them with every answer until they are reported on, and
//! may change its mind meanwhile.

use std::time::{Duration, Instant};

use belay_protocol::sync::{Assignment, AssignmentRef};

use super::jitter::Jitter;

/// When the offered assignment begins.
#[derive(Debug, Clone, Default)]
pub struct Offers {
    waiting: Option<(AssignmentRef, Instant)>,
}

impl Offers {
    /// The assignment of an answer, where its time has come.
    pub fn take(&mut self, offered: Option<Assignment>, jitter: &Jitter, now: Instant) -> Option<Assignment> {
        let Some(offered) = offered else {
            self.waiting = None;
            return None;
        };
        let begins = match &self.waiting {
            Some((known, begins)) if *known == offered.id => *begins,
            Some(_) | None => {
                let within = Duration::from_secs(offered.spread_s.into());
                now + jitter.spread(&offered.id.deployment, within)
            }
        };
        self.waiting = Some((offered.id.clone(), begins));
        (begins <= now).then_some(offered)
    }

    /// When the server is to be asked for an assignment whose time will have come.
    pub fn due(&self, now: Instant) -> Option<Instant> {
        self.waiting.as_ref().map(|(_, begins)| *begins).filter(|begins| *begins > now)
    }
}

#[cfg(test)]
mod tests;
