//! A bundle as it is posted: where its archive comes from, and what it must be. Pure.

use belay_protocol::bundle::{BundleOrder, BundleSource, Manifest, SignedManifest};
use belay_protocol::local::{BundleRequest, KeptBundle};
use belay_protocol::{ReleaseVersion, Sha256};
use serde_json::Value;

use super::body::{Fields, bad};
use super::errors::Refusal;

/// A bundle that somebody wants installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wanted {
    /// It is known which archive.
    Ordered(Box<BundleOrder>),
    /// The one of that version that the device kept; the store knows its digest.
    Kept(ReleaseVersion),
}

/// Understands the field `bundle`.
pub(super) fn read(value: Value) -> Result<Wanted, Refusal> {
    let Value::Object(object) = value else {
        return Err(bad("bundle", "it is an object with url, uploaded or kept"));
    };
    let known = ["url", "uploaded", "kept", "sha256", "version", "manifest"];
    let fields = Fields::within("bundle.", object, &known)?;
    wanted(BundleRequest {
        url: fields.take("url")?,
        uploaded: fields.take("uploaded")?,
        kept: fields.take("kept")?,
        sha256: fields.take("sha256")?,
        version: fields.take("version")?,
        manifest: fields.take::<Option<Value>>("manifest")?.map(signed).transpose()?,
    })
}

/// The order for the bundle of that version among the kept ones.
pub(super) fn kept(bundles: &[KeptBundle], version: &ReleaseVersion) -> Option<BundleOrder> {
    let found = bundles.iter().find(|bundle| bundle.version.is_same(version))?;
    Some(BundleOrder {
        source: BundleSource::Kept,
        sha256: found.sha256,
        size: None,
        version: Some(found.version.clone()),
        manifest: None,
    })
}

fn signed(value: Value) -> Result<SignedManifest, Refusal> {
    let Value::Object(object) = value else {
        return Err(bad("bundle.manifest", "it is an object with the manifest's exact text and its signature"));
    };
    let fields = Fields::within("bundle.manifest.", object, &["text", "signature"])?;
    let text: Option<String> = fields.take("text")?;
    let text = text.ok_or_else(|| bad("bundle.manifest.text", "the field is missing"))?;
    Ok(SignedManifest { text, signature: fields.take("signature")? })
}

fn wanted(request: BundleRequest) -> Result<Wanted, Refusal> {
    let BundleRequest { url, uploaded, kept, sha256, version, manifest } = request;
    let source = match (url, uploaded, kept) {
        (Some(url), None, None) => Source::Url(url),
        (None, Some(uploaded), None) => Source::Uploaded(uploaded),
        (None, None, Some(kept)) => {
            let other =
                [("sha256", sha256.is_some()), ("version", version.is_some()), ("manifest", manifest.is_some())];
            return match other.iter().find(|(_, given)| *given) {
                None => Ok(Wanted::Kept(kept)),
                Some((name, _)) => {
                    Err(bad(&format!("bundle.{name}"), "what the device kept, it knows already; leave it out"))
                }
            };
        }
        _ => return Err(bad("bundle", "exactly one of url, uploaded and kept says where it comes from")),
    };
    let vouched = manifest.as_ref().map(|manifest| Vouched::by(&manifest.text)).transpose()?;
    let sha256 = digest_of(&source, sha256, vouched.as_ref())?;
    if let (Some(version), Some(vouched)) = (&version, &vouched)
        && !version.is_same(&vouched.version)
    {
        return Err(Refusal::BadManifest(format!("it is of version {}, not of {version}", vouched.version)));
    }
    let (vouched_version, size) = vouched.map(|vouched| (vouched.version, vouched.size)).unzip();
    let source = match source {
        Source::Url(url) => BundleSource::Url { url },
        Source::Uploaded(_) => BundleSource::Upload,
    };
    Ok(Wanted::Ordered(Box::new(BundleOrder { source, sha256, size, version: version.or(vouched_version), manifest })))
}

/// Where the archive comes from, with what that says of it.
enum Source {
    Url(String),
    Uploaded(Sha256),
}

/// What a manifest says of an archive.
struct Vouched {
    version: ReleaseVersion,
    sha256: Sha256,
    size: u64,
}

impl Vouched {
    /// Whether a key signed it is judged where the keys are.
    fn by(text: &str) -> Result<Self, Refusal> {
        let manifest = Manifest::parse(text).map_err(|error| Refusal::BadManifest(error.to_string()))?;
        match (manifest.sha256, manifest.size) {
            (Some(sha256), Some(size)) => Ok(Self { version: manifest.version, sha256, size }),
            _ => Err(Refusal::BadManifest("it is of a package list, not of a bundle".to_owned())),
        }
    }
}

fn digest_of(source: &Source, named: Option<Sha256>, vouched: Option<&Vouched>) -> Result<Sha256, Refusal> {
    let sha256 = match source {
        Source::Url(url) => {
            if !(url.starts_with("https://") || url.starts_with("http://")) {
                return Err(bad("bundle.url", "it begins with https://"));
            }
            let missing = "without it nobody knows what the address must give; a manifest may have it instead";
            named.or(vouched.map(|vouched| vouched.sha256)).ok_or_else(|| bad("bundle.sha256", missing))?
        }
        Source::Uploaded(uploaded) if named.is_some_and(|named| named != *uploaded) => {
            return Err(bad("bundle.sha256", "it is another one than bundle.uploaded"));
        }
        Source::Uploaded(uploaded) => *uploaded,
    };
    match vouched.filter(|vouched| vouched.sha256 != sha256) {
        None => Ok(sha256),
        Some(other) => {
            Err(Refusal::BadManifest(format!("it vouches for the archive {}, not for {sha256}", other.sha256)))
        }
    }
}

#[cfg(test)]
mod tests;
