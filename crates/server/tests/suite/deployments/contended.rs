//! What operators ask for on a PostgreSQL on which devices and others write at the same instant.

use std::time::Duration;

use belay_protocol::admin::{CreateRelease, DeploymentStatus, Strategy};
use sqlx::{AnyConnection, Executor, Row};

use super::fleet::{Fleet, fearless, name, operator};
use crate::databases::{Database, on_postgres};

/// Somebody who has written and not committed.
struct Writer {
    connection: AnyConnection,
    pid: i64,
}

impl Writer {
    async fn of(database: &Database, statement: &str) -> Self {
        let mut connection = database.connection().await;
        connection.execute("BEGIN").await.unwrap();
        let row = connection.fetch_one("SELECT pg_backend_pid()::bigint AS pid").await.unwrap();
        connection.execute(statement).await.unwrap();
        Self { pid: row.get("pid"), connection }
    }

    /// Commits once somebody waits for what was written.
    async fn commit_when_awaited(mut self, database: &Database) {
        let mut watcher = database.connection().await;
        let waits = format!(
            "SELECT COUNT(*) AS number FROM pg_stat_activity WHERE datname = current_database() \
             AND {} = ANY(pg_blocking_pids(pid))",
            self.pid
        );
        let awaited = async {
            while watcher.fetch_one(&*waits).await.unwrap().get::<i64, _>("number") == 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), awaited).await.expect("somebody waits for it");
        self.connection.execute("COMMIT").await.unwrap();
    }
}

#[test]
fn a_cancel_passes_however_many_devices_report_in_the_same_instant() {
    on_postgres(async |database| {
        let store = database.open().await;
        let mut fleet = Fleet::of(&store, 14).await;
        let id = fleet.deploy(Strategy::Immediate, fearless()).await;
        let first = fleet.resolve().await;
        let first = fleet.devices[first].id.clone();
        let mut offered: Vec<_> = fleet.devices.iter().map(|device| device.id.clone()).collect();
        offered.retain(|device| *device != first);
        offered.sort();
        assert_eq!(fleet.shown(&id).await.buckets.offered, 13);
        let mut writers = Vec::new();
        for device in &offered {
            let begins = format!(
                "UPDATE assignments SET status = 'downloading', begun = 1 WHERE device = '{device}' \
                 AND status = 'offered'"
            );
            writers.push(Writer::of(&database, &begins).await);
        }
        let actor = operator();
        let commits = async {
            for writer in writers {
                writer.commit_when_awaited(&database).await;
            }
        };
        let (cancelled, ()) = tokio::join!(fleet.service.cancel_deployment(&actor, &id), commits);
        let shown = cancelled.unwrap();
        assert_eq!((shown.status, shown.buckets.downloading), (DeploymentStatus::Cancelled, 13));
        assert!(fleet.service.in_flight().await.unwrap().iter().all(|open| open.cancel), "all are asked to drop it");
    });
}

#[test]
fn of_two_identical_publishes_at_once_both_are_answered() {
    on_postgres(async |database| {
        let store = database.open().await;
        let fleet = Fleet::of(&store, 0).await;
        let same = "INSERT INTO releases (device_type, distribution, version, kind, payload, sha256, notes, created_at, \
                    created_by) SELECT device_type, distribution, '3.0', kind, payload, sha256, notes, created_at, \
                    created_by FROM releases WHERE version = '2.0'";
        let other = Writer::of(&database, same).await;
        let packages = vec!["demo-app=2.0".to_owned()];
        let release = CreateRelease { packages, ..CreateRelease::named(name("3.0")) };
        let actor = operator();
        let publish = fleet.service.create_release(&actor, release);
        let (published, ()) = tokio::join!(publish, other.commit_when_awaited(&database));
        let (shown, new) = published.unwrap();
        assert_eq!((shown.name, new), (name("3.0"), false));
    });
}
