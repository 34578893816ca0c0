//! Where a device stands among its fleet: numbers that look random and are made of its name alone.

use std::time::Duration;

use belay_protocol::DeploymentId;
use sha2::{Digest, Sha256};

/// A device's own row of numbers. The same name gives the same row.
#[derive(Debug, Clone)]
pub struct Jitter {
    seed: String,
    drawn: u64,
}

impl Jitter {
    /// The row of this device.
    pub fn of(device: &str) -> Self {
        Self { seed: device.to_owned(), drawn: 0 }
    }

    /// The next number, in 0..1.
    pub fn draw(&mut self) -> f64 {
        self.drawn += 1;
        fraction(&[&self.seed, &self.drawn.to_string()])
    }

    /// The time to the next poll: the interval, a tenth more or less.
    pub fn poll(&mut self, interval: Duration) -> Duration {
        interval.mul_f64(0.9 + 0.2 * self.draw())
    }

    /// How long after it was first offered this device begins with a deployment; always the same for the two.
    pub fn spread(&self, deployment: &DeploymentId, within: Duration) -> Duration {
        within.mul_f64(fraction(&[&self.seed, "spread", deployment.as_str()]))
    }
}

/// A number in 0..1 made of these texts.
fn fraction(parts: &[&str]) -> f64 {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part.as_bytes());
        hasher.update([0]);
    }
    let digest = hasher.finalize();
    let number = digest.iter().take(4).fold(0_u32, |number, byte| number << 8 | u32::from(*byte));
    f64::from(number) / (f64::from(u32::MAX) + 1.0)
}

#[cfg(test)]
mod tests;
