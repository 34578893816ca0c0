//! A bundle, as the command line names it: a file is put to the agent, an address is passed on.

use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};

use belay_protocol::Sha256;
use belay_protocol::bundle::{LONGEST_MANIFEST, Manifest, SignedManifest};
use belay_protocol::local::{BundleRequest, Uploaded};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::arguments::BundleArguments;
use super::client::{Client, ClientError};

/// Why a bundle cannot be asked for.
#[derive(Debug, thiserror::Error)]
pub(super) enum BundleError {
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error("{0}: there is no such file, and an address begins with https://")]
    Missing(String),
    #[error("an address needs --sha256 or --manifest: else nobody knows what it must give")]
    NoDigest,
    #[error("cannot read {}: {source}", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("{} has more than {LONGEST_MANIFEST} bytes, so it is no manifest", .0.display())]
    TooLong(PathBuf),
    #[error("{} has the digest {found}, not {wanted}: it is damaged, or another file", path.display())]
    Digest { path: PathBuf, found: Sha256, wanted: Sha256 },
}

/// What to ask the agent for. A file is on the device when this returns.
pub(super) async fn request(
    client: &Client,
    asked: &BundleArguments,
    named: &str,
    shown: bool,
) -> Result<BundleRequest, BundleError> {
    let manifest = asked.manifest.as_deref().map(|path| manifest(path, asked.signature.as_deref())).transpose()?;
    let request = BundleRequest { version: asked.of_version.clone(), manifest, ..BundleRequest::default() };
    if named.contains("://") {
        if asked.sha256.is_none() && request.manifest.is_none() {
            return Err(BundleError::NoDigest);
        }
        return Ok(BundleRequest { url: Some(named.to_owned()), sha256: asked.sha256, ..request });
    }
    let path = Path::new(named);
    if !path.is_file() {
        return Err(BundleError::Missing(named.to_owned()));
    }
    let Uploaded { sha256, .. } = upload(client, path, shown).await?;
    if let Some(wanted) = asked.sha256.filter(|wanted| *wanted != sha256) {
        return Err(BundleError::Digest { path: path.to_owned(), found: sha256, wanted });
    }
    let manifest = request.manifest.or_else(|| beside(path, sha256));
    Ok(BundleRequest { uploaded: Some(sha256), manifest, ..request })
}

/// The manifest that lies next to an archive, if it is that archive's.
fn beside(archive: &Path, sha256: Sha256) -> Option<SignedManifest> {
    let path = archive.with_file_name("manifest.json");
    let found = manifest(&path, None).ok()?;
    let fits = Manifest::parse(&found.text).is_ok_and(|manifest| manifest.sha256 == Some(sha256));
    fits.then_some(found)
}

/// A manifest with its signature: the one that is named, else the one next to it.
fn manifest(path: &Path, signature: Option<&Path>) -> Result<SignedManifest, BundleError> {
    let text = read(path)?;
    let signature = match signature {
        Some(signature) => Some(read(signature)?),
        None => {
            let beside = path.with_file_name("manifest.sig");
            if beside.is_file() { Some(read(&beside)?) } else { None }
        }
    };
    Ok(SignedManifest { text, signature })
}

fn read(path: &Path) -> Result<String, BundleError> {
    let unreadable = |source| BundleError::Unreadable { path: path.to_owned(), source };
    if std::fs::metadata(path).map_err(unreadable)?.len() > LONGEST_MANIFEST as u64 {
        return Err(BundleError::TooLong(path.to_owned()));
    }
    std::fs::read_to_string(path).map_err(unreadable)
}

async fn upload(client: &Client, path: &Path, shown: bool) -> Result<Uploaded, BundleError> {
    let unreadable = |source| BundleError::Unreadable { path: path.to_owned(), source };
    let file = tokio::fs::File::open(path).await.map_err(unreadable)?;
    let size = file.metadata().await.map_err(unreadable)?.len();
    let bar = bar(size, shown);
    let uploaded = client.put("/bundles", file, size, bar.clone()).await;
    bar.finish_and_clear();
    Ok(uploaded?)
}

fn bar(size: u64, shown: bool) -> ProgressBar {
    if !shown || !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{prefix:>14} [{bar:30}] {bytes} of {total_bytes}, {bytes_per_sec}");
    let bar = ProgressBar::with_draw_target(Some(size), ProgressDrawTarget::stderr()).with_prefix("uploading");
    bar.with_style(style.expect("a fixed template").progress_chars("=> "))
}

#[cfg(test)]
mod tests;
