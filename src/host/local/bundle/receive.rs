//! Taking a bundle in: read once, believed only when digest, size and signature are right.

use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use belay_protocol::bundle::{BundleOrder, BundleSource, Manifest};
use belay_protocol::{Failure, PackageList, Reason, ReleaseVersion};

use super::super::Inner;
use crate::host::bundle::description::{Content, Description, INSTALLER};
use crate::host::bundle::store::{Record, Stored};
use crate::host::bundle::unpack::{Limits, Unpacked, unpack};
use crate::host::disk;
use crate::machine::effect::{Arrived, Effect};
use crate::machine::{guard, policy};

/// Folders that a path of an archive may go down.
const DEPTH: usize = 64;

/// What is ordered, with the overrides that count.
pub(super) struct Wish<'a> {
    pub(super) order: &'a BundleOrder,
    pub(super) by_server: bool,
    pub(super) approve: &'a [Reason],
}

impl Inner {
    /// Takes the bundle of a `Download`.
    pub(in crate::host::local) fn receive(
        &mut self,
        download: &Effect,
        content: &mut dyn Read,
    ) -> Result<Arrived, Failure> {
        let Effect::Download { order, assignment, approve, .. } = download else {
            return Err(Failure::new(Reason::State, "only a download brings a bundle"));
        };
        let by_server = assignment.is_some();
        let rules = &self.settings.rules.policy;
        let counting: Vec<Reason> =
            approve.iter().copied().filter(|reason| !by_server || policy::server_may(*reason, rules)).collect();
        let wish = Wish { order, by_server, approve: &counting };
        let taken = self.take_in(&wish, content).map_err(|failure| policy::with_setting(failure, by_server, rules));
        let (stored, warnings) = taken?;
        Ok(Arrived { version: stored.record.version.clone(), packages: self.declared(&stored.description)?, warnings })
    }

    fn take_in(&self, wish: &Wish<'_>, content: &mut dyn Read) -> Result<(Stored, Vec<String>), Failure> {
        let order = wish.order;
        let vouched = self.vouch(order)?;
        let manifest = vouched.as_ref().map(|vouched| &vouched.manifest);
        if let Some(version) = manifest.map(|manifest| &manifest.version).or(order.version.as_ref()) {
            self.refuse_version(version, wish)?;
        }
        let by = vouched.as_ref().and_then(|vouched| vouched.by.clone());
        if let Some(stored) = self.store().find(&order.sha256)? {
            self.refuse_version(&stored.record.version, wish)?;
            let stored = self.vouched_again(stored, manifest, by.as_deref())?;
            let warnings = warnings(stored.record.vouched_by.as_deref());
            return Ok((stored, warnings));
        }
        if order.source == BundleSource::Kept {
            let message = format!("the bundle {} is not kept any more; fetch it again", order.sha256);
            return Err(Failure::new(Reason::BadBundle, message));
        }
        let arriving = self.store().begin()?;
        let taken = self.unpack_into(&arriving, order, manifest, wish, content).and_then(|(record, description)| {
            let record = Record { vouched_by: by.clone(), ..record };
            self.refuse_to_replace(&record)?;
            self.store().admit(&arriving, &record)?;
            let tree = self.settings.host_dir().join("bundles").join(record.version.as_str()).join("tree");
            Ok(Stored { tree, record, description })
        });
        let stored = taken.inspect_err(|_| {
            // The reason of the failure matters more than the leftover, which the next arrival removes.
            let _ = self.store().remove_leftovers();
        })?;
        Ok((stored, warnings(by.as_deref())))
    }

    /// A bundle that is on the device already, with what vouches for it now.
    fn vouched_again(
        &self,
        mut stored: Stored,
        manifest: Option<&Manifest>,
        by: Option<&str>,
    ) -> Result<Stored, Failure> {
        let version = &stored.record.version;
        if let Some(other) = manifest.map(|manifest| &manifest.version).filter(|other| !other.is_same(version)) {
            let message = format!("the manifest is of {other} and the archive is kept as {version}; publish it again");
            return Err(Failure::new(Reason::BadManifest, message));
        }
        if by.is_some() && stored.record.vouched_by.as_deref() != by {
            stored.record.vouched_by = by.map(ToOwned::to_owned);
            self.store().record(&stored.record)?;
        }
        self.refuse_unvouched(&stored.record)?;
        Ok(stored)
    }

    /// Refuses to replace a version by other content while a way back may have to run the old one.
    fn refuse_to_replace(&self, record: &Record) -> Result<(), Failure> {
        let there = self.store().of_version(&record.version).ok().flatten();
        let other = there.is_some_and(|there| there.record.sha256 != record.sha256);
        if other && self.run_on_the_way_back()?.contains(record.version.as_str()) {
            let message = format!(
                "{} is on the device with other content, and going back may have to run that; publish it as another \
                 version",
                record.version
            );
            return Err(Failure::new(Reason::BadBundle, message));
        }
        Ok(())
    }

    fn unpack_into(
        &self,
        arriving: &Path,
        order: &BundleOrder,
        manifest: Option<&Manifest>,
        wish: &Wish<'_>,
        content: &mut dyn Read,
    ) -> Result<(Record, Description), Failure> {
        let tree = arriving.join("tree");
        let settings = &self.settings.bundle;
        let limits = Limits {
            bytes: settings.max_bytes,
            entries: settings.max_entries,
            ratio: settings.max_ratio,
            depth: DEPTH,
            reserve: self.settings.rules.guard.reserve_bytes,
        };
        let unpacked = unpack(content, &tree, &limits)?;
        hold_to(&unpacked, order, manifest)?;
        let description = Description::read(&tree)?;
        allow_setuid(&tree, &unpacked, &description)?;
        if matches!(description.content, Content::Payload(_)) {
            write_installer(&tree, &description)?;
        }
        let version = version_of(&description, manifest, order)?;
        self.refuse_version(&version, wish)?;
        let record = Record { version, sha256: unpacked.sha256, bytes: unpacked.bytes, vouched_by: None };
        Ok((record, description))
    }

    /// Refuses a version that this device must not get now.
    fn refuse_version(&self, version: &ReleaseVersion, wish: &Wish<'_>) -> Result<(), Failure> {
        let entries = self.ledger.entries();
        let denied = entries.denied_releases.iter().any(|denied| denied.is_same(version));
        if denied && wish.by_server && !wish.approve.contains(&Reason::Denied) {
            let message = format!("this device went back from {version} before; deploy another version");
            return Err(Failure::new(Reason::Denied, message));
        }
        let Some(there) = entries.bundle_in_force().map(|part| &part.version) else { return Ok(()) };
        let older = version.compare(there) == Some(std::cmp::Ordering::Less);
        if older && wish.order.source != BundleSource::Kept && !wish.approve.contains(&Reason::OlderVersion) {
            let message = format!(
                "{version} is older than {there}, which is in force; go back instead (belay-agent rollback --to \
                 {version}){}",
                guard::how_to_approve(Reason::OlderVersion)
            );
            return Err(Failure::new(Reason::OlderVersion, message));
        }
        Ok(())
    }

    /// The packages that a bundle declares, under the names that they have on this device.
    pub(super) fn declared(&self, description: &Description) -> Result<PackageList, Failure> {
        description.packages.on(self.device.architecture()).map_err(|package| {
            Failure::new(Reason::BadBundle, format!("the bundle declares {package} in two versions; keep one"))
        })
    }
}

fn hold_to(unpacked: &Unpacked, order: &BundleOrder, manifest: Option<&Manifest>) -> Result<(), Failure> {
    let size = order.size.or(manifest.and_then(|manifest| manifest.size));
    if let Some(size) = size.filter(|size| *size != unpacked.size) {
        let message = format!("the bundle has {} bytes and must have {size}; it was not used", unpacked.size);
        return Err(Failure::new(Reason::SizeMismatch, message));
    }
    if unpacked.sha256 != order.sha256 {
        let message = format!(
            "the bundle has the digest {} and must have {}; it was not used. Publish it again, or look who changed it",
            unpacked.sha256, order.sha256
        );
        return Err(Failure::new(Reason::DigestMismatch, message));
    }
    Ok(())
}

fn allow_setuid(tree: &Path, unpacked: &Unpacked, description: &Description) -> Result<(), Failure> {
    for (path, mode) in &unpacked.setuid {
        if !description.setuid.contains(path) {
            let message = format!(
                "{} would run with another user's rights (mode {mode:o}) and belay.toml does not declare it; add it to \
                 setuid, or take the bit off",
                path.as_path().display()
            );
            return Err(Failure::new(Reason::UnpackSetuid, message));
        }
        let full = tree.join(path.as_path());
        std::fs::set_permissions(&full, std::fs::Permissions::from_mode(*mode))
            .map_err(|error| disk::failure("give its mode to", &full, &error))?;
    }
    Ok(())
}

/// One version, whoever names it.
fn version_of(
    description: &Description,
    manifest: Option<&Manifest>,
    order: &BundleOrder,
) -> Result<ReleaseVersion, Failure> {
    let named = [
        ("the manifest", manifest.map(|manifest| &manifest.version)),
        ("the order", order.version.as_ref()),
        ("the bundle itself", description.version.as_ref()),
    ];
    let mut known = named.into_iter().filter_map(|(who, version)| Some((who, version?)));
    let Some((first, version)) = known.next() else {
        let message = "neither the order nor the bundle names a version; write `version` into belay.toml";
        return Err(Failure::new(Reason::BadBundle, message));
    };
    match known.find(|(_, other)| !other.is_same(version)) {
        None => Ok(version.clone()),
        Some((other, another)) => {
            let message = format!("{first} says version {version} and {other} says {another}; publish it again");
            Err(Failure::new(Reason::BadBundle, message))
        }
    }
}

fn warnings(vouched_by: Option<&str>) -> Vec<String> {
    match vouched_by {
        Some(_) => Vec::new(),
        None => vec!["nobody vouches for this bundle: no key is pinned on this device".to_owned()],
    }
}

/// The old recorder's format has no script: this one puts its files in place.
fn write_installer(tree: &Path, description: &Description) -> Result<(), Failure> {
    let Content::Payload(files) = &description.content else { return Ok(()) };
    let mut script = "#!/bin/sh\nset -eu\n".to_owned();
    for file in files {
        let path = file.path.as_path().display().to_string();
        let folder = file.path.as_path().parent().map(|folder| folder.display().to_string()).unwrap_or_default();
        let (from, to) = (quoted(&format!("payload/{path}")), quoted(&format!("/{path}")));
        script += &format!(
            "mkdir -p {}\ncp -p {from} {to}.belay-new\nmv -f {to}.belay-new {to}\n",
            quoted(&format!("/{folder}"))
        );
    }
    disk::write(&tree.join(INSTALLER), script.as_bytes(), disk::Attributes::mode(0o755))
}

/// As one word of a shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}
