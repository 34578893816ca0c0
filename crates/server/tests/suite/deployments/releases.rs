//! Releases: what is taken, what is refused, what stays.

use belay_protocol::admin::{CreateRelease, Strategy};
use belay_server::service::{Kind, ServiceError};

use super::fleet::{ALL, Fleet, fearless, name, operator};
use crate::databases::on_both;

fn release(version: &str, packages: &[&str]) -> CreateRelease {
    let packages = packages.iter().map(|line| (*line).to_owned()).collect();
    CreateRelease { packages, ..CreateRelease::named(name(version)) }
}

fn assert_refused(refused: &ServiceError, kind: Kind, code: &str, field: Option<&str>) {
    assert_eq!((refused.kind, refused.code, refused.field), (kind, code, field), "{refused}");
}

#[test]
fn the_same_release_again_is_the_one_that_is_there() {
    on_both(async |store| {
        let fleet = Fleet::of(&store, 0).await;
        let first = release("3.0", &["demo-app=3.0 # new", "", "demo-lib"]);
        let (shown, new) = fleet.service.create_release(&operator(), first).await.unwrap();
        assert!(new);
        assert_eq!(shown.packages, ["demo-app=3.0", "demo-lib"]);
        let mut again = release("3.0", &["demo-app=3.0", "demo-lib"]);
        again.notes = "notes are no content".to_owned();
        let (same, new) = fleet.service.create_release(&operator(), again).await.unwrap();
        assert!(!new);
        assert_eq!(same, shown);
        assert_eq!(fleet.service.releases("raspberry_pi", "alpha", ALL).await.unwrap().total, 2);
        assert_eq!(fleet.service.releases("raspberry_pi", "beta", ALL).await.unwrap().total, 0);
    });
}

#[test]
fn a_release_with_another_content_is_refused() {
    on_both(async |store| {
        let fleet = Fleet::of(&store, 0).await;
        let mut other = release("2.0", &["demo-app=2.0"]);
        other.approve = vec!["guard_downgrade".to_owned()];
        for other in [release("2.0", &["demo-app=2.1"]), other] {
            let refused = fleet.service.create_release(&operator(), other).await.unwrap_err();
            assert_refused(&refused, Kind::Conflict, "release_exists", None);
        }
        assert_eq!(fleet.service.release(&name("2.0")).await.unwrap().packages, ["demo-app=2.0"]);
    });
}

#[test]
fn what_failed_is_not_tried_again_once_its_release_is_gone() {
    on_both(async |store| {
        let mut fleet = Fleet::of(&store, 1).await;
        let id = fleet.deploy(Strategy::Immediate, fearless()).await;
        fleet.tick().await;
        assert_eq!(fleet.ask_all().await, [0]);
        fleet.fail(0).await;
        fleet.tick().await;
        fleet.service.delete_release(&operator(), &name("2.0")).await.unwrap();
        let refused = fleet.service.retry_deployment(&operator(), &id).await.unwrap_err();
        assert_eq!(refused.kind, Kind::NotFound);
        assert!(refused.message.contains("2.0"), "{refused}");
        assert_eq!(fleet.part(&id, 0).await.status, "failed", "nothing is to be offered");
    });
}

#[test]
fn what_makes_no_sense_in_a_release_is_refused_with_its_field() {
    on_both(async |store| {
        let fleet = Fleet::of(&store, 0).await;
        let mut unknown = release("3.0", &["demo-app"]);
        unknown.approve = vec!["guard_typo".to_owned()];
        let mut long = release("3.0", &["demo-app"]);
        long.notes = "x".repeat(70_000);
        let cases = [
            (release("3.0", &[]), "no_packages", "packages"),
            (release("3.0", &["# nothing"]), "no_packages", "packages"),
            (release("3.0", &["demo-app", "-o=evil"]), "bad_package_list", "packages"),
            (unknown, "unknown_reason", "approve"),
            (long, "too_long", "notes"),
        ];
        for (asked, code, field) in cases {
            let refused = fleet.service.create_release(&operator(), asked).await.unwrap_err();
            assert_refused(&refused, Kind::Unprocessable, code, Some(field));
        }
        let refused = fleet.service.create_release(&operator(), release("3.0", &["a", "demo-app", "-x"])).await;
        assert!(refused.unwrap_err().message.starts_with("line "), "the line is named");
        assert_eq!(fleet.service.release(&name("3.0")).await.unwrap_err().kind, Kind::NotFound);
    });
}

#[test]
fn a_release_is_deleted_only_when_nothing_needs_it() {
    on_both(async |store| {
        let fleet = Fleet::of(&store, 1).await;
        let deployment = fleet.deploy(Strategy::Manual, fearless()).await;
        let refused = fleet.service.delete_release(&operator(), &name("2.0")).await.unwrap_err();
        assert_refused(&refused, Kind::Conflict, "release_in_use", None);
        fleet.service.cancel_deployment(&operator(), &deployment).await.unwrap();
        fleet.service.delete_release(&operator(), &name("2.0")).await.unwrap();
        let gone = fleet.service.delete_release(&operator(), &name("2.0")).await.unwrap_err();
        assert_refused(&gone, Kind::NotFound, "not_found", None);
        let audit = fleet.service.audit("olga", "release.delete", ALL).await.unwrap();
        assert_eq!(audit.items[0].target, "raspberry_pi/alpha/2.0");
    });
}
