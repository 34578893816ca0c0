//! Releases: published, promoted, shown, checked, deleted.

mod check;
mod content;

use belay_protocol::admin::{
    BundleView, CreateBundle, CreateRelease, Page, PromoteRelease, PublishedRelease, ReleaseName, ReleaseView,
};
use sqlx::AnyConnection;

use self::content::Archive;
use super::deployments::anew;
use super::{Actor, Kind, PageOf, Service, ServiceError, artifacts};
use crate::domain::{Payload, Release, counted};
use crate::store::{StoreError, artifacts as used, audit, channels, deployments, devices, releases};

impl Service {
    /// Publishes a release. The same again is the one that is there (`false`); another content is a conflict. Notes are
    /// no content: the first ones stay. The archive of a bundle has to be kept already, unless it lies elsewhere.
    pub async fn create_release(
        &self,
        actor: &Actor,
        release: CreateRelease,
    ) -> Result<(ReleaseView, bool), ServiceError> {
        let now = self.clock.now();
        let archive = match &release.bundle {
            Some(bundle) => Some(self.archive(bundle).await?),
            None => None,
        };
        let payload = content::payload(&release, archive, now)?;
        let release = Release {
            sha256: content::digest(&payload),
            name: release.name,
            payload,
            notes: release.notes,
            promoted_from: None,
            created_at: now,
            created_by: actor.0.clone(),
        };
        let release = &release;
        let published = anew(|| {
            self.store.write(move |connection| {
                let (release, actor, service) = (release.clone(), actor.clone(), self.clone());
                Box::pin(async move {
                    if let Err(missing) = service.keeps_archive(connection, &release).await? {
                        return Ok(Err(missing));
                    }
                    publish(connection, release, &actor, "release.create").await
                })
            })
        });
        let (release, new) = published.await??;
        Ok((view(release), new))
    }

    /// Publishes a release to another ring of its devices: the same archive, manifest and signature.
    pub async fn promote_release(
        &self,
        actor: &Actor,
        name: &ReleaseName,
        to: PromoteRelease,
    ) -> Result<(ReleaseView, bool), ServiceError> {
        let now = self.clock.now();
        let to = &to.distribution;
        let promoted = anew(|| {
            self.store.write(move |connection| {
                let (name, to, actor) = (name.clone(), to.clone(), actor.clone());
                Box::pin(async move {
                    let source = match needed(connection, &name).await? {
                        Ok(source) => source,
                        Err(missing) => return Ok(Err(missing)),
                    };
                    let release = Release {
                        name: ReleaseName { distribution: to, ..source.name },
                        promoted_from: Some(source.name.distribution),
                        created_at: now,
                        created_by: actor.0.clone(),
                        ..source
                    };
                    publish(connection, release, &actor, "release.promote").await
                })
            })
        });
        let (release, new) = promoted.await??;
        Ok((view(release), new))
    }

    /// Releases of a page, newest first; empty texts ask for nothing.
    pub async fn releases(
        &self,
        device_type: &str,
        distribution: &str,
        page: PageOf,
    ) -> Result<Page<ReleaseView>, ServiceError> {
        let (device_type, distribution) = (device_type.to_owned(), distribution.to_owned());
        let range = page.range()?;
        let read = self.store.read(move |connection| {
            Box::pin(async move { releases::page(connection, &device_type, &distribution, range).await })
        });
        let (releases, total) = read.await?;
        Ok(page.with(releases.into_iter().map(view).collect(), total))
    }

    /// One release.
    pub async fn release(&self, name: &ReleaseName) -> Result<ReleaseView, ServiceError> {
        self.published(name).await.map(view)
    }

    /// Writes other notes on a release.
    pub async fn write_notes(
        &self,
        actor: &Actor,
        name: &ReleaseName,
        notes: &str,
    ) -> Result<ReleaseView, ServiceError> {
        content::check_notes(notes)?;
        let now = self.clock.now();
        let written = self.store.write(|connection| {
            let (name, notes, actor) = (name.clone(), notes.to_owned(), actor.clone());
            Box::pin(async move {
                let there = releases::write_notes(connection, &name, &notes).await?;
                if there {
                    let detail = format!("{} bytes", notes.len());
                    audit::write(connection, now, &actor, "release.notes", &name.to_string(), &detail).await?;
                }
                Ok(there)
            })
        });
        if written.await? { self.release(name).await } else { Err(ServiceError::not_found("release", name)) }
    }

    /// Deletes a release that no channel, no deployment that still runs and no device points to. Its archive goes with it
    /// where no other release names it and nobody sends it just now.
    pub async fn delete_release(&self, actor: &Actor, name: &ReleaseName) -> Result<(), ServiceError> {
        let now = self.clock.now();
        let deleted = self.store.write(|connection| {
            let (name, actor) = (name.clone(), actor.clone());
            Box::pin(async move {
                let release = match needed(connection, &name).await? {
                    Ok(release) => release,
                    Err(missing) => return Ok(Err(missing)),
                };
                if let Some(user) = user_of(connection, &name).await? {
                    let message =
                        format!("{user} needs {name}; let it end, or bring or point it to another release first");
                    return Ok(Err(ServiceError::new(Kind::Conflict, "release_in_use", message)));
                }
                releases::delete(connection, &name).await?;
                audit::write(connection, now, &actor, "release.delete", &name.to_string(), "").await?;
                Ok(Ok(release.payload.archive()))
            })
        });
        if let Some(archive) = deleted.await?? {
            self.sweep_artifact(archive).await;
        }
        Ok(())
    }

    /// The release of this name, whole.
    pub(super) async fn published(&self, name: &ReleaseName) -> Result<Release, ServiceError> {
        let wanted = name.clone();
        let read = self.store.read(|connection| Box::pin(async move { releases::by_name(connection, &wanted).await }));
        read.await?.ok_or_else(|| ServiceError::not_found("release", name))
    }

    /// What is known of the archive that a bundle names.
    async fn archive(&self, bundle: &CreateBundle) -> Result<Archive, ServiceError> {
        let kept = self.artifact_size(bundle.sha256).await?;
        Ok(Archive { kept })
    }

    /// Whether the archive that a release names is here, and stays: nobody removes it until the transaction ends.
    async fn keeps_archive(
        &self,
        connection: &mut AnyConnection,
        release: &Release,
    ) -> Result<Result<(), ServiceError>, StoreError> {
        let Payload::Bundle { sha256, url, .. } = &release.payload else { return Ok(Ok(())) };
        used::touch(connection, *sha256, self.clock.now()).await?;
        Ok(match self.artifact_size(*sha256).await {
            Ok(None) if url.is_none() => Err(artifacts::missing(*sha256)),
            Ok(_) => Ok(()),
            Err(error) => Err(error),
        })
    }
}

/// The release of this name, kept there until the transaction ends, for whoever is about to point to it.
pub(super) async fn needed(
    connection: &mut AnyConnection,
    name: &ReleaseName,
) -> Result<Result<Release, ServiceError>, StoreError> {
    releases::hold(connection, name).await?;
    Ok(releases::by_name(connection, name).await?.ok_or_else(|| ServiceError::not_found("release", name)))
}

/// A release as it is answered to whoever sent its archive; none for a package list.
pub fn published_with_archive(release: ReleaseView) -> Option<PublishedRelease> {
    let size_bytes = release.bundle.as_ref()?.size;
    let path = release.name.to_string();
    let of = |what: &str| format!("/api/v1/releases/{path}/{what}");
    let (manifest_url, archive_url) = (of("manifest.json"), of("download"));
    Some(PublishedRelease { release, path, manifest_url, archive_url, size_bytes })
}

async fn publish(
    connection: &mut AnyConnection,
    release: Release,
    actor: &Actor,
    action: &str,
) -> Result<Result<(Release, bool), ServiceError>, StoreError> {
    if let Some(there) = releases::by_name(connection, &release.name).await? {
        if there.sha256 == release.sha256 {
            return Ok(Ok((there, false)));
        }
        let message = format!(
            "{} was published with another content ({}, not {}); releases never change, publish another version",
            release.name, there.sha256, release.sha256
        );
        return Ok(Err(ServiceError::new(Kind::Conflict, "release_exists", message)));
    }
    releases::insert(connection, &release).await?;
    let from = release.promoted_from.as_ref().map(|from| format!(", from {from}")).unwrap_or_default();
    let detail = format!("sha256 {}{from}", release.sha256);
    audit::write(connection, release.created_at, actor, action, &release.name.to_string(), &detail).await?;
    Ok(Ok((release, true)))
}

async fn user_of(connection: &mut AnyConnection, name: &ReleaseName) -> Result<Option<String>, StoreError> {
    if let Some(channel) = channels::that_points_to(connection, name).await? {
        return Ok(Some(format!("the channel {channel:?}")));
    }
    if let Some(deployment) = deployments::that_brings(connection, name).await? {
        return Ok(Some(format!("the deployment {deployment:?}")));
    }
    let installed = devices::installed_in(connection, &name.device_type, &name.distribution).await?;
    let mut having = installed.into_iter().filter(|(version, ..)| version.is_same(&name.version));
    Ok(having.next().map(|(_, number, device)| match number {
        1 => format!("the device {device}, which has it installed,"),
        more => {
            let others = counted(more - 1, "other");
            format!("the device {device}, which like {others} has it installed,")
        }
    }))
}

fn view(release: Release) -> ReleaseView {
    let (kind, signed) = (release.payload.kind().word().to_owned(), release.payload.is_signed());
    let archive = content::archive_name(&release.payload);
    let (packages, bundle, approve) = match release.payload {
        Payload::Packages { packages, approve, manifest: _ } => {
            (packages.specs().iter().map(ToString::to_string).collect(), None, approve)
        }
        Payload::Bundle { sha256, size, url, manifest: _, approve } => {
            let archive = archive.unwrap_or_default();
            (Vec::new(), Some(BundleView { sha256, size, url, archive }), approve)
        }
    };
    ReleaseView {
        name: release.name,
        kind,
        packages,
        bundle,
        signed,
        approve,
        sha256: release.sha256,
        notes: release.notes,
        promoted_from: release.promoted_from,
        created_at: release.created_at,
        created_by: release.created_by,
    }
}
