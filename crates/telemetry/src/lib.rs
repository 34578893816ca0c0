//! What Belay's daemons tell the machine they run on: log lines, and notes to systemd. What they measure of themselves each
//! says itself.

pub mod logging;
pub mod notify;
