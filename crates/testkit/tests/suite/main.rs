//! The test kit tested on itself: real apt, real dpkg, real processes.

mod http;
mod processes;
mod repositories;
mod sandboxes;
mod snapshots;
mod tools;
