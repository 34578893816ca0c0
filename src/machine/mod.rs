//! The machine decides, and never acts.
//!
//! Everything below this folder is a pure function over plain data: no clock, no file, no process, no network,
//! no log, no async. The daemon feeds it inputs and carries out the effects that it asks for; the host uses the
//! same guard and gate, because it trusts nobody.

pub mod admit;
mod assign;
pub mod effect;
pub mod gate;
pub mod guard;
pub mod input;
mod moves;
pub mod outbox;
pub mod pattern;
pub mod policy;
mod report;
pub mod rescue;
mod resume;
pub mod rules;
pub mod state;
mod step;

pub use moves::UNDO_ATTEMPTS;
pub use step::step;

#[cfg(test)]
mod tests;
