//! Bundles on their way to devices: who gets them, what they are told, what is fixed; and what is left of archives that
//! no release names.

use std::time::{Duration, SystemTime};

use axum::body::Bytes;
use belay_protocol::admin::{CreateBundle, CreateManifest, CreateRelease, FilterText, PromoteRelease, Strategy};
use belay_protocol::bundle::Manifest;
use belay_protocol::sync::{Action, ReportStatus, capability};
use belay_protocol::{Closure, PackageList, Sha256};
use belay_server::artifacts::{Artifacts, Place, Upload};
use belay_server::service::Kind;
use belay_server::store::Store;
use futures_util::stream;
use sha2::Digest;
use tempfile::TempDir;

use super::fleet::{Fleet, fearless, name, operator};
use crate::api_words::signature;
use crate::databases::{on_both, on_both_databases};

const BYTES: &[u8] = b"an archive";

/// A fleet whose server keeps artifacts.
async fn fleet(store: &Store) -> (TempDir, Artifacts, Fleet) {
    let folder = tempfile::tempdir().unwrap();
    let artifacts = Artifacts::open(&Place::Folder(folder.path().to_owned())).await.unwrap();
    let mut fleet = Fleet::of(store, 0).await;
    // Artifacts are files, whose time is the system's.
    let since = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let ahead = since.saturating_sub(u64::try_from(fleet.clock.now().as_second()).unwrap());
    fleet.clock.advance(Duration::from_secs(ahead));
    fleet.service = fleet.service.clone().keeping(artifacts.clone());
    (folder, artifacts, fleet)
}

async fn upload(fleet: &Fleet) -> Sha256 {
    let sha256 = Sha256::from_bytes(sha2::Sha256::digest(BYTES).into());
    let upload = Upload { expected: Some(sha256), announced: None, limit: 100 };
    let bytes = stream::iter([Ok::<_, String>(Bytes::from_static(BYTES))]);
    fleet.service.take_artifact(upload, bytes).await.unwrap().unwrap().keep();
    sha256
}

fn bundle(version: &str, sha256: Sha256, signed: bool) -> CreateRelease {
    let manifest = Manifest {
        version: version.parse().unwrap(),
        device_type: "raspberry_pi".parse().unwrap(),
        distribution: "alpha".parse().unwrap(),
        archive: "update.tar.gz".to_owned(),
        sha256: Some(sha256),
        size: Some(BYTES.len() as u64),
        packages: None,
        notes: String::new(),
        created_at: "2026-01-01T00:00:00Z".parse().unwrap(),
    };
    let text = serde_json::to_string(&manifest).unwrap();
    CreateRelease {
        bundle: Some(CreateBundle { sha256, size: None, url: None }),
        manifest: Some(CreateManifest { text, signature: signed.then(|| signature(1, 1)) }),
        approve: vec!["guard_path".to_owned()],
        ..CreateRelease::named(name(version))
    }
}

#[test]
fn a_bundle_goes_to_devices_that_know_bundles_and_what_the_first_resolved_is_fixed_be_it_nothing() {
    on_both(async |store| {
        let (_folder, _, mut fleet) = fleet(&store).await;
        let sha256 = upload(&fleet).await;
        fleet.service.create_release(&operator(), bundle("3.0", sha256, true)).await.unwrap();
        fleet.enrol(&[]).await;
        for _ in 0..2 {
            fleet.enrol_with(&[capability::BUNDLE, capability::SIGNED], &[]).await;
        }
        let id = fleet.deploy_to("3.0", FilterText::default(), Strategy::Immediate, fearless()).await;
        assert_eq!(fleet.part(&id, 0).await.reason.as_deref(), Some("no_bundles"));
        fleet.tick().await;
        let told = fleet.ask_all().await;
        assert_eq!(told.len(), 1, "one device resolves for all");
        let order = fleet.devices[told[0]].order.clone().unwrap();
        let Action::InstallBundle { release, sha256: archive, size, url, manifest, closure, approve } = order.action
        else {
            panic!("{order:?}")
        };
        assert_eq!((release.as_str(), archive, size, url), ("3.0", sha256, BYTES.len() as u64, None));
        let manifest = manifest.unwrap();
        assert_eq!(manifest.signature, Some(signature(1, 1)));
        assert_eq!(Manifest::parse(&manifest.text).unwrap().sha256, Some(sha256));
        assert_eq!((closure, approve), (None, vec!["guard_path".to_owned()]));

        fleet.report(told[0], ReportStatus::Downloading).await;
        fleet.devices[told[0]].install(Some("3.0"));
        fleet.report_with(told[0], ReportStatus::Completed, Some(Closure::default())).await;
        assert!(fleet.shown(&id).await.frozen_by.is_some(), "nothing is a result too");
        fleet.tick().await;
        let other = fleet.ask_all().await;
        assert_eq!(other.len(), 1);
        let order = fleet.devices[other[0]].order.clone().unwrap();
        let Action::InstallBundle { closure, .. } = order.action else { panic!("{order:?}") };
        assert_eq!(closure, Some(Closure::default()));
    });
}

#[test]
fn devices_with_pinned_keys_are_left_out_of_what_nobody_signed() {
    on_both(async |store| {
        let (_folder, _, mut fleet) = fleet(&store).await;
        let sha256 = upload(&fleet).await;
        fleet.service.create_release(&operator(), bundle("3.0", sha256, false)).await.unwrap();
        fleet.enrol_with(&[capability::BUNDLE], &[]).await;
        fleet.enrol_with(&[capability::BUNDLE, capability::SIGNED], &[]).await;
        let packages = fleet.deploy(Strategy::Immediate, fearless()).await;
        let bundles = fleet.deploy_to("3.0", FilterText::default(), Strategy::Manual, fearless()).await;
        for id in [&packages, &bundles] {
            assert_eq!(fleet.part(id, 0).await.status, "waiting");
            assert_eq!(fleet.part(id, 1).await.reason.as_deref(), Some("unsigned_release"));
        }
        let late = fleet.enrol_with(&[capability::SIGNED], &[]).await;
        assert_eq!(fleet.part(&packages, late).await.reason.as_deref(), Some("unsigned_release"));
        assert_eq!(fleet.part(&bundles, late).await.reason.as_deref(), Some("no_bundles"));
    });
}

#[test]
fn a_signed_package_list_brings_its_manifest_along() {
    on_both(async |store| {
        let (_folder, _, mut fleet) = fleet(&store).await;
        let packages = PackageList::from_lines(["demo-app=3.0"]).unwrap();
        let text = format!(
            r#"{{"version":"3.0","device_type":"raspberry_pi","distribution":"beta","packages":{},"created_at":"2026-01-01T00:00:00Z"}}"#,
            serde_json::to_string(&packages).unwrap()
        );
        let signed = CreateRelease {
            packages: vec!["demo-app=3.0".to_owned()],
            manifest: Some(CreateManifest { text: text.clone(), signature: Some(signature(1, 1)) }),
            ..CreateRelease::named(name("3.0"))
        };
        fleet.service.create_release(&operator(), signed).await.unwrap();
        fleet.enrol_with(&[capability::SIGNED], &[]).await;
        fleet.deploy_to("3.0", FilterText::default(), Strategy::Immediate, fearless()).await;
        fleet.tick().await;
        assert_eq!(fleet.ask_all().await, [0]);
        let order = fleet.devices[0].order.clone().unwrap();
        let Action::InstallPackages { manifest, .. } = order.action else { panic!("{order:?}") };
        assert_eq!(manifest.unwrap().text, text);
    });
}

#[test]
fn an_archive_goes_a_day_after_the_last_release_that_named_it() {
    on_both(async |store| {
        let (_folder, artifacts, fleet) = fleet(&store).await;
        let sha256 = upload(&fleet).await;
        let day = Duration::from_secs(24 * 60 * 60 + 60);
        fleet.service.create_release(&operator(), bundle("3.0", sha256, false)).await.unwrap();
        let beta = PromoteRelease { distribution: "beta".parse().unwrap() };
        let (beta, _) = fleet.service.promote_release(&operator(), &name("3.0"), beta).await.unwrap();
        fleet.clock.advance(day);
        assert_eq!(fleet.service.sweep_artifacts().await.unwrap(), 0);
        fleet.service.delete_release(&operator(), &name("3.0")).await.unwrap();
        assert!(artifacts.size(sha256).await.is_ok(), "another release names it");
        fleet.service.delete_release(&operator(), &beta.name).await.unwrap();
        assert!(artifacts.size(sha256).await.is_err(), "nobody does");

        upload(&fleet).await;
        // Its file is of now, and its use a day later.
        assert_eq!(fleet.service.sweep_artifacts().await.unwrap(), 0, "somebody may be about to publish it");
        fleet.clock.advance(day);
        upload(&fleet).await;
        assert_eq!(fleet.service.sweep_artifacts().await.unwrap(), 0, "it was sent again just now");
        fleet.clock.advance(day);
        assert_eq!(fleet.service.sweep_artifacts().await.unwrap(), 1);
        assert!(artifacts.size(sha256).await.is_err());
        let refused = fleet.service.create_release(&operator(), bundle("3.1", sha256, false)).await.unwrap_err();
        assert_eq!((refused.kind, refused.code), (Kind::Unprocessable, "no_artifact"));
    });
}

#[test]
fn an_archive_is_not_taken_away_from_whoever_is_about_to_publish_it() {
    on_both_databases(async |database| {
        let stores = [database.open().await, database.open().await];
        let (folder, _, fleet) = fleet(&stores[0]).await;
        let artifacts = Artifacts::open(&Place::Folder(folder.path().to_owned())).await.unwrap();
        let replica = fleet.replica(&stores[1]).keeping(artifacts);
        for round in 0..20 {
            let sha256 = upload(&fleet).await;
            fleet.clock.advance(Duration::from_secs(25 * 60 * 60));
            let version = format!("4.{round}");
            let (actor, release) = (operator(), bundle(&version, sha256, false));
            let (swept, published) =
                tokio::join!(replica.sweep_artifacts(), fleet.service.create_release(&actor, release));
            let swept = swept.unwrap();
            match published {
                Ok(_) => {
                    assert_eq!(swept, 0, "round {round}");
                    let found = fleet.service.check_release(&name(&version)).await.unwrap();
                    assert_eq!(found.sha256_match, Some(true), "round {round}");
                    fleet.service.delete_release(&operator(), &name(&version)).await.unwrap();
                }
                Err(refused) => assert_eq!((refused.code, swept), ("no_artifact", 1), "round {round}"),
            }
        }
        for store in &stores {
            store.close().await;
        }
    });
}
