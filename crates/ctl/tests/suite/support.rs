//! What the modules share: a live server with tokens, agents that it knows, and belayctl run as a person runs it.

mod fleet;
mod operator;
mod redaction;
mod schema;

pub(crate) use fleet::{Fleet, PATIENCE, demo, demo_sandbox, launch};
pub(crate) use operator::{Operator, Ran, Running, binary};
pub(crate) use redaction::redacted;
pub(crate) use schema::command_in;

/// Says on the terminal that a test could not run here.
#[expect(clippy::print_stderr, reason = "whoever reads the test run has to know")]
pub(crate) fn skipped(why: &str) {
    eprintln!("skipped: {why}");
}
