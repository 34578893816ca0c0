//! What a device cannot do, it is not asked to do: it is left out of a deployment, with a reason.

use belay_protocol::ReleaseVersion;
use belay_protocol::admin::{DeploymentKind, DeviceState, Strategy};
use belay_protocol::sync::capability;

use super::{Demands, Device, PayloadKind};

/// Why a device is left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exclusion {
    /// The stable code.
    pub code: &'static str,
    /// The sentence that says what to do.
    pub message: String,
}

/// Why a device gets no assignment in such a deployment; none where it may take part. `demands` is what the release
/// asks of it.
pub fn exclusion(device: &Device, kind: DeploymentKind, strategy: &Strategy, demands: Demands) -> Option<Exclusion> {
    unauthorized(device).or_else(|| match kind {
        DeploymentKind::Install => unfit(device, demands)
            .or_else(|| unstaged(device, strategy))
            // The first device resolves the versions for all: one that cannot keep to them would end with others.
            .or_else(|| {
                unable(device, capability::CLOSURE, "cannot_pin", "install exactly the versions of the others")
            }),
        DeploymentKind::RollBack => unable(device, capability::CAN_ROLL_BACK, "cannot_roll_back", "go back when told")
            .or_else(|| unstaged(device, strategy)),
    })
}

/// Why there is nothing to do on a device: its assignment is skipped with this reason, when it is made or before it is
/// offered. `release` is what the deployment brings or goes back from.
pub fn needless(device: &Device, kind: DeploymentKind, release: Option<&ReleaseVersion>) -> Option<Exclusion> {
    let (installed, release) = (device.version()?, release?);
    match (kind, installed.is_same(release)) {
        (DeploymentKind::Install, true) => {
            Some(Exclusion { code: ALREADY_INSTALLED, message: format!("the device already has {installed}") })
        }
        (DeploymentKind::RollBack, false) => Some(Exclusion {
            code: NOT_INSTALLED,
            message: format!("the device has {installed} and nothing to take back from {release}"),
        }),
        (DeploymentKind::Install, false) | (DeploymentKind::RollBack, true) => None,
    }
}

/// The device has the release without our help.
pub const ALREADY_INSTALLED: &str = "already_installed";

/// The device does not have the release that it is to go back from.
pub const NOT_INSTALLED: &str = "not_installed";

/// The device does not belong to the fleet.
pub const NOT_AUTHORIZED: &str = "not_authorized";

fn unauthorized(device: &Device) -> Option<Exclusion> {
    let message = match device.state {
        DeviceState::Authorized => return None,
        DeviceState::Pending => "the device waits to be let in; authorise it first",
        DeviceState::Quarantined => "two machines claim to be this device; find out which one is, and authorise it",
        DeviceState::Revoked => "the device was shut out; enrol it again",
    };
    Some(Exclusion { code: NOT_AUTHORIZED, message: message.to_owned() })
}

fn unfit(device: &Device, demands: Demands) -> Option<Exclusion> {
    match demands.kind {
        PayloadKind::Packages => unable(device, capability::PACKAGES, "cannot_install", "install package lists"),
        PayloadKind::Bundle => unable(device, capability::BUNDLE, "no_bundles", "install bundles"),
    }
    .or_else(|| {
        let message =
            "keys are pinned on the device, and nobody signed the release; publish it signed, as another version";
        let refuses = device.can(capability::SIGNED) && !demands.signed;
        refuses.then(|| Exclusion { code: "unsigned_release", message: message.to_owned() })
    })
}

fn unstaged(device: &Device, strategy: &Strategy) -> Option<Exclusion> {
    match strategy {
        Strategy::Manual | Strategy::Immediate => None,
        Strategy::Canary { .. } | Strategy::Rolling { .. } => {
            unable(device, capability::STAGED, "cannot_be_staged", "take part in staged rollouts")
        }
    }
}

fn unable(device: &Device, word: &str, code: &'static str, what: &str) -> Option<Exclusion> {
    let message = || format!("the device's program cannot {what} (it does not report `{word}`); update it first");
    (!device.can(word)).then(|| Exclusion { code, message: message() })
}

#[cfg(test)]
mod tests;
