//! Syncs: reports taken exactly once, answers from memory, what one server learns of another.

use std::time::{Duration, Instant};

use belay_protocol::admin::DeviceState;
use belay_protocol::sync::{MAX_REPORTS, SyncRequest};
use belay_server::clock::Clock;
use belay_server::service::{Enrolment, Kind, Options, Service};
use futures_util::future::join_all;
use sqlx::Executor;

use crate::databases::{on_both, on_both_databases, on_postgres};
use crate::fleet::{FIRST_PAGE, Pi, enrolment, operator, report, server, server_with, tag, until};

#[test]
fn a_report_is_taken_once_however_often_and_in_whatever_order_it_comes() {
    on_both(async |store| {
        let (service, _) = server(&store);
        let pi = Pi::new(&service, 1).await;
        for (sent, acknowledged, taken) in [
            (vec![1, 2], 2, vec![1, 2]),
            // The answer was lost.
            (vec![1, 2], 2, vec![1, 2]),
            (vec![2, 3], 3, vec![1, 2, 3]),
            // Held up on its way.
            (vec![1], 3, vec![1, 2, 3]),
            (vec![5, 4], 5, vec![1, 2, 3, 4, 5]),
            (vec![6, 6], 6, vec![1, 2, 3, 4, 5, 6]),
            // The device gave some up.
            (vec![9], 9, vec![1, 2, 3, 4, 5, 6, 9]),
        ] {
            let request = pi.reporting("one", sent.iter().map(|seq| report(*seq)).collect());
            let answer = pi.sync(&service, request).await.unwrap();
            assert_eq!(answer.acknowledged, Some(acknowledged), "{sent:?}");
            assert_eq!(pi.taken(&service).await, taken, "{sent:?}");
        }
        assert_eq!(pi.idle(&service).await.unwrap().acknowledged, None);
    });
}

#[test]
fn another_outbox_begins_anew_and_a_late_sync_from_the_old_one_changes_nothing() {
    on_both(async |store| {
        let (service, _) = server(&store);
        let pi = Pi::new(&service, 1).await;
        let send = async |outbox: &str, seq: u64| {
            pi.sync(&service, pi.reporting(outbox, vec![report(seq)])).await.unwrap().acknowledged
        };
        assert_eq!(send("old", 1).await, Some(1));
        assert_eq!(send("old", 2).await, Some(2));
        assert_eq!(send("new", 1).await, Some(1));
        assert_eq!(send("old", 2).await, Some(2));
        assert_eq!(send("new", 1).await, Some(1));
        assert_eq!(send("new", 2).await, Some(2));
        let mut taken = pi.taken(&service).await;
        taken.sort_unstable();
        assert_eq!(taken, [1, 1, 2, 2]);
    });
}

#[test]
fn a_device_that_syncs_with_two_servers_at_once_is_heard_once() {
    on_postgres(async |database| {
        let (store, other_store) = (database.open().await, database.open().await);
        let ((service, _), (other, _)) = (server(&store), server(&other_store));
        let pi = Pi::new(&service, 1).await;
        let syncs = (0..20_u64).flat_map(|round| {
            let request = pi.reporting("one", (1..=round + 1).map(report).collect());
            [(&service, request.clone()), (&other, request)]
        });
        let answers = join_all(syncs.map(|(service, request)| {
            let last = request.reports.len() as u64;
            let pi = &pi;
            async move { (last, pi.sync(service, request).await.unwrap().acknowledged) }
        }));
        for (last, acknowledged) in answers.await {
            assert!(acknowledged >= Some(last), "{last} was sent, {acknowledged:?} acknowledged");
        }
        assert_eq!(pi.taken(&service).await, (1..=20).collect::<Vec<_>>());
        store.close().await;
        other_store.close().await;
    });
}

#[test]
fn a_sync_that_nobody_waits_for_is_durable_and_its_repetition_is_acknowledged() {
    on_both(async |store| {
        let (service, _) = server(&store);
        let pi = Pi::new(&service, 1).await;
        let request = pi.reporting("one", vec![report(1), report(2)]);
        {
            let mut sync = std::pin::pin!(pi.sync(&service, request.clone()));
            assert!(futures_util::poll!(&mut sync).is_pending());
        }
        until("the reports are durable", async || pi.taken(&service).await == [1, 2]).await;

        // The server ends before it answered, and another one is asked.
        let (another, _) = server(&store);
        assert_eq!(pi.sync(&another, request).await.unwrap().acknowledged, Some(2));
        assert_eq!(pi.taken(&another).await, [1, 2]);
    });
}

#[test]
fn a_device_with_nothing_new_is_answered_without_the_database() {
    on_both(async |store| {
        let (service, _) = server(&store);
        let pi = Pi::new(&service, 1).await;
        let read = service.stats().read.value();
        store.close().await;
        for _ in 0..3 {
            let answer = pi.idle(&service).await.unwrap();
            assert!(answer.authorized && !answer.send_profile && answer.assignment.is_none());
            assert_eq!(answer.next_s, 60);
        }
        assert_eq!(service.stats().idle.value(), 3);
        assert_eq!(service.stats().read.value(), read);
        let error = pi.sync(&service, pi.reporting("one", vec![report(1)])).await.unwrap_err();
        assert_eq!((error.kind, error.code), (Kind::Unavailable, "store_unavailable"));
    });
}

#[test]
fn the_profile_is_asked_for_until_it_is_known() {
    on_both(async |store| {
        let (service, _) = server(&store);
        let mut pi = Pi::new(&service, 1).await;
        assert!(!pi.idle(&service).await.unwrap().send_profile);
        pi.profile.installed.release = Some("1.2".parse().unwrap());
        assert!(pi.idle(&service).await.unwrap().send_profile);
        // Reports do not wait for it.
        let answer = pi.sync(&service, pi.reporting("one", vec![report(1)])).await.unwrap();
        assert!(answer.send_profile);
        assert_eq!(answer.acknowledged, Some(1));
        assert!(!pi.sync(&service, pi.introduction()).await.unwrap().send_profile);
        assert_eq!(service.device(&pi.id).await.unwrap().profile, pi.profile);
        let (another, _) = server(&store);
        assert!(!pi.idle(&another).await.unwrap().send_profile);
    });
}

#[test]
fn a_pending_device_is_told_so_and_its_reports_are_kept() {
    on_both(async |store| {
        let (service, _) = server_with(&store, Enrolment::Approval);
        let pi = Pi::new(&service, 1).await;
        let answer = pi.sync(&service, pi.reporting("one", vec![report(1)])).await.unwrap();
        assert_eq!((answer.authorized, answer.acknowledged), (false, Some(1)));
        assert_eq!(pi.taken(&service).await, [1]);
        service.approve_device(&operator(), &pi.id).await.unwrap();
        assert!(pi.idle(&service).await.unwrap().authorized);
    });
}

#[test]
fn a_copied_disk_is_quarantined_until_an_operator_has_looked() {
    on_both(async |store| {
        let (service, _) = server(&store);
        let pi = Pi::new(&service, 1).await;
        let mut copy = pi.clone();
        copy.profile.facts.hardware = "board-2".to_owned();
        assert!(copy.idle(&service).await.unwrap().send_profile);
        let answer = copy.sync(&service, copy.introduction()).await.unwrap();
        assert!(!answer.authorized);
        assert!(!pi.idle(&service).await.unwrap().authorized);
        let shown = service.device(&pi.id).await.unwrap();
        assert_eq!(shown.state, DeviceState::Quarantined);
        let problem = shown.problem.unwrap();
        assert!(problem.contains("board-1") && problem.contains("board-2"), "{problem}");
        let log = service.audit("", "device.quarantine", FIRST_PAGE).await.unwrap();
        assert_eq!((log.total, log.items[0].target.as_str()), (1, pi.id.as_str()));

        service.approve_device(&operator(), &pi.id).await.unwrap();
        assert!(copy.idle(&service).await.unwrap().send_profile, "whoever still speaks is asked what it is");
        let answer = copy.sync(&service, copy.introduction()).await.unwrap();
        assert!(answer.authorized && !answer.send_profile, "the board was replaced");
        assert!(!pi.sync(&service, pi.introduction()).await.unwrap().authorized, "and yet the old one lives");
    });
}

#[test]
fn a_revoked_device_is_refused_here_at_once_and_elsewhere_when_memory_is_refreshed() {
    on_both_databases(async |database| {
        let (store, other_store) = (database.open().await, database.open().await);
        let ((service, clock), (other, other_clock)) = (server(&store), server(&other_store));
        let pi = Pi::new(&service, 1).await;
        pi.idle(&other).await.unwrap();
        clock.advance(Duration::from_secs(3_600));
        other_clock.advance(Duration::from_secs(3_600));
        service.revoke_device(&operator(), &pi.id).await.unwrap();
        let refused = pi.idle(&service).await.unwrap_err();
        assert_eq!((refused.kind, refused.code), (Kind::Unauthorized, "device_revoked"));
        pi.idle(&other).await.unwrap();
        other.refresh().await.unwrap();
        assert_eq!(pi.idle(&other).await.unwrap_err().code, "device_revoked");
        // One that still goes by its memory is refused where it would write.
        let reports = pi.reporting("one", vec![report(1)]);
        assert_eq!(pi.sync(&other, reports).await.unwrap_err().code, "device_revoked");
        store.close().await;
        other_store.close().await;
    });
}

#[test]
fn a_forgotten_device_is_unknown_here_at_once_and_elsewhere_when_memory_is_refreshed() {
    on_both_databases(async |database| {
        let (store, other_store) = (database.open().await, database.open().await);
        let ((service, _), (other, _)) = (server(&store), server(&other_store));
        let pi = Pi::new(&service, 1).await;
        pi.sync(&service, pi.reporting("one", vec![report(1)])).await.unwrap();
        pi.idle(&other).await.unwrap();
        service.delete_device(&operator(), &pi.id).await.unwrap();
        assert_eq!(pi.idle(&service).await.unwrap_err().code, "unauthorized");
        other.refresh().await.unwrap();
        assert_eq!(pi.idle(&other).await.unwrap_err().code, "unauthorized");
        assert_eq!(pi.taken(&service).await, [1], "its reports are history");
        store.close().await;
        other_store.close().await;
    });
}

#[test]
fn what_one_server_revokes_another_refuses_within_two_seconds() {
    on_both_databases(async |database| {
        let (store, other_store) = (database.open().await, database.open().await);
        let new = |store: &_| Service::new(Clone::clone(store), Clock::System, Options::default());
        let (service, other) = (new(&store), new(&other_store));
        let (open, _) = server(&store);
        let pi = Pi::new(&open, 1).await;
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let upkeep = tokio::spawn({
            let other = other.clone();
            async move { other.upkeep(async { drop(stopped.await) }).await }
        });
        pi.idle(&other).await.unwrap();
        service.revoke_device(&operator(), &pi.id).await.unwrap();
        #[expect(clippy::disallowed_methods, reason = "this is about real seconds")]
        let revoked = Instant::now();
        until("the other server refuses it", async || pi.idle(&other).await.is_err()).await;
        assert!(revoked.elapsed() < Duration::from_secs(2), "{:?}", revoked.elapsed());
        drop(stop);
        upkeep.await.unwrap();
        store.close().await;
        other_store.close().await;
    });
}

#[test]
fn a_key_replaced_by_one_server_is_known_to_another_before_it_refuses() {
    on_both_databases(async |database| {
        let (store, other_store) = (database.open().await, database.open().await);
        let ((service, _), (other, _)) = (server(&store), server(&other_store));
        let first = service.enrol(enrolment(1)).await.unwrap();
        let old = Pi { id: first.device, key: first.key, profile: enrolment(1).profile };
        old.idle(&other).await.unwrap();
        let key = service.enrol(enrolment(1)).await.unwrap().key;
        let new = Pi { key, ..old.clone() };
        new.idle(&other).await.unwrap();
        assert_eq!(old.idle(&other).await.unwrap_err().code, "unauthorized");
        store.close().await;
        other_store.close().await;
    });
}

#[test]
fn when_devices_were_heard_of_is_written_together_and_at_the_end() {
    on_both(async |store| {
        let (service, clock) = server(&store);
        let mut fleet = Vec::new();
        for number in 0..3 {
            fleet.push(Pi::new(&service, number).await);
        }
        service.upkeep(async {}).await;
        clock.advance(Duration::from_secs(100));
        for pi in &fleet {
            pi.idle(&service).await.unwrap();
        }
        let seen = async |pi: &Pi| service.device(&pi.id).await.unwrap().last_seen.unwrap();
        let before = seen(&fleet[0]).await;
        service.upkeep(async {}).await;
        for pi in &fleet {
            assert_eq!(seen(pi).await.duration_since(before).as_secs(), 100);
        }
    });
}

#[test]
fn a_device_whose_row_is_damaged_hurts_nobody_else() {
    on_both_databases(async |database| {
        let store = database.open().await;
        let (service, _) = server(&store);
        let fleet = [Pi::new(&service, 1).await, Pi::new(&service, 2).await, Pi::new(&service, 3).await];
        let damage = format!("UPDATE devices SET profile = 'not JSON' WHERE id = '{}'", fleet[1].id);
        database.connection().await.execute(&*damage).await.unwrap();
        let sent = fleet.iter().map(|pi| pi.sync(&service, pi.reporting("one", vec![report(1)])));
        let answers = join_all(sent).await;
        assert_eq!(answers[0].as_ref().unwrap().acknowledged, Some(1));
        assert_eq!(answers[1].as_ref().unwrap_err().kind, Kind::Internal);
        assert_eq!(answers[2].as_ref().unwrap().acknowledged, Some(1));
        let largest = service.stats().batch_size.counts().into_iter().filter(|(_, count)| *count > 0);
        assert!(largest.map(|(bound, _)| bound).fold(0.0, f64::max) > 2.0, "they shared a transaction");
        store.close().await;
    });
}

#[test]
fn more_syncs_than_can_wait_are_told_to_come_again() {
    on_both(async |store| {
        let (service, _) = server(&store);
        let pi = Pi::new(&service, 1).await;
        let sent = (0..4_096 + 10).map(|_| pi.sync(&service, pi.reporting("one", vec![report(1)])));
        let answers = join_all(sent).await;
        let refused: Vec<_> = answers.iter().filter_map(|answer| answer.as_ref().err()).collect();
        assert_eq!(refused.len(), 10);
        assert!(refused.iter().all(|error| (error.kind, error.code) == (Kind::TooMany, "busy")));
        assert_eq!(pi.taken(&service).await, [1]);
        assert_eq!((service.stats().busy.value(), service.stats().waiting.value()), (10, 0));
    });
}

#[test]
fn what_no_agent_sends_is_refused_with_the_field() {
    on_both(async |store| {
        let (service, _) = server(&store);
        let pi = Pi::new(&service, 1).await;
        let long = "x".repeat(129);
        for (field, request) in [
            ("tag", SyncRequest { tag: long.clone(), ..SyncRequest::default() }),
            ("tag", SyncRequest { tag: "a\0".to_owned(), ..SyncRequest::default() }),
            ("outbox", pi.reporting(&long, Vec::new())),
            ("reports.seq", pi.reporting("one", vec![report(0)])),
            ("reports.seq", pi.reporting("one", vec![report(u64::MAX)])),
        ] {
            let error = pi.sync(&service, request).await.unwrap_err();
            assert_eq!((error.kind, error.field), (Kind::Unprocessable, Some(field)));
        }
        for key in
            ["", "belay_dev_", &format!("{}x", pi.key), &pi.key.replace("dev", "op"), &pi.key.replacen("d_", "e_", 1)]
        {
            let error = service.sync(key, pi.nothing_new()).await.unwrap_err();
            assert_eq!((error.kind, error.code), (Kind::Unauthorized, "unauthorized"), "{key}");
        }
    });
}

#[test]
fn what_a_device_cannot_help_is_cut_and_not_refused() {
    on_both(async |store| {
        let (service, _) = server(&store);
        let mut pi = Pi::new(&service, 1).await;
        pi.profile.facts.hostname = format!("a\0b{}", "é".repeat(300));
        pi.profile.installed.drift = vec!["d".repeat(1_000); 30];
        let mut long = report(1);
        long.message = "é".repeat(10_000);
        let reports = (1..=MAX_REPORTS as u64 + 5).map(|seq| if seq == 1 { long.clone() } else { report(seq) });
        let request = SyncRequest {
            profile: Some(pi.profile.clone()),
            tag: tag(&pi.profile),
            ..pi.reporting("one", reports.collect())
        };
        let answer = pi.sync(&service, request).await.unwrap();
        assert_eq!(answer.acknowledged, Some(MAX_REPORTS as u64));
        assert!(!answer.send_profile);
        let shown = service.device(&pi.id).await.unwrap().profile;
        assert_eq!(shown.facts.hostname, format!("a b{}", "é".repeat(252)));
        assert_eq!((shown.installed.drift.len(), shown.installed.drift[0].len()), (20, 500));
        let taken = service.device_reports(&pi.id, FIRST_PAGE).await.unwrap();
        let first = taken.items.iter().find(|taken| taken.report.seq == 1).unwrap();
        assert_eq!(first.report.message.chars().count(), 4_000);
    });
}
