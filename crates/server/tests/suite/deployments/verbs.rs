//! What operators ask of deployments: every verb in every state, and what each does to devices.

use belay_protocol::DeploymentId;
use belay_protocol::admin::{DeploymentKind, DeploymentStatus, DeploymentView, Expand, Policy, Strategy};
use belay_protocol::sync::{Action, ReportStatus, capability};
use belay_server::service::{Kind, ServiceError};

use super::fleet::{ALL, Fleet, fearless, operator};
use crate::databases::on_both;

const VERBS: [&str; 6] = ["start", "pause", "resume", "cancel", "expand", "retry"];

async fn steer(fleet: &Fleet, id: &DeploymentId, verb: &str) -> Result<DeploymentView, ServiceError> {
    let (service, actor) = (&fleet.service, operator());
    match verb {
        "start" => service.start_deployment(&actor, id).await,
        "pause" => service.pause_deployment(&actor, id).await,
        "resume" => service.resume_deployment(&actor, id).await,
        "cancel" => service.cancel_deployment(&actor, id).await,
        "expand" => service.expand_deployment(&actor, id, Expand { percent: None }).await,
        "retry" => service.retry_deployment(&actor, id).await,
        other => panic!("{other}"),
    }
}

/// A canary of five devices whose first one failed, in this state.
async fn in_state(fleet: &mut Fleet, status: DeploymentStatus) -> DeploymentId {
    let policy = match status {
        DeploymentStatus::Halted => Policy::default(),
        DeploymentStatus::Failed => Policy { min_success_percent: 100, ..fearless() },
        DeploymentStatus::Pending
        | DeploymentStatus::InProgress
        | DeploymentStatus::Paused
        | DeploymentStatus::Completed
        | DeploymentStatus::Cancelled => Policy { min_success_percent: 0, ..fearless() },
    };
    let id = fleet.deploy(Strategy::Canary { percent: 20, soak_s: None }, policy).await;
    if status == DeploymentStatus::Pending {
        return id;
    }
    steer(fleet, &id, "start").await.unwrap();
    fleet.tick().await;
    let canary = fleet.ask_all().await[0];
    fleet.fail(canary).await;
    fleet.tick().await;
    match status {
        DeploymentStatus::Paused => drop(steer(fleet, &id, "pause").await.unwrap()),
        DeploymentStatus::Cancelled => drop(steer(fleet, &id, "cancel").await.unwrap()),
        DeploymentStatus::Completed | DeploymentStatus::Failed => {
            steer(fleet, &id, "expand").await.unwrap();
            for _ in 0..5 {
                fleet.tick().await;
                for device in fleet.ask_all().await {
                    fleet.succeed(device, "2.0").await;
                }
            }
        }
        DeploymentStatus::Pending | DeploymentStatus::InProgress | DeploymentStatus::Halted => {}
    }
    assert_eq!(fleet.shown(&id).await.status, status);
    id
}

fn allowed(status: DeploymentStatus) -> &'static [&'static str] {
    match status {
        DeploymentStatus::Pending => &["start", "cancel"],
        DeploymentStatus::InProgress => &["pause", "cancel", "expand", "retry"],
        DeploymentStatus::Paused | DeploymentStatus::Halted => &["resume", "cancel", "retry"],
        DeploymentStatus::Completed | DeploymentStatus::Failed => &["retry"],
        DeploymentStatus::Cancelled => &[],
    }
}

#[test]
fn every_verb_in_every_state_is_obeyed_or_refused_with_its_reason() {
    let states = [
        DeploymentStatus::Pending,
        DeploymentStatus::InProgress,
        DeploymentStatus::Paused,
        DeploymentStatus::Halted,
        DeploymentStatus::Completed,
        DeploymentStatus::Failed,
        DeploymentStatus::Cancelled,
    ];
    on_both(async |store| {
        let mut fleet = Fleet::of(&store, 5).await;
        for status in states {
            for verb in VERBS {
                for device in 0..5 {
                    fleet.devices[device].install(Some("1.0"));
                    fleet.poll(device, Vec::new()).await;
                }
                let id = in_state(&mut fleet, status).await;
                let answer = steer(&fleet, &id, verb).await;
                if allowed(status).contains(&verb) {
                    let shown = answer.unwrap_or_else(|refused| panic!("{verb} when {status:?}: {refused}"));
                    assert!(!shown.reason.is_empty());
                    let expected = if verb == "expand" { "widen" } else { verb };
                    assert_eq!(fleet.decided(&id).await.last().map(String::as_str), Some(expected));
                } else {
                    let refused = answer.expect_err(&format!("{verb} when {status:?}"));
                    assert_eq!((refused.kind, refused.code), (Kind::Conflict, "wrong_state"), "{verb}: {refused}");
                    assert_eq!(fleet.shown(&id).await.status, status);
                }
                let _ = steer(&fleet, &id, "cancel").await;
                fleet.tick().await;
            }
        }
    });
}

#[test]
fn a_pause_lets_devices_at_work_go_on_and_offers_nothing_more() {
    on_both(async |store| {
        let mut fleet = Fleet::of(&store, 2).await;
        let id = fleet.deploy(Strategy::Immediate, Policy { max_in_flight: 1, ..fearless() }).await;
        fleet.tick().await;
        let first = fleet.ask_all().await[0];
        fleet.report(first, ReportStatus::Installing).await;
        steer(&fleet, &id, "pause").await.unwrap();
        fleet.devices[first].install(Some("2.0"));
        fleet.report(first, ReportStatus::Completed).await;
        fleet.tick().await;
        assert_eq!(fleet.ask_all().await, [0; 0]);
        assert_eq!(fleet.part(&id, first).await.status, "completed");
        steer(&fleet, &id, "resume").await.unwrap();
        fleet.tick().await;
        assert_eq!(fleet.ask_all().await, [1 - first]);
    });
}

#[test]
fn a_resumed_halt_is_forgiven_and_does_not_halt_again_by_itself() {
    on_both(async |store| {
        let mut fleet = Fleet::of(&store, 5).await;
        let id = in_state(&mut fleet, DeploymentStatus::Halted).await;
        steer(&fleet, &id, "resume").await.unwrap();
        fleet.tick().await;
        assert_eq!(fleet.shown(&id).await.status, DeploymentStatus::InProgress);
    });
}

#[test]
fn a_retry_offers_it_again_where_it_went_wrong() {
    on_both(async |store| {
        let mut fleet = Fleet::of(&store, 5).await;
        let id = in_state(&mut fleet, DeploymentStatus::Failed).await;
        steer(&fleet, &id, "retry").await.unwrap();
        fleet.tick().await;
        let told = fleet.ask_all().await;
        assert_eq!(told.len(), 1);
        assert_eq!(fleet.devices[told[0]].order.as_ref().unwrap().id.attempt, 2);
        fleet.succeed(told[0], "2.0").await;
        fleet.tick().await;
        let shown = fleet.shown(&id).await;
        assert_eq!((shown.status, shown.buckets.completed), (DeploymentStatus::Completed, 5));
    });
}

#[test]
fn a_cancel_in_flight_is_told_to_the_device_which_drops_it() {
    on_both(async |store| {
        let mut fleet = Fleet::of(&store, 2).await;
        let id = fleet.deploy(Strategy::Immediate, Policy { max_in_flight: 1, ..fearless() }).await;
        fleet.tick().await;
        let first = fleet.ask_all().await[0];
        let order = fleet.devices[first].order.clone().unwrap();
        steer(&fleet, &id, "cancel").await.unwrap();
        fleet.service.refresh().await.unwrap();
        let shown = fleet.shown(&id).await;
        assert_eq!((shown.status, shown.buckets.skipped), (DeploymentStatus::Cancelled, 1));
        let answer = fleet.poll(first, Vec::new()).await;
        assert_eq!((answer.cancel, answer.assignment), (Some(order.id.clone()), None));
        let answer = fleet.report_on(first, order.id, ReportStatus::Skipped, None).await;
        assert_eq!((answer.cancel, answer.assignment), (None, None));
        assert_eq!(fleet.shown(&id).await.buckets.skipped, 2);
    });
}

#[test]
fn rolling_a_deployment_back_ends_it_and_takes_its_devices_back_first() {
    on_both(async |store| {
        let mut fleet = Fleet::of(&store, 3).await;
        let id = fleet.deploy(Strategy::Immediate, Policy { max_in_flight: 1, ..fearless() }).await;
        let told = [fleet.resolve().await, fleet.ask_all().await[0]];
        fleet.report(told[1], ReportStatus::Installing).await;

        let back = fleet.service.roll_back_deployment(&operator(), &id).await.unwrap();
        assert_eq!((back.kind, back.total), (DeploymentKind::RollBack, 2));
        assert_eq!(fleet.shown(&id).await.status, DeploymentStatus::Cancelled);
        fleet.tick().await;
        assert_eq!(fleet.ask_all().await, [told[0]], "the other one is still at work");
        let order = fleet.devices[told[0]].order.clone().unwrap();
        assert_eq!(order.action, Action::RollBack { release: Some("2.0".parse().unwrap()) });
        fleet.succeed(told[0], "1.0").await;
        assert_eq!(fleet.part(&id, told[0]).await.status, "rolled_back");

        let installing = fleet.part(&id, told[1]).await;
        assert_eq!(installing.status, "installing");
        let install = belay_protocol::sync::AssignmentRef { deployment: id.clone(), attempt: 1 };
        fleet.devices[told[1]].install(Some("2.0"));
        fleet.report_on(told[1], install, ReportStatus::Completed, None).await;
        fleet.tick().await;
        fleet.poll(told[1], Vec::new()).await;
        fleet.succeed(told[1], "1.0").await;
        fleet.tick().await;
        let back = fleet.shown(&back.id).await;
        assert_eq!((back.status, back.buckets.completed), (DeploymentStatus::Completed, 2));
        assert_eq!(fleet.shown(&id).await.buckets.rolled_back, 2);
        let audit = fleet.service.audit("", "deployment.roll_back", ALL).await.unwrap();
        assert_eq!(audit.items[0].target, id.to_string());
    });
}

#[test]
fn there_is_nothing_to_roll_back_where_no_device_has_anything() {
    on_both(async |store| {
        let fleet = Fleet::of(&store, 1).await;
        let id = fleet.deploy(Strategy::Manual, fearless()).await;
        let refused = fleet.service.roll_back_deployment(&operator(), &id).await.unwrap_err();
        assert_eq!((refused.kind, refused.code), (Kind::Conflict, "nothing_to_roll_back"));
        assert_eq!(fleet.shown(&id).await.status, DeploymentStatus::Pending);
    });
}

#[test]
fn one_device_is_taken_back_unless_it_cannot_go() {
    on_both(async |store| {
        let mut fleet = Fleet::of(&store, 1).await;
        let unable = fleet.enrol(&[capability::CAN_ROLL_BACK]).await;
        let back = fleet.service.roll_back_device(&operator(), &fleet.devices[0].id).await.unwrap();
        fleet.tick().await;
        assert_eq!(fleet.ask_all().await, [0]);
        let order = fleet.devices[0].order.clone().unwrap();
        assert_eq!(order.action, Action::RollBack { release: Some("1.0".parse().unwrap()) });
        fleet.devices[0].install(None);
        fleet.report(0, ReportStatus::Completed).await;
        fleet.tick().await;
        assert_eq!(fleet.shown(&back.id).await.status, DeploymentStatus::Completed);
        let id = &fleet.devices[unable].id;
        let refused = fleet.service.roll_back_device(&operator(), id).await.unwrap_err();
        assert_eq!((refused.kind, refused.code), (Kind::Conflict, "cannot_roll_back"));
    });
}
