//! belayctl against the real thing: a live server, real agents on sandbox roots, networks of several hosts.
#![expect(clippy::unwrap_used, reason = "helpers of tests are not seen as tests")]

mod enrol;
mod lan;
mod payload;
mod profiles;
mod publish;
mod recipes;
mod screen;
mod support;
mod transcripts;
mod watch;
mod watch_folder;
