//! A value in a file, on one line behind its own digest: what was damaged is refused by name, never half believed.

use std::path::Path;

use belay_protocol::{Failure, Reason};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::disk::{self, Attributes};
use crate::durable::digest_of_bytes;

/// Writes `value` to `path`, atomically and durably.
pub fn seal<T: Serialize>(path: &Path, value: &T) -> Result<(), Failure> {
    let json = serde_json::to_string(value)
        .map_err(|error| Failure::new(Reason::State, format!("could not write {} as JSON: {error}", path.display())))?;
    let line = format!("{} {json}\n", digest_of_bytes(json.as_bytes()));
    disk::write(path, line.as_bytes(), Attributes::mode(0o600))
}

/// Reads what [`seal`] wrote; none where there is no file. Fails with `vault_damaged` where the content does not
/// have the digest in front of it, and with `state` where this version cannot read it.
pub fn unseal<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, Failure> {
    let Some(bytes) = disk::read(path)? else { return Ok(None) };
    let shown = path.display();
    let sealed = std::str::from_utf8(&bytes).ok().and_then(|text| text.strip_suffix('\n')?.split_once(' '));
    match sealed.filter(|(digest, json)| digest_of_bytes(json.as_bytes()).to_string() == *digest) {
        None => Err(Failure::new(
            Reason::VaultDamaged,
            format!("{shown} was damaged or tampered with: its content does not have the digest it carries"),
        )),
        Some((_, json)) => serde_json::from_slice(json.as_bytes())
            .map(Some)
            .map_err(|error| Failure::new(Reason::State, format!("this version cannot read {shown}: {error}"))),
    }
}

#[cfg(test)]
mod tests;
