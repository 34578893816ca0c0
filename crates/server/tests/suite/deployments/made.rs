//! How deployments are made: whom they select, what is refused, what is shown before.

use belay_protocol::admin::{CreateDeployment, DeploymentStatus, FilterText, Policy, Strategy};
use belay_protocol::sync::{Action, ReportStatus, capability};
use belay_server::service::Kind;

use super::fleet::{Fleet, fearless, name, operator};
use crate::databases::on_both;

fn asked(strategy: Strategy) -> CreateDeployment {
    CreateDeployment {
        name: None,
        release: name("2.0"),
        filter: FilterText::default(),
        strategy,
        policy: Policy::default(),
    }
}

#[test]
fn what_makes_no_sense_is_refused_with_its_field_and_nothing_is_made() {
    on_both(async |store| {
        let fleet = Fleet::of(&store, 1).await;
        let plain = || asked(Strategy::Immediate);
        let filter = |filter: FilterText| CreateDeployment { filter, ..plain() };
        let some = |text: &str| Some(text.to_owned());
        let policy = |policy: Policy| CreateDeployment { policy, ..plain() };
        let cases = [
            (CreateDeployment { name: some(""), ..plain() }, "name"),
            (CreateDeployment { name: Some("x".repeat(201)), ..plain() }, "name"),
            (policy(Policy { max_in_flight: 0, ..Policy::default() }), "policy.max_in_flight"),
            (policy(Policy { windows: vec!["sometimes".to_owned()], ..Policy::default() }), "policy.windows"),
            (policy(Policy { time_zone: some("Europe/Nowhere"), ..Policy::default() }), "policy.time_zone"),
            (
                filter(FilterText { version_operator: some(">"), current_version: some("1"), ..FilterText::default() }),
                "filter.version_operator",
            ),
            (filter(FilterText { device_type: some("toaster"), ..FilterText::default() }), "filter.device_type"),
            (filter(FilterText { distribution: some("beta"), ..FilterText::default() }), "filter"),
        ];
        for (asked, field) in cases {
            let refused = fleet.service.create_deployment(&operator(), asked).await.unwrap_err();
            assert_eq!(refused.kind, Kind::Unprocessable, "{field}: {refused}");
            assert_eq!(refused.field, Some(field), "{refused}");
        }
        let unknown = CreateDeployment { release: name("9.9"), ..plain() };
        assert_eq!(fleet.service.create_deployment(&operator(), unknown).await.unwrap_err().kind, Kind::NotFound);
        assert_eq!(fleet.service.deployments("", super::fleet::ALL).await.unwrap().total, 0);
    });
}

#[test]
fn a_deployment_that_everybody_is_left_out_of_says_why() {
    on_both(async |store| {
        let mut fleet = Fleet::of(&store, 0).await;
        fleet.enrol(&[capability::STAGED]).await;
        fleet.enrol(&[capability::PACKAGES]).await;
        let canary = Strategy::Canary { percent: 10, soak_s: None };
        let refused = fleet.service.create_deployment(&operator(), asked(canary)).await.unwrap_err();
        assert_eq!((refused.code, refused.field), ("no_devices", Some("filter")));
        assert!(refused.message.contains("1 cannot_be_staged"), "{refused}");
        assert!(refused.message.contains("1 cannot_install"), "{refused}");
    });
}

#[test]
fn a_preview_counts_what_would_be_made() {
    on_both(async |store| {
        let mut fleet = Fleet::of(&store, 20).await;
        let able = fleet.enrol(&[]).await;
        fleet.devices[able].install(Some("2.0"));
        fleet.poll(able, Vec::new()).await;
        let canary = Strategy::Canary { percent: 10, soak_s: None };
        let preview = fleet.service.preview_deployment(asked(canary)).await.unwrap();
        assert_eq!((preview.devices, preview.first_wave), (20, 2));
        assert_eq!(preview.excluded.into_iter().collect::<Vec<_>>(), [("already_installed".to_owned(), 1)]);
        assert_eq!(fleet.service.deployments("", super::fleet::ALL).await.unwrap().total, 0);
    });
}

#[test]
fn a_device_asked_for_by_name_takes_a_release_again_that_it_went_back_from() {
    on_both(async |store| {
        let mut fleet = Fleet::of(&store, 2).await;
        let filter = FilterText { device_ids: vec![fleet.devices[1].id.to_string()], ..FilterText::default() };
        let named = fleet.deploy_to("2.0", filter, Strategy::Immediate, fearless()).await;
        fleet.tick().await;
        assert_eq!(fleet.ask_all().await, [1]);
        let order = fleet.devices[1].order.clone().unwrap();
        assert_eq!(order.id.deployment, named);
        let Action::InstallPackages { approve, .. } = order.action else { panic!("{order:?}") };
        assert_eq!(approve, ["denied"]);
        // Nobody joins those who were asked for by name.
        fleet.enrol(&[]).await;
        assert_eq!(fleet.shown(&named).await.total, 1);
    });
}

#[test]
fn a_deployment_is_deleted_only_when_it_is_over_and_late_reports_are_kept() {
    on_both(async |store| {
        let mut fleet = Fleet::of(&store, 1).await;
        let id = fleet.deploy(Strategy::Immediate, fearless()).await;
        fleet.tick().await;
        fleet.ask_all().await;
        let refused = fleet.service.delete_deployment(&operator(), &id).await.unwrap_err();
        assert_eq!((refused.kind, refused.code), (Kind::Conflict, "not_over"));
        fleet.service.cancel_deployment(&operator(), &id).await.unwrap();
        assert_eq!(fleet.shown(&id).await.status, DeploymentStatus::Cancelled);
        fleet.service.delete_deployment(&operator(), &id).await.unwrap();
        assert_eq!(fleet.service.deployment(&id).await.unwrap_err().kind, Kind::NotFound);
        let answer = fleet.report(0, ReportStatus::Completed).await;
        assert_eq!(answer.acknowledged, Some(1));
        assert_eq!(fleet.tick().await, [""; 0]);
    });
}
