//! The rollout engine: who is offered what, when waves open, when a deployment halts or ends.
//!
//! [`decide()`] looks at a [`Situation`] and answers with [`Decision`]s; [`apply`] makes a deployment remember one. A shell
//! reads the situation, stores each decision with its reason and inputs, carries it out on the assignments
//! ([`progress`](super::progress)) in the same transaction, and asks again until nothing more is decided. A decision
//! that changes what the next one stands on is the last of its round.

mod decide;
mod decision;
mod gate;
mod situation;

pub(crate) use decide::begin;
pub use decide::decide;
pub(crate) use decision::inputs;
pub use decision::{Act, Decision, apply};
pub use gate::Gate;
pub use situation::{Candidate, Situation, Tally, Working};
