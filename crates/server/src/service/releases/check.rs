//! Looks at what is there of a release, and gives it out.

use belay_protocol::Sha256;
use belay_protocol::admin::{ReleaseCheck, ReleaseName};
use belay_protocol::bundle::SignedManifest;

use super::content;
use crate::domain::Payload;
use crate::service::{Kind, Service, ServiceError};

impl Service {
    /// Looks at what is there of a release: reads its archive from the first byte to the last.
    pub async fn check_release(&self, name: &ReleaseName) -> Result<ReleaseCheck, ServiceError> {
        let release = self.published(name).await?;
        let archive_name = content::archive_name(&release.payload);
        let manifest = release.payload.manifest().and_then(|manifest| serde_json::from_str(&manifest.text).ok());
        let signed = release.payload.is_signed();
        let (size, url, found) = match &release.payload {
            Payload::Packages { .. } => (None, None, None),
            Payload::Bundle { sha256, size, url, .. } => {
                let found = self.artifact_digest(*sha256).await?;
                (Some(*size), url.clone(), found.map(|(actual, bytes)| actual == *sha256 && bytes == *size))
            }
        };
        let lost = size.is_some() && url.is_none() && found.is_none();
        Ok(ReleaseCheck {
            name: release.name,
            manifest_exists: manifest.is_some(),
            archive_exists: found.is_some(),
            archive_name,
            sha256_match: found,
            size,
            signed,
            manifest,
            notes: release.notes,
            missing: lost.then(|| "archive".to_owned()).into_iter().collect(),
        })
    }

    /// The digest of a release's archive and the name of its file.
    pub async fn release_archive(&self, name: &ReleaseName) -> Result<(Sha256, String), ServiceError> {
        let release = self.published(name).await?;
        let archive = content::archive_name(&release.payload).unwrap_or_default();
        match &release.payload {
            Payload::Packages { .. } => {
                let message = format!("{name} is a package list; only bundles have an archive");
                Err(ServiceError::new(Kind::NotFound, "not_found", message))
            }
            Payload::Bundle { sha256, url: Some(url), .. } if self.artifact_size(*sha256).await?.is_none() => {
                let message = format!("this server does not keep the archive of {name}; it lies at {url}");
                Err(ServiceError::new(Kind::NotFound, "not_found", message))
            }
            Payload::Bundle { sha256, .. } => Ok((*sha256, archive)),
        }
    }

    /// The manifest of a release, as it was published.
    pub async fn release_manifest(&self, name: &ReleaseName) -> Result<SignedManifest, ServiceError> {
        let release = self.published(name).await?;
        release.payload.manifest().cloned().ok_or_else(|| {
            let message = format!("{name} was published without a manifest");
            ServiceError::new(Kind::NotFound, "not_found", message)
        })
    }
}
