//! What only time brings about, on a clock that the test moves: windows, starts, soaks, silence.

use belay_protocol::admin::{DeploymentStatus, Policy, Strategy};
use belay_protocol::sync::ReportStatus;

use super::fleet::{Fleet, fearless, minutes, operator};
use crate::databases::on_both;

#[test]
fn a_deployment_begins_at_its_instant_and_not_before() {
    on_both(async |store| {
        let fleet = Fleet::of(&store, 2).await;
        let start_at = Some(fleet.clock.now() + minutes(10));
        let id = fleet.deploy(Strategy::Immediate, Policy { start_at, ..Policy::default() }).await;
        fleet.wait(minutes(9)).await;
        assert_eq!(fleet.tick().await, [""; 0]);
        assert_eq!(fleet.shown(&id).await.status, DeploymentStatus::Pending);
        fleet.wait(minutes(1)).await;
        assert_eq!(fleet.tick().await[..2], ["start", "offer"]);
    });
}

#[test]
fn nothing_is_offered_outside_of_the_windows() {
    on_both(async |store| {
        // It is midnight on a Thursday.
        let mut fleet = Fleet::of(&store, 3).await;
        let windows = vec!["Thu 02:00-03:00".to_owned()];
        fleet.deploy(Strategy::Immediate, Policy { windows, ..Policy::default() }).await;
        assert_eq!(fleet.tick().await, ["start"]);
        fleet.wait(minutes(119)).await;
        assert_eq!(fleet.tick().await, [""; 0]);
        assert_eq!(fleet.ask_all().await, [0; 0]);
        fleet.wait(minutes(1)).await;
        let resolved = fleet.resolve().await;
        let told: Vec<_> = fleet.ask_all().await;
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(!told.contains(&resolved));
    });
}

#[test]
fn a_wave_widens_by_itself_once_it_has_soaked() {
    on_both(async |store| {
        let mut fleet = Fleet::of(&store, 10).await;
        let id = fleet.deploy(Strategy::Canary { percent: 10, soak_s: Some(600) }, Policy::default()).await;
        fleet.service.start_deployment(&operator(), &id).await.unwrap();
        fleet.resolve().await;
        assert_eq!(fleet.shown(&id).await.allowed, 1);
        fleet.wait(minutes(9)).await;
        assert_eq!(fleet.tick().await, [""; 0]);
        fleet.wait(minutes(1)).await;
        assert!(fleet.tick().await.contains(&"widen"));
        assert_eq!(fleet.ask_all().await.len(), 9);
    });
}

#[test]
fn a_vanished_retry_does_not_hold_its_wave_for_ever() {
    on_both(async |store| {
        let mut fleet = Fleet::of(&store, 10).await;
        let policy = Policy { retries: 1, device_timeout_s: 3_600, ..fearless() };
        let id = fleet.deploy(Strategy::Rolling { percent: 20 }, policy).await;
        fleet.service.start_deployment(&operator(), &id).await.unwrap();
        fleet.resolve().await;
        let told = fleet.ask_all().await;
        for device in &told[1..] {
            fleet.succeed(*device, "2.0").await;
        }
        fleet.fail(told[0]).await;
        fleet.tick().await;
        let allowed = fleet.shown(&id).await.allowed;
        fleet.wait(minutes(61)).await;
        fleet.vanish(told[0]).await;
        let decided = fleet.tick().await;
        assert!(decided.contains(&"time_out") && decided.contains(&"widen"), "{decided:?}");
        let shown = fleet.shown(&id).await;
        assert_eq!(shown.buckets.silent, 1);
        assert!(shown.allowed > allowed, "the next wave goes on");
    });
}

#[test]
fn devices_that_always_put_it_off_do_not_keep_others_from_their_turn() {
    on_both(async |store| {
        let mut fleet = Fleet::of(&store, 6).await;
        let policy = Policy { max_in_flight: 2, ..fearless() };
        let id = fleet.deploy(Strategy::Immediate, policy).await;
        let mut asked = std::collections::BTreeSet::from([fleet.resolve().await]);
        for _ in 0..3 {
            for device in fleet.ask_all().await {
                asked.insert(device);
                fleet.report(device, ReportStatus::Deferred).await;
            }
            fleet.wait(minutes(24 * 60)).await;
            fleet.tick().await;
        }
        assert_eq!(asked.len(), 6, "{asked:?} of {id}");
    });
}

#[test]
fn the_engine_that_runs_offers_at_once_what_it_decided() {
    on_both(async |store| {
        let mut fleet = Fleet::of(&store, 1).await;
        let (stop, stopped) = tokio::sync::watch::channel(false);
        let kick = std::sync::Arc::new(tokio::sync::Notify::new());
        let engine = tokio::spawn(fleet.service.clone().run_engine(stopped, kick.clone()));
        let id = fleet.deploy(Strategy::Immediate, Policy::default()).await;
        kick.notify_one();
        while fleet.shown(&id).await.buckets.offered == 0 {
            tokio::task::yield_now().await;
        }
        stop.send_replace(true);
        // It brings the tick that began to its end, and memory knows by then.
        engine.await.unwrap();
        assert_eq!(fleet.ask_all().await, [0], "nobody refreshed by hand");
        fleet.service.cancel_deployment(&operator(), &id).await.unwrap();
        assert!(fleet.poll(0, Vec::new()).await.cancel.is_some(), "the same holds for what an operator orders");
    });
}
