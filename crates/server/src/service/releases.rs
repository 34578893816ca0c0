//! Releases: published, shown, deleted.

use std::collections::BTreeSet;

use belay_protocol::admin::{CreateRelease, Page, ReleaseName, ReleaseView};
use belay_protocol::{PackageList, Reason, Sha256};
use sha2::Digest;
use sqlx::AnyConnection;

use super::deployments::anew;
use super::{Actor, Kind, PageOf, Service, ServiceError};
use crate::domain::{Payload, Release};
use crate::store::{StoreError, audit, channels, deployments, releases};

impl Service {
    /// Publishes a release. The same again is the one that is there (`false`); another content is a conflict. Notes are
    /// no content: the first ones stay.
    pub async fn create_release(
        &self,
        actor: &Actor,
        release: CreateRelease,
    ) -> Result<(ReleaseView, bool), ServiceError> {
        let now = self.clock.now();
        let payload = payload(&release)?;
        let release = Release {
            sha256: digest(&payload),
            name: release.name,
            payload,
            notes: release.notes,
            created_at: now,
            created_by: actor.0.clone(),
        };
        let release = &release;
        let published = anew(|| {
            self.store.write(move |connection| {
                let (release, actor) = (release.clone(), actor.clone());
                Box::pin(async move { publish(connection, release, &actor).await })
            })
        });
        let (release, new) = published.await??;
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
        let wanted = name.clone();
        let read = self.store.read(|connection| Box::pin(async move { releases::by_name(connection, &wanted).await }));
        read.await?.map(view).ok_or_else(|| ServiceError::not_found("release", name))
    }

    /// Deletes a release that no channel and no deployment that still runs points to.
    pub async fn delete_release(&self, actor: &Actor, name: &ReleaseName) -> Result<(), ServiceError> {
        let now = self.clock.now();
        let deleted = self.store.write(|connection| {
            let (name, actor) = (name.clone(), actor.clone());
            Box::pin(async move {
                if !releases::hold(connection, &name).await? {
                    return Ok(Err(ServiceError::not_found("release", &name)));
                }
                if let Some(user) = user_of(connection, &name).await? {
                    let message = format!("{user} needs {name}; let it end or point it elsewhere first");
                    return Ok(Err(ServiceError::new(Kind::Conflict, "release_in_use", message)));
                }
                releases::delete(connection, &name).await?;
                audit::write(connection, now, &actor, "release.delete", &name.to_string(), "").await?;
                Ok(Ok(()))
            })
        });
        deleted.await?
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

async fn publish(
    connection: &mut AnyConnection,
    release: Release,
    actor: &Actor,
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
    let detail = format!("sha256 {}", release.sha256);
    audit::write(connection, release.created_at, actor, "release.create", &release.name.to_string(), &detail).await?;
    Ok(Ok((release, true)))
}

async fn user_of(connection: &mut AnyConnection, name: &ReleaseName) -> Result<Option<String>, StoreError> {
    if let Some(channel) = channels::that_points_to(connection, name).await? {
        return Ok(Some(format!("the channel {channel:?}")));
    }
    let deployment = deployments::that_brings(connection, name).await?;
    Ok(deployment.map(|name| format!("the deployment {name:?}")))
}

fn payload(release: &CreateRelease) -> Result<Payload, ServiceError> {
    let packages = PackageList::from_lines(release.packages.iter().map(String::as_str))
        .map_err(|error| ServiceError::of_field("packages", "bad_package_list", error.to_string()))?;
    if packages.is_empty() {
        let message = "a release needs at least one package; write one per line, such as demo-app=1.2";
        return Err(ServiceError::of_field("packages", "no_packages", message));
    }
    if let Some(code) = release.approve.iter().find(|code| Reason::ALL.iter().all(|reason| reason.code() != **code)) {
        let message = format!("{code:?} is no refusal that a device knows; look at the reason that it gave");
        return Err(ServiceError::of_field("approve", "unknown_reason", message));
    }
    if release.notes.len() > LONGEST_NOTES {
        let message = format!("notes have at most {LONGEST_NOTES} bytes; point to a longer text");
        return Err(ServiceError::of_field("notes", "too_long", message));
    }
    let approve: BTreeSet<_> = release.approve.iter().cloned().collect();
    Ok(Payload::Packages { packages, approve: approve.into_iter().collect() })
}

/// The digest of what devices are made to do: the kind, the list in its order, the overridden refusals in theirs, one
/// line each. None of them can hold a line break. Notes are not part of it.
fn digest(payload: &Payload) -> Sha256 {
    let Payload::Packages { packages, approve } = payload;
    let packages = packages.specs().iter().map(|spec| format!("package {spec}\n"));
    let approve = approve.iter().map(|code| format!("approve {code}\n"));
    let text: String = std::iter::once("packages\n".to_owned()).chain(packages).chain(approve).collect();
    Sha256::from_bytes(sha2::Sha256::digest(text).into())
}

fn view(release: Release) -> ReleaseView {
    let Payload::Packages { packages, approve } = release.payload;
    ReleaseView {
        name: release.name,
        kind: "packages".to_owned(),
        packages: packages.specs().iter().map(ToString::to_string).collect(),
        approve,
        sha256: release.sha256,
        notes: release.notes,
        created_at: release.created_at,
        created_by: release.created_by,
    }
}

const LONGEST_NOTES: usize = 65_536;
