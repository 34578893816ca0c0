//! What the outside is told about this process: log lines, notes to systemd, figures.

pub mod logging;
pub mod metrics;
pub mod notify;
