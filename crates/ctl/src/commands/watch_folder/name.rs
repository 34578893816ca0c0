//! What the name of an archive means: `DEVICE_TYPE-VERSION-CHANNEL.tar.gz`. Pure.

use belay_protocol::Distribution;
use belay_protocol::admin::ReleaseName;

use crate::arguments::ChannelRing;

/// How such names end.
pub(super) const ENDING: &str = ".tar.gz";

/// The release that an archive is. A device's type may have dashes; version and channel have none.
pub(super) fn read(file: &str, rings: &[ChannelRing]) -> Result<ReleaseName, String> {
    let form =
        || format!("its name is not DEVICE_TYPE-VERSION-CHANNEL{ENDING}, such as rpi-cam-2.33.07-stable{ENDING}");
    let name = file.strip_suffix(ENDING).ok_or_else(form)?;
    let mut parts = name.rsplitn(3, '-');
    let (Some(channel), Some(version), Some(device_type)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(form());
    };
    if channel.is_empty() {
        return Err(form());
    }
    Ok(ReleaseName {
        device_type: device_type.parse().map_err(|error| format!("{error}"))?,
        distribution: ring(channel, rings)?,
        version: version.parse().map_err(|error| format!("{error}"))?,
    })
}

/// The ring that a channel means: what was said last, else what is usual.
fn ring(channel: &str, rings: &[ChannelRing]) -> Result<Distribution, String> {
    if let Some(said) = rings.iter().rev().find(|said| said.channel == channel) {
        return Ok(said.ring.clone());
    }
    let usual = match channel {
        "stable" => "232",
        "beta" => "beta",
        "alpha" => "alpha",
        _ => "other",
    };
    usual.parse().map_err(|error| format!("{error}"))
}

#[cfg(test)]
mod tests;
