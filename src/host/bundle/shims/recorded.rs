//! What came of a script's calls, in order.

use std::collections::BTreeSet;

use super::asked::Query;
use super::unit;
use crate::host::bundle::capture::ServiceCall;

/// What a script asked for that is still to be done, and what somebody should know.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recorded {
    /// Calls of systemctl, in order.
    pub calls: Vec<ServiceCall>,
    /// How it asked for a restart of the device, if it did.
    pub reboot: Option<String>,
    /// One sentence each.
    pub notes: Vec<String>,
}

/// Something that a script did.
#[derive(Debug)]
pub(super) enum Event {
    Asked(Query),
    Called(ServiceCall),
    Reboot(String),
    NoReboot,
    Refused(String),
}

impl Recorded {
    /// Takes what happened next.
    pub(super) fn take(&mut self, event: Event) {
        match event {
            Event::Asked(query) => self.asked(&query),
            Event::Called(call) => {
                if self.calls.last() == Some(&call) {
                    return;
                }
                if self.calls.len() < MOST {
                    self.calls.push(call);
                } else {
                    self.note(format!("the script called systemctl more than {MOST} times; the later calls are lost"));
                }
            }
            Event::Reboot(words) => self.reboot = Some(words),
            Event::NoReboot => self.reboot = None,
            Event::Refused(what) => self.note(format!("the script called `{what}`, which was refused")),
        }
    }

    /// The answer is the live system's, which may be another than the script expects by then.
    fn asked(&mut self, query: &Query) {
        if !["is-active", "is-failed", "status", "show"].contains(&query.verb) {
            return;
        }
        let called: BTreeSet<String> =
            self.calls.iter().flat_map(|call| call.units.iter().map(|unit| unit::full(unit))).collect();
        let early: Vec<String> =
            query.names.iter().map(|name| unit::full(name)).filter(|name| called.contains(name)).collect();
        for name in early {
            self.note(format!(
                "the script asked how {name} is after it had changed it; the answer was how it is before the update, \
                 because units are only started and stopped once the files are in place"
            ));
        }
    }

    fn note(&mut self, note: String) {
        if self.notes.len() < MOST_NOTES && !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }
}

/// More calls than any script means.
const MOST: usize = 1000;

const MOST_NOTES: usize = 100;

#[cfg(test)]
mod tests;
