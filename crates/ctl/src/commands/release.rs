//! `belayctl release …`

use std::path::{Path, PathBuf};

use belay_protocol::admin::{PromoteRelease, ReleaseCheck, ReleaseName, ReleaseView};
use serde::Serialize;
use utoipa::ToSchema;

use super::all;
use super::publish::Published;
use crate::arguments::{Release, ReleaseArguments};
use crate::client::Client;
use crate::error::CtlError;
use crate::exit::Exit;
use crate::files::{Fresh, meant};
use crate::output::Output;
use crate::transfer::{self, Archive};
use crate::{render, signing};

/// What `release verify` answers.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Verified {
    /// What the server found.
    #[serde(flatten)]
    pub(crate) check: ReleaseCheck,
    /// Whether the key that was given signed the manifest; none where none was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) signed_by_key: Option<bool>,
}

pub(super) async fn run(client: &Client, output: &Output, verb: Release) -> Result<Exit, CtlError> {
    match verb {
        // Both may be asked of nobody, and are called before there is a client.
        Release::Publish(_) | Release::Watch(_) => {}
        Release::List { device_type, distribution } => {
            let query = [("device_type", device_type), ("distribution", distribution)];
            let releases: Vec<ReleaseView> = all(client, &["releases"], &query).await?;
            output.answer(&releases, |releases, page| render::release::list(releases, page));
        }
        Release::Show { name } => {
            let release: ReleaseView = client.fetch(&of(&name.into(), &[]), &[]).await?;
            output.answer(&release, render::release::one);
        }
        Release::Verify { name, key } => return verify(client, output, &name.into(), key.as_deref()).await,
        Release::Promote { name, to } => {
            let to = PromoteRelease { distribution: to };
            let (release, new) = client.create(&of(&name.into(), &["promote"]), &to).await?;
            let promoted = Published { release, new, warnings: Vec::new(), check: None };
            output.answer(&promoted, render::release::published);
        }
        Release::Notes { name, set, file } => notes(client, output, &name.into(), set, file).await?,
        Release::Download { name, file, with_manifest, force } => {
            download(client, output, &name.into(), file, with_manifest, force).await?;
        }
        Release::Delete { name } => {
            let name = ReleaseName::from(name);
            client.delete(&of(&name, &[])).await?;
            output.answer(&name, |name, _| format!("{name} is deleted"));
        }
    }
    Ok(Exit::Done)
}

async fn verify(client: &Client, output: &Output, name: &ReleaseName, key: Option<&Path>) -> Result<Exit, CtlError> {
    let check: ReleaseCheck = client.fetch(&of(name, &["verify"]), &[]).await?;
    let signed_by_key = match key {
        Some(_) if !check.signed => Some(false),
        Some(key) => {
            let manifest = client.text(&of(name, &["manifest.json"])).await?;
            let signature = client.text(&of(name, &["manifest.sig"])).await?;
            match signing::verify_text(key, &manifest, &signature, Path::new("manifest.sig")) {
                // The key itself cannot be used, which says nothing of the release.
                Err(CtlError::Key { path, problem }) if path == key => return Err(CtlError::Key { path, problem }),
                Err(error @ CtlError::File { .. }) => return Err(error),
                verified => Some(verified.is_ok()),
            }
        }
        None => None,
    };
    let verified = Verified { check, signed_by_key };
    output.answer(&verified, render::release::verified);
    let good = is_good(&verified.check) && verified.signed_by_key != Some(false);
    Ok(if good { Exit::Done } else { Exit::Failed })
}

async fn notes(
    client: &Client,
    output: &Output,
    name: &ReleaseName,
    set: Option<String>,
    file: Option<PathBuf>,
) -> Result<(), CtlError> {
    let text = match (set, file) {
        (Some(text), _) => Some(text),
        (None, Some(file)) => Some(signing::read(&file)?),
        (None, None) => None,
    };
    let release: ReleaseView = match text {
        Some(text) => client.put_text(&of(name, &["notes"]), text).await?,
        None => client.fetch(&of(name, &[]), &[]).await?,
    };
    output.answer(&release, |release, _| release.notes.clone());
    Ok(())
}

async fn download(
    client: &Client,
    output: &Output,
    name: &ReleaseName,
    file: Option<PathBuf>,
    with_manifest: bool,
    force: bool,
) -> Result<(), CtlError> {
    let release: ReleaseView = client.fetch(&of(name, &[]), &[]).await?;
    let file = file.unwrap_or_else(|| match &release.bundle {
        // What a manifest says is no path that is written to.
        Some(bundle) => Path::new(&bundle.archive).file_name().map_or_else(|| "update.tar.gz".into(), PathBuf::from),
        None => format!("{}-{}.list", name.device_type, name.version).into(),
    });
    let mut texts = Vec::new();
    if release.bundle.is_none() {
        texts.push((file.clone(), release.packages.join("\n") + "\n"));
    }
    for what in ["manifest.json", "manifest.sig"].into_iter().filter(|_| with_manifest) {
        let text = found(client.text(&of(name, &[what])).await)?;
        texts.extend(text.map(|text| (file.with_file_name(what), text)));
    }
    let texts: Vec<Fresh<'_>> = texts.iter().map(|(path, text)| Fresh::text(path, text, force)).collect();
    texts.iter().try_for_each(Fresh::check)?;
    if let Some(bundle) = &release.bundle {
        let archive = Archive::elsewhere(bundle.archive.clone(), bundle.sha256, bundle.size);
        if !is_there(&file, &archive, force, output)? {
            transfer::fetch(client, &of(name, &["download"]), &archive, &file, output).await?;
        }
    }
    texts.into_iter().try_for_each(Fresh::write)?;
    output.answer(&release, |release, _| render::release::downloaded(release, &file));
    Ok(())
}

/// Whether this very archive lies there. Another file is not written over, unless that is meant.
fn is_there(file: &Path, archive: &Archive, force: bool, output: &Output) -> Result<bool, CtlError> {
    if !file.exists() && !file.is_symlink() {
        return Ok(false);
    }
    if file.is_file() && transfer::look_at(file, output)?.sha256 == archive.sha256 {
        return Ok(true);
    }
    meant(file, force).map(|()| false)
}

/// Whether the server has all that it should of a release.
pub(super) fn is_good(found: &ReleaseCheck) -> bool {
    found.missing.is_empty() && found.sha256_match != Some(false)
}

/// What is there; nothing where the server says that there is none.
pub(super) fn found<T>(answer: Result<T, CtlError>) -> Result<Option<T>, CtlError> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(CtlError::Refused(refusal)) if refusal.error == "not_found" => Ok(None),
        Err(error) => Err(error),
    }
}

/// The path of a release, and of what belongs to it.
pub(super) fn of<'a>(name: &'a ReleaseName, what: &[&'a str]) -> Vec<&'a str> {
    let (device_type, distribution) = (name.device_type.as_str(), name.distribution.as_str());
    let mut path = vec!["releases", device_type, distribution, name.version.as_str()];
    path.extend(what);
    path
}

impl From<ReleaseArguments> for ReleaseName {
    fn from(name: ReleaseArguments) -> Self {
        Self { device_type: name.device_type, distribution: name.distribution, version: name.version }
    }
}
