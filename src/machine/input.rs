//! What the machine is told.

use belay_protocol::Failure;
use belay_protocol::job::{Door, JobId, Request};
use belay_protocol::sync::{Assignment, AssignmentRef};
use jiff::Timestamp;

use super::effect::{Outcome, Survey};

/// Something that happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// The daemon started, after a clean stop or a crash, and asked the host what its ledger holds.
    Started {
        /// The ledger.
        survey: Survey,
    },
    /// A request was admitted.
    Requested {
        /// What is asked.
        request: Request,
        /// Who asks.
        door: Door,
        /// The requester's key.
        idempotency_key: Option<String>,
    },
    /// The server answered a sync.
    Answered {
        /// The number of the last report that is durable there.
        acknowledged: Option<u64>,
        /// What it wants done.
        assignment: Option<Assignment>,
        /// The assignment that it no longer wants.
        cancel: Option<AssignmentRef>,
    },
    /// The server knows more reports of this outbox than were ever written: the journal is an older one, put back.
    AnotherOutbox {
        /// The name of the outbox to begin, random.
        id: String,
    },
    /// An assignment cannot be taken, for a reason that only the shell knows.
    Unfit {
        /// The assignment.
        assignment: AssignmentRef,
        /// Why.
        failure: Failure,
    },
    /// Time went by while something waits for its moment.
    Tick,
    /// An effect completed. `job` is none for a survey.
    Completed {
        /// The job that the effect belonged to.
        job: Option<JobId>,
        /// What came of it.
        outcome: Outcome,
    },
}

/// The present, as the shell read it: the machine has no clock and no time zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// The instant.
    pub at: Timestamp,
    /// Day of the week in the policy's time zone.
    pub weekday: jiff::civil::Weekday,
    /// Minutes since midnight in the policy's time zone.
    pub minute: u16,
}
