//! Devices that come in the very instant in which a deployment is made.

use belay_protocol::admin::{FilterText, Policy, Strategy};
use belay_protocol::enrol::EnrolRequest;
use belay_protocol::sync::{Profile, ReportStatus};

use super::fleet::{Fleet, operator};
use crate::databases::on_both;

#[test]
fn a_device_that_the_making_missed_takes_part_from_the_start() {
    on_both(async |store| {
        let fleet = Fleet::of(&store, 3).await;
        for (late_joiners, total) in [(true, 3), (false, 2)] {
            let policy = Policy { late_joiners, ..Policy::default() };
            let id = fleet.deploy(Strategy::Manual, policy).await;
            // Two transactions at the same instant: neither sees what the other writes.
            let missed = fleet.devices[1].id.clone();
            let gone = store.write(|connection| {
                let statement = format!("DELETE FROM assignments WHERE deployment = '{id}' AND device = '{missed}'");
                Box::pin(async move { Ok(sqlx::query(&statement).execute(connection).await?.rows_affected()) })
            });
            assert_eq!(gone.await.unwrap(), 1);
            let started = fleet.service.start_deployment(&operator(), &id).await.unwrap();
            assert_eq!(started.total, total, "late joiners: {late_joiners}");
            fleet.service.cancel_deployment(&operator(), &id).await.unwrap();
        }
    });
}

#[test]
fn a_device_that_leaves_quarantine_takes_part_again_where_it_was_meant() {
    on_both(async |store| {
        let mut fleet = Fleet::of(&store, 1).await;
        let id = fleet.devices[0].id.clone();
        let filter = FilterText { device_ids: vec![id.to_string()], ..FilterText::default() };
        let named = fleet.deploy_to("2.0", filter, Strategy::Manual, Policy::default()).await;
        let back = fleet.service.roll_back_device(&operator(), &id).await.unwrap().id;
        let quarantined = store.write(|connection| {
            let statement = format!("UPDATE devices SET state = 'quarantined' WHERE id = '{id}'");
            Box::pin(async move { Ok(sqlx::query(&statement).execute(connection).await?.rows_affected()) })
        });
        assert_eq!(quarantined.await.unwrap(), 1);
        fleet.devices[0].install(Some("1.0"));
        fleet.poll(0, Vec::new()).await;
        for deployment in [&named, &back] {
            assert_eq!(fleet.part(deployment, 0).await.status, "skipped");
        }
        fleet.service.approve_device(&operator(), &id).await.unwrap();
        for deployment in [&named, &back] {
            assert_eq!(fleet.part(deployment, 0).await.status, "waiting");
        }
    });
}

#[test]
fn what_a_device_in_quarantine_was_at_it_may_end() {
    on_both(async |store| {
        let mut fleet = Fleet::of(&store, 1).await;
        let deployment = fleet.deploy(Strategy::Immediate, Policy::default()).await;
        fleet.tick().await;
        assert_eq!(fleet.ask_all().await, [0]);
        fleet.report(0, ReportStatus::Downloading).await;
        let id = fleet.devices[0].id.clone();
        let quarantined = store.write(|connection| {
            let statement = format!("UPDATE devices SET state = 'quarantined' WHERE id = '{id}'");
            Box::pin(async move { Ok(sqlx::query(&statement).execute(connection).await?.rows_affected()) })
        });
        assert_eq!(quarantined.await.unwrap(), 1);
        fleet.report(0, ReportStatus::RolledBack).await;
        assert_eq!(fleet.part(&deployment, 0).await.status, "rolled_back");
    });
}

#[test]
fn a_device_that_just_enrolled_is_reachable() {
    on_both(async |store| {
        let fleet = Fleet::of(&store, 0).await;
        let request = EnrolRequest {
            enrolment: "enrolment-of-a-new-device".to_owned(),
            identity: "identity".to_owned(),
            token: None,
            device_type: "raspberry_pi".parse().unwrap(),
            distribution: "alpha".parse().unwrap(),
            profile: Profile::default(),
        };
        let enrolled = fleet.service.enrol(request).await.unwrap();
        let shown = fleet.service.device(&enrolled.device).await.unwrap();
        assert_eq!(shown.last_seen, Some(fleet.clock.now()));
    });
}
