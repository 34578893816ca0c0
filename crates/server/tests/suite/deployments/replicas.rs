//! Two servers on one PostgreSQL: what one decides, the other does not decide again.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use belay_protocol::admin::{DeploymentStatus, FilterText, Policy, Strategy};
use belay_server::service::Service;

use super::fleet::{ALL, Fleet, fearless};
use crate::databases::on_postgres;

const DEVICES: usize = 40;
const CAP: u32 = 6;

async fn tick(service: &Service) {
    service.tick().await.unwrap();
    service.refresh().await.unwrap();
}

#[test]
fn two_servers_decide_nothing_twice_and_keep_every_cap() {
    on_postgres(async |database| {
        let store = database.open().await;
        let mut fleet = Fleet::of(&store, DEVICES).await;
        let replica = fleet.replica(&database.open().await);
        let policy = |priority| Policy { max_in_flight: CAP, min_success_percent: 0, priority, ..fearless() };
        fleet.publish("3.0").await;
        let rolling = Strategy::Rolling { percent: 25 };
        let first = fleet.deploy_to("3.0", FilterText::default(), rolling, policy(0)).await;
        let second = fleet.deploy(Strategy::Immediate, policy(1)).await;
        fleet.service.start_deployment(&super::fleet::operator(), &first).await.unwrap();

        for round in 0..400 {
            let (service, other) = (fleet.service.clone(), replica.clone());
            tokio::join!(tick(&service), tick(&other), tick(&service), tick(&other));
            let mut busy = BTreeMap::new();
            let mut devices = BTreeSet::new();
            for open in service.in_flight().await.unwrap().into_iter().filter(|open| !open.cancel) {
                *busy.entry(open.id.deployment.clone()).or_insert(0) += 1;
                assert!(devices.insert(open.device.clone()), "{} has two things to do", open.device);
            }
            assert!(busy.values().all(|number| *number <= CAP), "{busy:?}");
            for device in 0..DEVICES {
                // Every device polls the one server or the other.
                fleet.service = if (device + round) % 2 == 0 { service.clone() } else { other.clone() };
                let Some(order) = fleet.poll(device, Vec::new()).await.assignment else { continue };
                match (device + round) % 3 {
                    0 => {}
                    1 => fleet.fail(device).await,
                    _ => fleet.succeed(device, if order.id.deployment == first { "3.0" } else { "2.0" }).await,
                }
            }
            fleet.service = service;
            fleet.wait(Duration::from_secs(30)).await;
            if fleet.shown(&first).await.ended_at.is_some() && fleet.shown(&second).await.ended_at.is_some() {
                break;
            }
        }
        for id in [first, second] {
            let shown = fleet.shown(&id).await;
            // What a device has of the second deployment counts as gone once the first has brought it another version.
            let ended = shown.buckets.completed + shown.buckets.failed + shown.buckets.rolled_back;
            assert_eq!((shown.status, ended), (DeploymentStatus::Completed, DEVICES as u64));
            let mut offered = BTreeSet::new();
            let mut words = BTreeMap::new();
            let decisions = fleet.service.deployment_decisions(&id, ALL).await.unwrap();
            assert!(decisions.total <= 500);
            for decision in decisions.items {
                *words.entry(decision.decision.clone()).or_insert(0) += 1;
                if decision.decision == "offer" {
                    let devices = decision.inputs["devices"].as_array().expect("an offer names its devices").clone();
                    for device in devices {
                        assert!(offered.insert(device.to_string()), "{device} was offered it twice");
                    }
                }
            }
            assert_eq!(offered.len(), DEVICES);
            assert_eq!((words["start"], words["finish"]), (1, 1), "{words:?}");
        }
    });
}
