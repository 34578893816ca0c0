//! Rollouts: waves, gates, retries, devices that come late, vanish, or come back with something else.

use belay_protocol::admin::{DeploymentStatus, FilterText, Policy, Strategy};
use belay_protocol::sync::{Action, ReportStatus};
use belay_protocol::{Closure, PackageSpec};

use super::fleet::{Fleet, fearless, minutes, operator};
use crate::databases::on_both;

const CANARY: Strategy = Strategy::Canary { percent: 10, soak_s: None };

#[test]
fn a_canary_fixes_the_versions_and_reaches_all_when_expanded() {
    on_both(async |store| {
        let mut fleet = Fleet::of(&store, 10).await;
        let id = fleet.deploy(CANARY, Policy::default()).await;
        assert_eq!(fleet.tick().await, [""; 0]);
        fleet.service.start_deployment(&operator(), &id).await.unwrap();
        fleet.tick().await;
        let told = fleet.ask_all().await;
        assert_eq!(told.len(), 1);
        let canary = told[0];

        let package: PackageSpec = "demo-app=2.0".parse().unwrap();
        let closure = Closure { packages: vec![package], removed: Vec::new() };
        fleet.report(canary, ReportStatus::Downloading).await;
        fleet.devices[canary].install(Some("2.0"));
        fleet.report_with(canary, ReportStatus::Completed, Some(closure.clone())).await;
        fleet.tick().await;
        let shown = fleet.shown(&id).await;
        assert_eq!((shown.buckets.completed, shown.buckets.waiting, shown.allowed), (1, 9, 1));
        assert_eq!(shown.frozen_by.as_ref(), Some(&fleet.devices[canary].id));

        fleet.service.expand_deployment(&operator(), &id, Default::default()).await.unwrap();
        fleet.tick().await;
        let told = fleet.ask_all().await;
        assert_eq!(told.len(), 9);
        for device in told {
            let order = fleet.devices[device].order.clone().unwrap();
            let Action::InstallPackages { closure: frozen, .. } = order.action else { panic!("{order:?}") };
            assert_eq!(frozen.as_ref(), Some(&closure));
            fleet.succeed(device, "2.0").await;
        }
        fleet.tick().await;
        let shown = fleet.shown(&id).await;
        assert_eq!((shown.status, shown.buckets.completed), (DeploymentStatus::Completed, 10));
        let decided = fleet.decided(&id).await;
        assert_eq!(decided, ["start", "offer", "freeze", "widen", "offer", "finish"]);
    });
}

#[test]
fn while_no_device_tells_its_versions_they_stay_open_and_it_is_said_why() {
    on_both(async |store| {
        let mut fleet = Fleet::of(&store, 3).await;
        let id = fleet.deploy(Strategy::Immediate, Policy::default()).await;
        let other: PackageSpec = "demo-app=1.9".parse().unwrap();
        for told in [None, Some(Closure { packages: vec![other], removed: Vec::new() })] {
            fleet.tick().await;
            let [device] = fleet.ask_all().await[..] else { panic!("one at a time") };
            fleet.devices[device].install(Some("2.0"));
            fleet.report_with(device, ReportStatus::Completed, told).await;
        }
        assert_eq!(fleet.shown(&id).await.frozen_by, None);
        assert_eq!(fleet.decided(&id).await, ["start", "offer", "not_frozen", "offer", "not_frozen"]);
    });
}

#[test]
fn a_bad_canary_halts_with_its_reason_and_nobody_else_is_touched() {
    on_both(async |store| {
        let mut fleet = Fleet::of(&store, 10).await;
        let id = fleet.deploy(CANARY, Policy::default()).await;
        fleet.service.start_deployment(&operator(), &id).await.unwrap();
        fleet.tick().await;
        let canary = fleet.ask_all().await[0];
        fleet.report(canary, ReportStatus::Downloading).await;
        fleet.report(canary, ReportStatus::RolledBack).await;
        fleet.tick().await;
        let shown = fleet.shown(&id).await;
        assert_eq!((shown.status, shown.buckets.rolled_back, shown.buckets.waiting), (DeploymentStatus::Halted, 1, 9));
        assert!(shown.reason.contains("1 of 1"), "{}", shown.reason);
        let refused = fleet.service.expand_deployment(&operator(), &id, Default::default()).await.unwrap_err();
        assert_eq!(refused.code, "wrong_state");
        assert_eq!(fleet.tick().await, [""; 0]);
        assert_eq!(fleet.ask_all().await, [0; 0]);
        let decisions = fleet.service.deployment_decisions(&id, super::fleet::ALL).await.unwrap();
        assert_eq!(decisions.items[0].decision, "halt");
        assert!(!decisions.items[0].inputs.is_empty());
    });
}

#[test]
fn rolling_batches_begin_when_the_one_before_has_finished() {
    on_both(async |store| {
        let mut fleet = Fleet::of(&store, 12).await;
        let id = fleet.deploy(Strategy::Rolling { percent: 20 }, Policy::default()).await;
        fleet.service.start_deployment(&operator(), &id).await.unwrap();
        let mut finished = 0;
        for open in [5, 10, 12] {
            while finished < open {
                fleet.tick().await;
                let told = fleet.ask_all().await;
                assert!(!told.is_empty() && finished + told.len() <= open, "{finished} of {open}, and {told:?}");
                fleet.succeed(told[0], "2.0").await;
                finished += 1;
            }
        }
        fleet.tick().await;
        assert_eq!(fleet.shown(&id).await.status, DeploymentStatus::Completed);
    });
}

#[test]
fn never_more_than_the_cap_are_in_flight() {
    on_both(async |store| {
        let mut fleet = Fleet::of(&store, 7).await;
        let id = fleet.deploy(Strategy::Immediate, Policy { max_in_flight: 3, ..fearless() }).await;
        let mut done = 0;
        while done < 7 {
            fleet.tick().await;
            fleet.tick().await;
            let told = fleet.ask_all().await;
            assert_eq!(told.len(), if done == 0 { 1 } else { 3.min(7 - done) });
            fleet.succeed(told[0], "2.0").await;
            done += 1;
        }
        fleet.tick().await;
        assert_eq!(fleet.shown(&id).await.status, DeploymentStatus::Completed);
    });
}

#[test]
fn a_device_that_enrols_late_joins_unless_that_is_not_wanted() {
    on_both(async |store| {
        let mut fleet = Fleet::of(&store, 1).await;
        let open = fleet.deploy(Strategy::Immediate, fearless()).await;
        let closed = fleet.deploy(Strategy::Manual, Policy { late_joiners: false, ..fearless() }).await;
        let late = fleet.enrol(&[]).await;
        assert_eq!((fleet.shown(&open).await.total, fleet.shown(&closed).await.total), (2, 1));
        assert_eq!(fleet.part(&open, late).await.status, "waiting");
    });
}

#[test]
fn of_two_deployments_a_device_gets_the_one_that_goes_first_and_then_the_other() {
    on_both(async |store| {
        let mut fleet = Fleet::of(&store, 1).await;
        fleet.publish("3.0").await;
        let policy = |priority| Policy { priority, ..fearless() };
        let low = fleet.deploy_to("3.0", FilterText::default(), Strategy::Immediate, policy(0)).await;
        let high = fleet.deploy_to("2.0", FilterText::default(), Strategy::Immediate, policy(5)).await;
        for (expected, version) in [(&high, "2.0"), (&low, "3.0")] {
            fleet.tick().await;
            fleet.tick().await;
            assert_eq!(fleet.ask_all().await, [0]);
            assert_eq!(fleet.devices[0].order.as_ref().unwrap().id.deployment, *expected);
            fleet.succeed(0, version).await;
            fleet.tick().await;
        }
        assert_eq!(fleet.shown(&low).await.status, DeploymentStatus::Completed);
        assert_eq!(fleet.shown(&high).await.status, DeploymentStatus::Completed);
    });
}

#[test]
fn a_device_that_vanishes_before_it_is_offered_anything_holds_no_place() {
    on_both(async |store| {
        let mut fleet = Fleet::of(&store, 2).await;
        fleet.vanish(0).await;
        let id = fleet.deploy(Strategy::Immediate, Policy { max_in_flight: 1, ..fearless() }).await;
        fleet.tick().await;
        let shown = fleet.shown(&id).await;
        assert_eq!((shown.buckets.offline, shown.buckets.offered), (1, 1));
        assert_eq!(fleet.part(&id, 0).await.status, "offline");
        fleet.poll(1, Vec::new()).await;
        fleet.succeed(1, "2.0").await;
        fleet.tick().await;
        assert_eq!(fleet.shown(&id).await.status, DeploymentStatus::InProgress);
        fleet.clock.advance(minutes(15 * 24 * 60));
        fleet.tick().await;
        let part = fleet.part(&id, 0).await;
        assert_eq!((part.status.as_str(), part.reason.as_deref()), ("skipped", Some("offline")));
        let shown = fleet.shown(&id).await;
        assert_eq!(shown.status, DeploymentStatus::Failed, "half of the fleet is no success");
        assert!(shown.reason.contains("1 of 1 done; 1 were never reached"), "{}", shown.reason);
    });
}

#[test]
fn a_device_that_vanishes_at_work_falls_silent_and_counts_when_it_comes_back() {
    on_both(async |store| {
        let mut fleet = Fleet::of(&store, 3).await;
        let id = fleet.deploy(Strategy::Immediate, fearless()).await;
        fleet.resolve().await;
        let told = fleet.ask_all().await;
        fleet.report(told[0], ReportStatus::Installing).await;
        fleet.succeed(told[1], "2.0").await;
        fleet.clock.advance(minutes(61));
        fleet.tick().await;
        assert_eq!(fleet.part(&id, told[0]).await.status, "silent");
        fleet.devices[told[0]].install(Some("2.0"));
        fleet.report(told[0], ReportStatus::Completed).await;
        let shown = fleet.shown(&id).await;
        assert_eq!((shown.buckets.silent, shown.buckets.completed), (0, 3));
    });
}

#[test]
fn an_offer_that_is_not_taken_up_goes_to_another_device_and_is_taken_back() {
    on_both(async |store| {
        let mut fleet = Fleet::of(&store, 2).await;
        let id = fleet.deploy(Strategy::Immediate, Policy { max_in_flight: 1, ..fearless() }).await;
        fleet.tick().await;
        let first = fleet.ask_all().await[0];
        fleet.wait(minutes(16)).await;
        assert!(fleet.tick().await.contains(&"withdraw"));
        let answer = fleet.poll(first, Vec::new()).await;
        assert_eq!(answer.cancel.map(|id| id.attempt), Some(1));
        let second = 1 - first;
        assert!(fleet.poll(second, Vec::new()).await.assignment.is_some());
        assert_eq!(fleet.part(&id, first).await.status, "deferred");
    });
}

#[test]
fn a_failure_is_tried_again_as_often_as_the_policy_says() {
    on_both(async |store| {
        let mut fleet = Fleet::of(&store, 1).await;
        let id = fleet.deploy(Strategy::Immediate, Policy { retries: 1, ..fearless() }).await;
        for attempt in [1, 2] {
            fleet.tick().await;
            assert_eq!(fleet.ask_all().await, [0], "attempt {attempt}");
            assert_eq!(fleet.devices[0].order.as_ref().unwrap().id.attempt, attempt);
            fleet.fail(0).await;
            fleet.wait(minutes(24 * 60)).await;
        }
        fleet.tick().await;
        let part = fleet.part(&id, 0).await;
        assert_eq!((part.status.as_str(), part.reason.as_deref()), ("failed", Some("unmet_dependency")));
        assert_eq!(fleet.shown(&id).await.status, DeploymentStatus::Failed);
    });
}

#[test]
fn a_device_that_comes_back_on_another_version_no_longer_counts_as_done() {
    on_both(async |store| {
        let mut fleet = Fleet::of(&store, 3).await;
        let id = fleet.deploy(Strategy::Immediate, fearless()).await;
        let first = fleet.resolve().await;
        fleet.devices[first].install(Some("1.0"));
        fleet.poll(first, Vec::new()).await;
        let part = fleet.part(&id, first).await;
        assert_eq!((part.status.as_str(), part.reason.as_deref()), ("rolled_back", Some("other_version")));
    });
}

#[test]
fn a_device_that_moves_to_another_ring_leaves_and_joins_again_when_it_returns() {
    on_both(async |store| {
        let fleet = Fleet::of(&store, 2).await;
        let id = fleet.deploy(Strategy::Manual, fearless()).await;
        let device = fleet.devices[0].id.clone();
        let to = |ring: &str| belay_protocol::admin::UpdateDevice {
            distribution: Some(ring.parse().unwrap()),
            ..Default::default()
        };
        fleet.service.update_device(&operator(), &device, to("beta")).await.unwrap();
        let part = fleet.part(&id, 0).await;
        assert_eq!((part.status.as_str(), part.reason.as_deref()), ("skipped", Some("not_selected")));
        fleet.service.update_device(&operator(), &device, to("alpha")).await.unwrap();
        assert_eq!(fleet.part(&id, 0).await.status, "waiting");
    });
}
