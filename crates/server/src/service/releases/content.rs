//! What a release installs: read from what was asked for, held to its manifest, and boiled down to a digest.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use belay_protocol::admin::{CreateBundle, CreateManifest, CreateRelease};
use belay_protocol::bundle::{Manifest, SignedManifest};
use belay_protocol::{PackageList, Reason, Sha256};
use jiff::Timestamp;
use serde_json::Value;
use sha2::Digest;

use crate::domain::Payload;
use crate::service::ServiceError;

/// What is known of an archive on this server.
#[derive(Debug, Clone, Copy)]
pub(super) struct Archive {
    /// How many bytes it has; none where this server does not keep it.
    pub(super) kept: Option<u64>,
}

/// What was asked for, if it makes sense; `archive` is what is known of the archive where there is one.
pub(super) fn payload(
    release: &CreateRelease,
    archive: Option<Archive>,
    now: Timestamp,
) -> Result<Payload, ServiceError> {
    if let Some(code) = release.approve.iter().find(|code| Reason::ALL.iter().all(|reason| reason.code() != **code)) {
        let message = format!("{code:?} is no refusal that a device knows; look at the reason that it gave");
        return Err(ServiceError::of_field("approve", "unknown_reason", message));
    }
    check_notes(&release.notes)?;
    let manifest = release.manifest.as_ref().map(|given| manifest(release, given)).transpose()?;
    let approve: BTreeSet<_> = release.approve.iter().cloned().collect();
    let approve = approve.into_iter().collect();
    match &release.bundle {
        None => packages(release, approve, manifest),
        Some(_) if !release.packages.is_empty() => {
            let message = "a release has packages or a bundle; a bundle names its packages in belay.toml";
            Err(ServiceError::of_field("bundle", "two_payloads", message))
        }
        Some(bundle) => self::bundle(release, bundle, archive, approve, manifest, now),
    }
}

/// Whether notes are not too long.
pub(super) fn check_notes(notes: &str) -> Result<(), ServiceError> {
    if notes.len() > LONGEST_NOTES {
        let message = format!("notes have at most {LONGEST_NOTES} bytes; point to a longer text");
        return Err(ServiceError::of_field("notes", "too_long", message));
    }
    Ok(())
}

/// The digest of what devices are made to do: the kind, the list in its order or the archive, the overridden refusals in
/// theirs, what the manifest says and which key signed it, one line each. None of them can hold a line break. Notes, the
/// ring and the instant of the manifest are not part of it, nor is the signature itself, which differs each time: who
/// publishes the same once more has published the same.
pub(super) fn digest(payload: &Payload) -> Sha256 {
    let mut text = format!("{}\n", payload.kind().word());
    let approve = match payload {
        Payload::Packages { packages, approve, manifest: _ } => {
            packages.specs().iter().for_each(|spec| text.push_str(&format!("package {spec}\n")));
            approve
        }
        Payload::Bundle { sha256, size, url, manifest: _, approve } => {
            text.push_str(&format!("sha256 {sha256}\nsize {size}\n"));
            url.iter().for_each(|url| text.push_str(&format!("url {url}\n")));
            approve
        }
    };
    approve.iter().for_each(|code| text.push_str(&format!("approve {code}\n")));
    if let Some(manifest) = payload.manifest() {
        text.push_str(&format!("manifest {}\n", sha256_of(&essence(&manifest.text))));
        let signature = manifest.signature.as_deref().and_then(key_of);
        signature.iter().for_each(|key| text.push_str(&format!("signed {key}\n")));
    }
    sha256_of(&text)
}

/// The name of the archive's file, as its manifest says; none for a package list.
pub(super) fn archive_name(payload: &Payload) -> Option<String> {
    payload.archive()?;
    let manifest = Manifest::parse(&payload.manifest()?.text).ok()?;
    Some(manifest.archive)
}

fn packages(
    release: &CreateRelease,
    approve: Vec<String>,
    manifest: Option<(Manifest, SignedManifest)>,
) -> Result<Payload, ServiceError> {
    let packages = PackageList::from_lines(release.packages.iter().map(String::as_str))
        .map_err(|error| ServiceError::of_field("packages", "bad_package_list", error.to_string()))?;
    if packages.is_empty() {
        let message = "a release needs a bundle, or at least one package; write one per line, such as demo-app=1.2";
        return Err(ServiceError::of_field("packages", "no_packages", message));
    }
    let manifest = match manifest {
        Some((says, signed)) if says.packages.as_ref() == Some(&packages) => Some(signed),
        Some(_) => return Err(differs("packages")),
        None => None,
    };
    Ok(Payload::Packages { packages, approve, manifest })
}

fn bundle(
    release: &CreateRelease,
    bundle: &CreateBundle,
    archive: Option<Archive>,
    approve: Vec<String>,
    manifest: Option<(Manifest, SignedManifest)>,
    now: Timestamp,
) -> Result<Payload, ServiceError> {
    bundle.url.as_deref().map(check_url).transpose()?;
    let kept = archive.and_then(|archive| archive.kept);
    if kept.is_none() && bundle.url.is_none() {
        return Err(crate::service::artifacts::missing(bundle.sha256));
    }
    let told = manifest.as_ref().and_then(|(says, _)| says.size);
    let Some(size) = kept.or(bundle.size).or(told) else {
        let message = "this server does not keep the archive, so say how many bytes it has";
        return Err(ServiceError::of_field("bundle.size", "size_needed", message));
    };
    if bundle.size.is_some_and(|said| said != size) {
        let message = format!("the archive that is kept here has {size} bytes; correct the size, or leave it out");
        return Err(ServiceError::of_field("bundle.size", "size_mismatch", message));
    }
    let manifest = match manifest {
        Some((says, _)) if says.sha256 != Some(bundle.sha256) => return Err(differs("sha256")),
        Some((says, _)) if says.size != Some(size) => return Err(differs("size")),
        Some((_, signed)) => signed,
        None => written(release, bundle.sha256, size, now),
    };
    Ok(Payload::Bundle { sha256: bundle.sha256, size, url: bundle.url.clone(), manifest, approve })
}

/// The manifest of a bundle that came without one.
fn written(release: &CreateRelease, sha256: Sha256, size: u64, now: Timestamp) -> SignedManifest {
    let manifest = Manifest {
        version: release.name.version.clone(),
        device_type: release.name.device_type.clone(),
        distribution: release.name.distribution.clone(),
        archive: USUAL_ARCHIVE.to_owned(),
        sha256: Some(sha256),
        size: Some(size),
        packages: None,
        notes: String::new(),
        created_at: now,
    };
    let text = serde_json::to_string_pretty(&manifest).expect("a manifest has only text keys");
    SignedManifest { text: text + "\n", signature: None }
}

/// A manifest that was sent, if it is one and names this release. Its ring may be another: promoted releases keep theirs.
fn manifest(release: &CreateRelease, given: &CreateManifest) -> Result<(Manifest, SignedManifest), ServiceError> {
    let says = Manifest::parse(&given.text)
        .map_err(|error| ServiceError::of_field("manifest", "bad_manifest", error.to_string()))?;
    if says.device_type != release.name.device_type {
        return Err(differs("device_type"));
    }
    if says.version != release.name.version {
        return Err(differs("version"));
    }
    if let Some(signature) = &given.signature
        && (signature.len() > LONGEST_SIGNATURE || key_of(signature).is_none())
    {
        let message = "this is no signature in minisign's format: send the whole content of manifest.sig, four lines";
        return Err(ServiceError::of_field("manifest.signature", "bad_signature", message));
    }
    Ok((says, SignedManifest { text: given.text.clone(), signature: given.signature.clone() }))
}

fn differs(what: &str) -> ServiceError {
    let message = format!("the manifest names another {what} than the release; publish what the manifest is for");
    ServiceError::of_field("manifest", "manifest_differs", message)
}

fn check_url(text: &str) -> Result<(), ServiceError> {
    let url = reqwest::Url::parse(text).ok().filter(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && url.username().is_empty()
            && url.password().is_none()
    });
    let message = "it is no address that devices can fetch from: write it like https://cdn.example.org/update.tar.gz";
    url.map(drop).ok_or_else(|| ServiceError::of_field("bundle.url", "bad_url", message))
}

/// The number of the key that made a signature in minisign's format; none where it is no signature. Whether it is a good
/// one is for devices to say: this server has no keys.
fn key_of(signature: &str) -> Option<String> {
    let mut lines = signature.lines();
    let (untrusted, own, trusted, global) = (lines.next()?, lines.next()?, lines.next()?, lines.next()?);
    if lines.any(|line| !line.trim().is_empty())
        || !untrusted.starts_with("untrusted comment: ")
        || !trusted.starts_with("trusted comment: ")
    {
        return None;
    }
    let (own, global) = (STANDARD.decode(own.trim()).ok()?, STANDARD.decode(global.trim()).ok()?);
    let known = own.starts_with(b"Ed") || own.starts_with(b"ED");
    if !known || own.len() != SIGNATURE || global.len() != GLOBAL_SIGNATURE {
        return None;
    }
    Some(own[2..10].iter().map(|byte| format!("{byte:02x}")).collect())
}

/// What a manifest says beyond when, for whom first and in which words.
fn essence(text: &str) -> String {
    let Ok(mut says) = serde_json::from_str::<BTreeMap<String, Value>>(text) else { return text.to_owned() };
    says.retain(|name, _| !["created_at", "notes", "distribution"].contains(&name.as_str()));
    serde_json::to_string(&says).expect("it was JSON before")
}

fn sha256_of(text: &str) -> Sha256 {
    Sha256::from_bytes(sha2::Sha256::digest(text).into())
}

/// What the archive of a bundle is called where nobody says.
const USUAL_ARCHIVE: &str = "update.tar.gz";
const LONGEST_NOTES: usize = 65_536;
const LONGEST_SIGNATURE: usize = 4_096;
/// Two letters for how it is made, the key's number, and the signature.
const SIGNATURE: usize = 2 + 8 + 64;
const GLOBAL_SIGNATURE: usize = 64;

#[cfg(test)]
mod tests;
