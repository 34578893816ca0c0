//! What vouches for an order: the signed manifest that came with it, held to the order and to this device.

use belay_protocol::bundle::{BundleOrder, BundleSource, Manifest, SignedManifest};
use belay_protocol::{Failure, PackageList, Reason, ReleaseOrder};

use super::super::Inner;
use crate::clock;
use crate::host::bundle::store::Record;
use crate::host::bundle::trust::{Keys, Vouched};

impl Inner {
    /// What vouches for an order, where something must.
    pub(super) fn vouch(&self, order: &BundleOrder) -> Result<Option<Vouched>, Failure> {
        let keys = Keys::load(&self.settings.bundle.keys)?;
        let Some(signed) = &order.manifest else {
            // One that is kept was vouched for when it came; whether that still counts is judged with its record.
            return match keys.is_empty() || order.source == BundleSource::Kept {
                true => Ok(None),
                false => Err(Failure::new(
                    Reason::Unsigned,
                    format!(
                        "keys are pinned in {}, and the bundle comes without a signed manifest; publish it with one",
                        self.settings.bundle.keys.display()
                    ),
                )),
            };
        };
        let vouched = keys.check(signed, clock::now())?;
        fits(&vouched.manifest, order)?;
        let own = &self.settings.server.device_type;
        if vouched.manifest.device_type != *own {
            let message = format!("the release is for {} and this device is a {own}", vouched.manifest.device_type);
            return Err(Failure::new(Reason::OtherDeviceType, message));
        }
        Ok(Some(vouched))
    }

    /// Refuses a list that a server ordered and none of the pinned keys vouches for. What people on the device ask for, and
    /// devices without keys, are free.
    pub(in crate::host::local) fn vouch_for_list(
        &self,
        order: Option<&ReleaseOrder>,
        packages: &PackageList,
    ) -> Result<(), Failure> {
        let keys = Keys::load(&self.settings.bundle.keys)?;
        let Some(order) = order.filter(|_| !keys.is_empty()) else { return Ok(()) };
        let unsigned = || {
            let folder = self.settings.bundle.keys.display();
            let message = format!("keys are pinned in {folder}, and the release {} is not signed", order.version);
            Failure::new(Reason::Unsigned, message)
        };
        let signed: &SignedManifest = order.manifest.as_ref().ok_or_else(unsigned)?;
        let manifest = keys.check(signed, clock::now())?.manifest;
        self.refuse_other_type(&manifest)?;
        let listed = manifest.packages.as_ref().and_then(|list| list.on(self.device.architecture()).ok());
        if !manifest.version.is_same(&order.version) || listed.as_ref() != Some(packages) {
            let message = format!("the manifest of {} vouches for another list or version", order.version);
            return Err(Failure::new(Reason::BadManifest, message));
        }
        Ok(())
    }

    /// Refuses a bundle on the device that no key which is pinned and valid today vouched for.
    pub(super) fn refuse_unvouched(&self, record: &Record) -> Result<(), Failure> {
        let keys = Keys::load(&self.settings.bundle.keys)?;
        let by = record.vouched_by.as_deref();
        if keys.is_empty() || by.is_some_and(|name| keys.believes(name, clock::now())) {
            return Ok(());
        }
        let message = match by {
            Some(name) => format!(
                "{} was signed by {name}, which is not pinned any more or has expired; publish it again with a valid key",
                record.version
            ),
            None => {
                format!("{} came when no key was pinned, and nobody vouches for it; fetch it signed", record.version)
            }
        };
        Err(Failure::new(Reason::Unsigned, message))
    }

    fn refuse_other_type(&self, manifest: &Manifest) -> Result<(), Failure> {
        let own = &self.settings.server.device_type;
        if manifest.device_type == *own {
            return Ok(());
        }
        let message = format!(
            "the release is for {} and this device is a {own} (server.device_type in agent.toml)",
            manifest.device_type
        );
        Err(Failure::new(Reason::OtherDeviceType, message))
    }
}

/// Holds a manifest to the order that came with it.
fn fits(manifest: &Manifest, order: &BundleOrder) -> Result<(), Failure> {
    let wrong = |what: String| Err(Failure::new(Reason::BadManifest, what));
    match (manifest.sha256, manifest.size) {
        (Some(sha256), _) if sha256 != order.sha256 => {
            return wrong(format!("the manifest vouches for {sha256} and the order is for {}", order.sha256));
        }
        (Some(_), Some(_)) => {}
        (None, _) | (_, None) => return wrong("the manifest is one of a package list, not of a bundle".to_owned()),
    }
    if let (Some(size), Some(said)) = (order.size, manifest.size)
        && size != said
    {
        return wrong(format!("the manifest says {said} bytes and the order {size}"));
    }
    match order.version.as_ref().filter(|version| !version.is_same(&manifest.version)) {
        Some(version) => wrong(format!("the manifest is of {} and the order is for {version}", manifest.version)),
        None => Ok(()),
    }
}
