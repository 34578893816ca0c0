//! The second half of the story: three devices, a server, and rollouts that stop themselves.

mod place;
mod stage;
mod story;

pub(super) use place::{NAMES, Place};
pub(super) use stage::FleetStage;
pub use story::{Programs, tell_of_a_fleet};
