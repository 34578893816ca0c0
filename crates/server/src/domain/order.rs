//! In which order a deployment reaches its devices: by a hash, stable, and not the same in every deployment.

use belay_protocol::{DeploymentId, DeviceId};
use sha2::{Digest, Sha256};

/// The place of a device in a deployment's order, uniform over all numbers. The same device is not the first to suffer
/// every time.
pub fn rank(deployment: &DeploymentId, device: &DeviceId) -> i64 {
    // Neither name can hold the separator, so no two pairs are hashed alike.
    let digest = Sha256::new().chain_update(deployment.as_str()).chain_update([0]).chain_update(device.as_str());
    let [a, b, c, d, e, f, g, h, ..] = <[u8; 32]>::from(digest.finalize());
    i64::from_be_bytes([a, b, c, d, e, f, g, h])
}

#[cfg(test)]
mod tests;
