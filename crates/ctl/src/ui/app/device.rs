//! One device: what answers there, whether it is selected, what it is doing.

use belay_protocol::job::JobState;
use belay_terminal::Tone;
use belay_terminal::job::step;
use belay_terminal::quantity::duration;
use jiff::Timestamp;

use crate::lan::{End, Host, Kind, Outcome};
use crate::render::lan::{address, outcome};

/// A device of the table.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Device {
    /// What answers there.
    pub(crate) host: Host,
    /// How we know of it.
    pub(crate) known: Known,
    /// Whether the next order goes to it.
    pub(crate) selected: bool,
    /// What it is doing for us.
    pub(crate) standing: Standing,
}

/// How we know of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Known {
    /// From the site file; nobody has looked yet.
    Saved,
    /// It answered the last scan.
    Answered,
    /// It did not answer the last scan.
    Missing,
}

/// What a device was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Deed {
    /// To install a list.
    Update,
    /// To go back.
    Rollback,
}

/// What a device is doing for us.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Standing {
    /// Nothing so far.
    Idle,
    /// It was told, and has not said anything yet.
    Told {
        /// What.
        deed: Deed,
        /// Since when.
        since: Timestamp,
    },
    /// It is at work.
    Working {
        /// What it was told.
        deed: Deed,
        /// When.
        since: Timestamp,
        /// At what.
        step: String,
        /// How far this step has come.
        percent: Option<u8>,
    },
    /// It is done, one way or the other.
    Ended {
        /// How.
        end: End,
    },
}

impl Device {
    /// One that nobody told anything.
    pub(crate) fn new(host: Host, known: Known) -> Self {
        Self { host, known, selected: false, standing: Standing::Idle }
    }

    /// What it was told, where it has not ended.
    pub(crate) fn at_work(&self) -> Option<Deed> {
        match self.standing {
            Standing::Told { deed, .. } | Standing::Working { deed, .. } => Some(deed),
            Standing::Idle | Standing::Ended { .. } => None,
        }
    }

    /// When it was told what it is doing.
    pub(crate) fn since(&self) -> Option<Timestamp> {
        match self.standing {
            Standing::Told { since, .. } | Standing::Working { since, .. } => Some(since),
            Standing::Idle | Standing::Ended { .. } => None,
        }
    }

    /// Its address as a person writes it: the port only where it is not the usual one.
    pub(crate) fn address(&self) -> String {
        address(self.host.address)
    }

    /// What answers there, in a word or two.
    pub(crate) fn what(&self) -> String {
        match (self.host.kind, &self.host.version) {
            (Kind::Agent, Some(version)) => format!("agent {version}"),
            (Kind::Agent, None) => "agent".to_owned(),
            (Kind::Locked, _) => "agent, locked".to_owned(),
            (Kind::Flask, _) => "old Flask".to_owned(),
        }
    }

    /// Whether a filter that somebody typed means it.
    pub(crate) fn matches(&self, filter: &str) -> bool {
        let wanted = filter.to_lowercase();
        let name = self.host.name.as_deref().unwrap_or_default();
        [&self.host.address.to_string(), name, &self.what()].iter().any(|text| text.to_lowercase().contains(&wanted))
    }

    /// What it is doing, in a few words that fit the table, and how to look at that.
    pub(crate) fn state(&self, now: Timestamp) -> (Tone, String) {
        match &self.standing {
            Standing::Idle => match self.known {
                Known::Saved => (Tone::Quiet, "not looked for yet".to_owned()),
                Known::Answered => (Tone::Quiet, "ready".to_owned()),
                Known::Missing => (Tone::Careful, "did not answer".to_owned()),
            },
            Standing::Told { .. } => (Tone::Strong, "waiting".to_owned()),
            // Where no bar moves, the time does.
            Standing::Working { step, since, .. } if self.share().is_none() => {
                let word = if self.host.kind == Kind::Flask { "working" } else { step };
                (Tone::Strong, format!("{word}, {}", duration(seconds(*since, now))))
            }
            Standing::Working { step, percent: None, .. } => (Tone::Strong, step.clone()),
            Standing::Working { step, percent: Some(percent), .. } => (Tone::Strong, format!("{step} {percent} %")),
            Standing::Ended { end } => self.ended(end),
        }
    }

    /// `done in 12 s`, `refused`. The old program says only that it ran.
    pub(crate) fn ended(&self, end: &End) -> (Tone, String) {
        let (tone, word) = outcome(end.outcome);
        match end.outcome {
            Outcome::Done if self.host.kind == Kind::Flask => {
                (Tone::Careful, format!("{word} in {}, as it says", duration(end.seconds)))
            }
            Outcome::Done => (tone, format!("{word} in {}", duration(end.seconds))),
            Outcome::Refused | Outcome::Undone | Outcome::NeedsAttention | Outcome::Unreachable | Outcome::Silent => {
                (tone, word.to_owned())
            }
        }
    }

    /// How far the whole has come, in percent; nothing where that cannot be known.
    pub(crate) fn share(&self) -> Option<u8> {
        match &self.standing {
            Standing::Idle | Standing::Ended { .. } => None,
            Standing::Told { .. } => Some(0),
            Standing::Working { step: now, percent, .. } => {
                let passed = STEPS.iter().position(|state| step(*state) == now)?;
                let whole = STEPS.len() * 100;
                u8::try_from((passed * 100 + usize::from(percent.unwrap_or(0)).min(100)) * 100 / whole).ok()
            }
        }
    }
}

impl Deed {
    /// Its name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Update => "update",
            Self::Rollback => "rollback",
        }
    }
}

/// How long something takes.
pub(crate) fn seconds(since: Timestamp, now: Timestamp) -> u64 {
    u64::try_from(now.as_second() - since.as_second()).unwrap_or(0)
}

/// The steps of an update in their order; a rollback skips some.
const STEPS: [JobState; 7] = [
    JobState::Accepted,
    JobState::Planning,
    JobState::Fetching,
    JobState::Capturing,
    JobState::Applying,
    JobState::Rebooting,
    JobState::Verifying,
];
