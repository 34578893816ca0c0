//! What the agent says about itself: logs, notes to systemd, figures for Prometheus.

pub mod logging;
pub mod metrics;
pub mod notify;
