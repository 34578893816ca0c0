//! Devices as operators see and change them, and the figures of the fleet.

use std::collections::BTreeSet;

use belay_protocol::DeviceId;
use belay_protocol::admin::{DeviceState, FleetState, UpdateDevice};
use belay_server::service::{DeviceQuery, Enrolment, Kind, PageOf, Service};
use sqlx::Executor;

use crate::databases::{on_both, on_both_databases};
use crate::fleet::{FIRST_PAGE, Pi, enrolment, operator, server, server_with};

async fn found(service: &Service, query: DeviceQuery) -> Vec<DeviceId> {
    let page = service.devices(query, FIRST_PAGE).await.unwrap();
    assert_eq!(page.total, page.items.len() as u64);
    page.items.into_iter().map(|device| device.id).collect()
}

fn query(change: impl FnOnce(&mut DeviceQuery)) -> DeviceQuery {
    let mut query = DeviceQuery::default();
    change(&mut query);
    query
}

#[test]
fn devices_are_found_by_what_is_known_of_them() {
    on_both(async |store| {
        let (service, _) = server(&store);
        let one = Pi::new(&service, 1).await.id;
        let two = Pi::new(&service, 2).await.id;
        let (waiting, _) = server_with(&store, Enrolment::Approval);
        let three = waiting.enrol(enrolment(30)).await.unwrap().device;
        let tags: BTreeSet<_> = ["site:paris", "Lab_1"].map(|tag| tag.parse().unwrap()).into();
        let change = UpdateDevice { tags: Some(tags), distribution: Some("beta".parse().unwrap()), device_type: None };
        service.update_device(&operator(), &two, change).await.unwrap();

        assert_eq!(found(&service, DeviceQuery::default()).await, [one.clone(), two.clone(), three.clone()]);
        for (asked, expected) in [
            (query(|query| query.device_type = "raspberry_pi".to_owned()), vec![&one, &two, &three]),
            (query(|query| query.device_type = "recorder".to_owned()), vec![]),
            (query(|query| query.distribution = "beta".to_owned()), vec![&two]),
            (query(|query| query.state = "pending".to_owned()), vec![&three]),
            (query(|query| query.tag = "site:paris".to_owned()), vec![&two]),
            (query(|query| query.tag = "site".to_owned()), vec![]),
            (query(|query| query.tag = "lab_1".to_owned()), vec![]),
            (query(|query| query.search = "PI-3".to_owned()), vec![&three]),
            (query(|query| query.search = "lab".to_owned()), vec![&two]),
            (query(|query| query.search = "%".to_owned()), vec![]),
            (query(|query| query.search = "pi-_".to_owned()), vec![]),
            (query(|query| query.search = one.to_string()), vec![&one]),
            (query(|query| query.fleet_state = "UNKNOWN".to_owned()), vec![&one, &two]),
            (query(|query| query.fleet_state = "up_to_date".to_owned()), vec![]),
        ] {
            let found = found(&service, asked.clone()).await;
            assert_eq!(found.iter().collect::<Vec<_>>(), expected, "{asked:?}");
        }
        let second = service.devices(DeviceQuery::default(), PageOf { page: 2, page_size: 2 }).await.unwrap();
        assert_eq!((second.total, &second.items[0].id), (3, &three));
        let asked = query(|query| query.fleet_state = "UNKNOWN".to_owned());
        let second = service.devices(asked, PageOf { page: 2, page_size: 1 }).await.unwrap();
        assert_eq!((second.total, second.items.len(), &second.items[0].id), (2, 1, &two));
    });
}

#[test]
fn a_filter_that_cannot_be_read_is_refused_with_the_field() {
    on_both(async |store| {
        let (service, _) = server(&store);
        for (field, asked) in [
            ("device_type", query(|query| query.device_type = "a/b".to_owned())),
            ("distribution", query(|query| query.distribution = "..".to_owned())),
            ("state", query(|query| query.state = "lost".to_owned())),
            ("fleet_state", query(|query| query.fleet_state = "FINE".to_owned())),
            ("tag", query(|query| query.tag = "a b".to_owned())),
            ("search", query(|query| query.search = "x".repeat(101))),
            ("search", query(|query| query.search = "\0".to_owned())),
        ] {
            let error = service.devices(asked, FIRST_PAGE).await.unwrap_err();
            assert_eq!((error.kind, error.field), (Kind::Unprocessable, Some(field)));
        }
    });
}

#[test]
fn a_device_goes_from_pending_to_authorized_to_revoked_and_each_step_is_logged() {
    on_both(async |store| {
        let (service, _) = server_with(&store, Enrolment::Approval);
        let id = service.enrol(enrolment(1)).await.unwrap().device;
        let state = async || service.device(&id).await.unwrap().state;
        assert_eq!(state().await, DeviceState::Pending);
        service.approve_device(&operator(), &id).await.unwrap();
        service.approve_device(&operator(), &id).await.unwrap();
        assert_eq!(state().await, DeviceState::Authorized);
        service.revoke_device(&operator(), &id).await.unwrap();
        assert_eq!(state().await, DeviceState::Revoked);
        let error = service.approve_device(&operator(), &id).await.unwrap_err();
        assert_eq!((error.kind, error.code), (Kind::Conflict, "device_revoked"));
        service.delete_device(&operator(), &id).await.unwrap();
        assert_eq!(service.device(&id).await.unwrap_err().kind, Kind::NotFound);
        assert_eq!(service.delete_device(&operator(), &id).await.unwrap_err().kind, Kind::NotFound);
        assert_eq!(service.revoke_device(&operator(), &id).await.unwrap_err().kind, Kind::NotFound);
        assert_eq!(service.device_reports(&id, FIRST_PAGE).await.unwrap_err().kind, Kind::NotFound);
        let log = service.audit("tester", "", FIRST_PAGE).await.unwrap().items;
        let told: Vec<_> = log.iter().rev().map(|entry| (entry.action.as_str(), entry.detail.as_str())).collect();
        assert_eq!(
            told,
            [
                ("device.approve", "state: \"pending\" -> \"authorized\""),
                ("device.revoke", "state: \"authorized\" -> \"revoked\""),
                ("device.delete", "pi-1"),
            ]
        );
    });
}

#[test]
fn ring_type_and_tags_can_be_changed_and_what_is_absent_stays() {
    on_both(async |store| {
        let (service, _) = server(&store);
        let pi = Pi::new(&service, 1).await;
        let tags: BTreeSet<_> = [("a").parse().unwrap()].into();
        let change = UpdateDevice { tags: Some(tags.clone()), ..UpdateDevice::default() };
        let shown = service.update_device(&operator(), &pi.id, change).await.unwrap();
        assert_eq!((shown.distribution.as_str(), &shown.tags), ("alpha", &tags));
        let change = UpdateDevice { distribution: Some("232".parse().unwrap()), ..UpdateDevice::default() };
        let shown = service.update_device(&operator(), &pi.id, change).await.unwrap();
        assert_eq!((shown.distribution.as_str(), &shown.tags), ("232", &tags));
        assert!(!pi.idle(&service).await.unwrap().send_profile, "what it measured is still known");
        let many = (0..65).map(|at| format!("t{at}").parse().unwrap()).collect();
        let change = UpdateDevice { tags: Some(many), ..UpdateDevice::default() };
        let error = service.update_device(&operator(), &pi.id, change).await.unwrap_err();
        assert_eq!((error.kind, error.field), (Kind::Unprocessable, Some("tags")));
    });
}

/// Rows as the engine writes them: one deployment, and a part for each device.
async fn deploy(
    database: &crate::databases::Database,
    id: &str,
    version: &str,
    status: &str,
    parts: &[(&DeviceId, &str)],
) {
    let mut connection = database.connection().await;
    let deployment = format!(
        "INSERT INTO deployments (id, name, kind, device_type, distribution, version, filter, strategy, policy, priority, \
         status, reason, forgiven_finished, forgiven_failures, revision, created_at, created_by) VALUES ('{id}', '', \
         'install', 'raspberry_pi', 'alpha', '{version}', '{{}}', '{{\"kind\":\"manual\"}}', '{{}}', 0, '{status}', '', \
         0, 0, 0, 0, '')"
    );
    connection.execute(&*deployment).await.unwrap();
    for (device, part) in parts {
        let part = format!(
            "INSERT INTO assignments (deployment, device, rank, status, attempt, failures, begun, cancel, message) \
             VALUES ('{id}', '{device}', 0, '{part}', 1, 0, 1, 0, '')"
        );
        connection.execute(&*part).await.unwrap();
    }
}

#[test]
fn a_fleet_is_counted_as_its_devices_are_shown() {
    on_both_databases(async |database| {
        let store = database.open().await;
        let (service, _) = server(&store);
        let mut fleet = Vec::new();
        for (number, release) in [Some("1"), Some("2"), Some("1"), Some("1"), None, Some("2")].into_iter().enumerate() {
            let mut pi = Pi::new(&service, u32::try_from(number).unwrap()).await;
            pi.profile.installed.release = release.map(|release| release.parse().unwrap());
            pi.profile.installed.needs_attention = number == 5;
            pi.sync(&service, pi.introduction()).await.unwrap();
            fleet.push(pi.id);
        }
        let (waiting, _) = server_with(&store, Enrolment::Approval);
        waiting.enrol(enrolment(100)).await.unwrap();

        deploy(&database, "m_1", "1", "completed", &[(&fleet[0], "completed"), (&fleet[4], "failed")]).await;
        let parts = [
            (&fleet[0], "pending"),
            (&fleet[1], "completed"),
            (&fleet[2], "installing"),
            (&fleet[3], "rolled_back"),
            (&fleet[4], "skipped"),
            (&fleet[5], "completed"),
        ];
        deploy(&database, "m_2", "2", "in_progress", &parts).await;

        let mut shown = Vec::new();
        for id in &fleet {
            let device = service.device(id).await.unwrap();
            shown.push((device.fleet_state, device.target_version.map(|version| version.to_string())));
        }
        let two = || Some("2".to_owned());
        assert_eq!(
            shown,
            [
                (FleetState::Outdated, two()),
                (FleetState::UpToDate, two()),
                (FleetState::InProgress, two()),
                (FleetState::Failed, two()),
                (FleetState::Failed, Some("1".to_owned())),
                (FleetState::Failed, two()),
            ]
        );
        let summary = service.fleet().await.unwrap();
        let figures =
            [summary.total, summary.up_to_date, summary.outdated, summary.in_progress, summary.failed, summary.unknown];
        assert_eq!(figures, [6, 1, 1, 1, 3, 0]);
        assert_eq!(summary.pending, 1);
        assert_eq!(
            (summary.compliance.len(), summary.compliance[0].total, summary.compliance[0].up_to_date),
            (1, 6, 1)
        );
        let failed = found(&service, query(|query| query.fleet_state = "FAILED".to_owned())).await;
        assert_eq!(failed, [fleet[3].clone(), fleet[4].clone(), fleet[5].clone()]);
        store.close().await;
    });
}
