//! How many devices a wave has.

use belay_protocol::admin::Strategy;

/// How many devices may begin when a deployment starts that targets `devices`; all, where there is none.
pub fn first(strategy: &Strategy, devices: u64) -> Option<u64> {
    match strategy {
        Strategy::Manual | Strategy::Immediate => None,
        Strategy::Canary { percent, .. } => Some(canary(devices, *percent)),
        Strategy::Rolling { percent } => Some(batch(devices, *percent)),
    }
}

/// How many devices may begin once the open waves have finished well and `begun` devices hold a place in them.
pub fn next(strategy: &Strategy, begun: u64, devices: u64) -> Option<u64> {
    match strategy {
        Strategy::Manual | Strategy::Immediate | Strategy::Canary { .. } => None,
        Strategy::Rolling { percent } => Some(begun + batch(devices, *percent)),
    }
}

/// `max(1, n * percent / 100)`: as many canaries out of `devices`.
pub fn canary(devices: u64, percent: u8) -> u64 {
    (devices * u64::from(percent) / 100).max(1)
}

/// `max(5, n * percent / 100)`: as many devices in a batch out of `devices`.
pub fn batch(devices: u64, percent: u8) -> u64 {
    (devices * u64::from(percent) / 100).max(5)
}

#[cfg(test)]
mod tests;
