//! `belayctl release …`

use std::path::PathBuf;

use belay_protocol::admin::{PromoteRelease, ReleaseCheck, ReleaseName, ReleaseView};

use super::publish::Archive;
use super::{all, publish, transfer};
use crate::arguments::{Release, ReleaseArguments};
use crate::client::Client;
use crate::error::CtlError;
use crate::exit::Exit;
use crate::output::Output;
use crate::{render, signing};

pub(super) async fn run(client: &Client, output: &Output, verb: Release) -> Result<Exit, CtlError> {
    match verb {
        Release::Publish(publish) => publish::publish(client, output, *publish).await?,
        Release::List { device_type, distribution } => {
            let query = [("device_type", device_type), ("distribution", distribution)];
            let releases: Vec<ReleaseView> = all(client, &["releases"], &query).await?;
            output.answer(&releases, |releases, page| render::release::list(releases, page));
        }
        Release::Verify { name } => {
            let found: ReleaseCheck = client.fetch(&of(&name, &["verify"]), &[]).await?;
            output.answer(&found, render::release::checked);
            let good = found.missing.is_empty() && found.sha256_match != Some(false);
            return Ok(if good { Exit::Done } else { Exit::Failed });
        }
        Release::Promote { name, to } => {
            let to = PromoteRelease { distribution: to };
            let promoted: ReleaseView = client.post(&of(&name, &["promote"]), &to).await?;
            output.answer(&promoted, render::release::published);
        }
        Release::Notes { name, set, file } => notes(client, output, &name, set, file).await?,
        Release::Download { name, file } => download(client, output, &name, file).await?,
        Release::Delete { name } => {
            client.delete(&of(&name, &[])).await?;
            let name = ReleaseName::from(name.clone());
            output.answer(&name, |name, _| format!("{name} is deleted"));
        }
    }
    Ok(Exit::Done)
}

async fn notes(
    client: &Client,
    output: &Output,
    name: &ReleaseArguments,
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
    name: &ReleaseArguments,
    file: Option<PathBuf>,
) -> Result<(), CtlError> {
    let release: ReleaseView = client.fetch(&of(name, &[]), &[]).await?;
    let Some(bundle) = release.bundle.clone() else {
        return Err(CtlError::Usage(format!("{} is a package list; only bundles have an archive", release.name)));
    };
    // What a manifest says is no path that is written to.
    let own = PathBuf::from(&bundle.archive).file_name().map(PathBuf::from);
    let file = file.or(own).unwrap_or_else(|| "update.tar.gz".into());
    let archive = Archive { name: bundle.archive, sha256: bundle.sha256, size: bundle.size };
    transfer::fetch(client, &of(name, &["download"]), &archive, &file, output).await?;
    output.answer(&release, |_, _| format!("{} is written: {} bytes", file.display(), archive.size));
    Ok(())
}

/// The path of a release, and of what belongs to it.
fn of<'a>(name: &'a ReleaseArguments, what: &[&'a str]) -> Vec<&'a str> {
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
