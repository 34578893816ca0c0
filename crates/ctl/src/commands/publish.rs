//! `belayctl release publish`: the source is looked at and packed, the manifest made and signed here, the archive sent
//! before the release.

mod dry_run;
mod manifest;

use std::path::{Path, PathBuf};

use belay_protocol::admin::{CreateBundle, CreateManifest, CreateRelease, ReleaseCheck, ReleaseName, ReleaseView};
use serde::Serialize;
use utoipa::ToSchema;

use super::release::{is_good, of};
use crate::arguments::{Connection, Publish};
use crate::client::Client;
use crate::error::CtlError;
use crate::exit::Exit;
use crate::files::Fresh;
use crate::output::Output;
use crate::payload::Payload;
use crate::{profile, render, signing, transfer};

pub(crate) use dry_run::{DryRun, Standing};

/// What `release publish` and `release promote` answer.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Published {
    /// The release.
    #[serde(flatten)]
    pub(crate) release: ReleaseView,
    /// Whether it was not there before.
    pub(crate) new: bool,
    /// What devices will not like about it, a sentence each.
    pub(crate) warnings: Vec<String>,
    /// What the server found when it read what it keeps; none where nobody asked with --check.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) check: Option<ReleaseCheck>,
}

/// What `release publish --out` answers.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Written {
    /// The manifest.
    #[schema(value_type = String)]
    pub(crate) manifest: PathBuf,
    /// Its signature; none where nobody signed it.
    #[schema(value_type = Option<String>)]
    pub(crate) signature: Option<PathBuf>,
    /// The archive, where it was packed.
    #[schema(value_type = Option<String>)]
    pub(crate) archive: Option<PathBuf>,
    /// What devices will not like about it, a sentence each.
    pub(crate) warnings: Vec<String>,
}

/// A release that is to be published.
#[derive(Debug)]
pub(super) struct Order {
    pub(super) name: ReleaseName,
    pub(super) payload: Payload,
    pub(super) manifest: Option<CreateManifest>,
    pub(super) approve: Vec<String>,
    pub(super) notes: String,
}

pub(super) async fn run(connection: &Connection, output: &Output, publish: &Publish) -> Result<Exit, CtlError> {
    // Before anything is read or packed: whoever has no token waits for nothing.
    let name = publish.name.name()?;
    let client = match (&publish.out, publish.dry_run) {
        (Some(_), _) => None,
        (None, true) => dry_run::client(connection, output)?,
        (None, false) => Some(Client::new(&profile::target(connection, output)?)?),
    };
    let order = Order::read(publish, name, output)?;
    order.payload.warnings.iter().for_each(|warning| output.tell(&format!("warning: {warning}")));
    match (&publish.out, client) {
        (Some(folder), _) => write(output, publish, &order, folder).map(|()| Exit::Done),
        (None, client) if publish.dry_run => dry_run::run(client.as_ref(), output, &order).await,
        (None, Some(client)) => {
            let mut published = bring(&client, output, order).await?;
            if publish.check {
                published.check = Some(client.fetch(&of(&published.release.name, &["verify"]), &[]).await?);
            }
            output.answer(&published, render::release::published);
            let good = published.check.as_ref().is_none_or(is_good);
            Ok(if good { Exit::Done } else { Exit::Failed })
        }
        (None, None) => Err(CtlError::NoServer),
    }
}

/// Publishes it.
pub(super) async fn bring(client: &Client, output: &Output, order: Order) -> Result<Published, CtlError> {
    let bundle = order.payload.bundle();
    if let Some(bundle) = bundle {
        transfer::send(client, &bundle.path(), &bundle.archive, output).await?;
    }
    let body = CreateRelease {
        name: order.name,
        packages: order.payload.packages().to_vec(),
        bundle: bundle.map(|bundle| CreateBundle {
            sha256: bundle.archive.sha256,
            size: Some(bundle.archive.size),
            url: None,
        }),
        manifest: order.manifest,
        approve: order.approve,
        notes: order.notes,
    };
    let (release, new) = client.create(&["releases"], &body).await?;
    Ok(Published { release, new, warnings: order.payload.warnings, check: None })
}

impl Order {
    fn read(publish: &Publish, name: ReleaseName, output: &Output) -> Result<Self, CtlError> {
        let source = publish.source.as_deref().or(publish.bundle.as_deref());
        let source = source.ok_or_else(|| CtlError::Usage("say what to publish".to_owned()))?;
        let notes = match &publish.notes_file {
            Some(file) => signing::read(file)?,
            None => publish.notes.clone(),
        };
        let manifest = match &publish.manifest {
            Some(path) => {
                let signature = publish.signature.as_deref().map(signing::read).transpose()?;
                Some(CreateManifest { text: signing::read(path)?, signature })
            }
            None => None,
        };
        let order =
            Self { name, payload: Payload::read(source, output)?, manifest, approve: publish.approve.clone(), notes };
        match (&publish.manifest, &publish.out) {
            (Some(_), _) => Ok(order),
            (None, Some(_)) => order.with_manifest(publish.sign.as_deref()),
            (None, None) => order.vouched(publish.sign.as_deref()),
        }
    }

    /// The same with what vouches for it; nothing does where nobody signs a package list.
    pub(super) fn vouched(self, key: Option<&Path>) -> Result<Self, CtlError> {
        if self.payload.bundle().is_none() && key.is_none() { Ok(self) } else { self.with_manifest(key) }
    }

    fn with_manifest(mut self, key: Option<&Path>) -> Result<Self, CtlError> {
        self.manifest = Some(manifest::of(&self.name, &self.payload, &self.notes, key)?);
        Ok(self)
    }
}

/// Only writes what would be sent.
fn write(output: &Output, publish: &Publish, order: &Order, folder: &Path) -> Result<(), CtlError> {
    let Some(CreateManifest { text, signature }) = &order.manifest else { return Ok(()) };
    let packed = order.payload.bundle().filter(|bundle| bundle.is_packed_here());
    let packed = packed.map(|bundle| (folder.join(&bundle.archive.name), bundle.path()));
    let manifest = folder.join("manifest.json");
    let signature = signature.as_ref().map(|text| (folder.join("manifest.sig"), text));
    let mut files = vec![Fresh::text(&manifest, text, publish.force)];
    files.extend(signature.as_ref().map(|(path, text)| Fresh::text(path, text, publish.force)));
    files.extend(packed.as_ref().map(|(path, packed)| Fresh::copy(path, packed, publish.force)));
    files.iter().try_for_each(Fresh::check)?;
    files.into_iter().try_for_each(Fresh::write)?;
    let (signature, archive) = (signature.map(|(path, _)| path), packed.map(|(path, _)| path));
    let written = Written { manifest, signature, archive, warnings: order.payload.warnings.clone() };
    output.answer(&written, |written, page| render::release::written(written, publish.sign.is_some(), page));
    Ok(())
}
