//! `belayctl release publish`: the manifest is made and signed here, the archive sent before the release.

use std::path::Path;

use belay_protocol::admin::{CreateBundle, CreateManifest, CreateRelease, ReleaseName, ReleaseView};
use belay_protocol::bundle::Manifest;
use belay_protocol::{PackageList, Sha256};
use serde_json::json;

use super::transfer;
use crate::arguments::Publish;
use crate::client::Client;
use crate::error::CtlError;
use crate::output::Output;
use crate::{clock, render, signing};

/// Publishes it.
pub(super) async fn publish(client: &Client, output: &Output, publish: Publish) -> Result<(), CtlError> {
    let content = Content::read(&publish, output)?;
    let manifest = manifest(&publish, &content)?;
    if let (Some(path), Some(bundle)) = (&publish.bundle, &content.bundle) {
        transfer::send(client, path, bundle, output).await?;
    }
    let release = CreateRelease {
        name: publish.name.into(),
        packages: content.packages,
        bundle: content.bundle.map(|archive| CreateBundle {
            sha256: archive.sha256,
            size: Some(archive.size),
            url: None,
        }),
        manifest,
        approve: publish.approve,
        notes: publish.notes,
    };
    let published: ReleaseView = client.post(&["releases"], &release).await?;
    output.answer(&published, render::release::published);
    Ok(())
}

/// Only writes its manifest and signature.
pub(super) fn write(output: &Output, publish: &Publish) -> Result<(), CtlError> {
    let Some(folder) = &publish.out else { return Ok(()) };
    let content = Content::read(publish, output)?;
    let manifest = match manifest(publish, &content)? {
        Some(manifest) => manifest,
        None => CreateManifest { text: text(publish, &content)?, signature: None },
    };
    let (path, signature) = (folder.join("manifest.json"), folder.join("manifest.sig"));
    signing::write(&path, &manifest.text)?;
    let signed = manifest.signature.is_some();
    if let Some(text) = &manifest.signature {
        signing::write(&signature, text)?;
    }
    output.answer(&json!({"manifest": path, "signature": signed.then_some(&signature)}), |_, _| match signed {
        true => format!("{} and {} are written", path.display(), signature.display()),
        false => format!("{} is written, and nobody signed it", path.display()),
    });
    Ok(())
}

/// What is published.
struct Content {
    packages: Vec<String>,
    bundle: Option<Archive>,
}

/// An archive, as it lies here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Archive {
    pub(super) name: String,
    pub(super) sha256: Sha256,
    pub(super) size: u64,
}

impl Content {
    fn read(publish: &Publish, output: &Output) -> Result<Self, CtlError> {
        let packages = match &publish.list {
            Some(list) => signing::read(list)?.lines().map(str::to_owned).collect(),
            None => Vec::new(),
        };
        let bundle = publish.bundle.as_deref().map(|path| transfer::look_at(path, output)).transpose()?;
        Ok(Self { packages, bundle })
    }
}

/// What vouches for it; none where nobody signs a package list.
fn manifest(publish: &Publish, content: &Content) -> Result<Option<CreateManifest>, CtlError> {
    if let Some(path) = &publish.manifest {
        let signature = publish.signature.as_deref().map(signing::read).transpose()?;
        return Ok(Some(CreateManifest { text: signing::read(path)?, signature }));
    }
    if content.bundle.is_none() && publish.sign.is_none() {
        return Ok(None);
    }
    let text = text(publish, content)?;
    let sign = |key: &Path| signing::sign(key, &text, "manifest.json");
    let signature = publish.sign.as_deref().map(sign).transpose()?;
    Ok(Some(CreateManifest { text, signature }))
}

fn text(publish: &Publish, content: &Content) -> Result<String, CtlError> {
    let ReleaseName { device_type, distribution, version } = publish.name.clone().into();
    let archive = content.bundle.as_ref();
    let packages = match archive {
        Some(_) => None,
        None => Some(
            PackageList::from_lines(content.packages.iter().map(String::as_str))
                .map_err(|error| CtlError::Usage(error.to_string()))?,
        ),
    };
    let manifest = Manifest {
        version,
        device_type,
        distribution,
        archive: archive.map(|archive| archive.name.clone()).unwrap_or_default(),
        sha256: archive.map(|archive| archive.sha256),
        size: archive.map(|archive| archive.size),
        packages,
        notes: publish.notes.clone(),
        created_at: clock::now(),
    };
    let text = serde_json::to_string_pretty(&manifest).expect("a manifest has only text keys");
    Ok(text + "\n")
}
