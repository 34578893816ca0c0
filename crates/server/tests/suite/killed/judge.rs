//! Looks into the database, past every server, and compares what is there with what was promised.

use std::collections::BTreeMap;
use std::sync::Arc;

use belay_protocol::DeviceId;
use belay_protocol::admin::{Page, ReportView};
use belay_protocol::sync::Report;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Connection, Row};

use super::book::Pages;
use super::device::NOTHING;
use super::world::World;
use crate::databases::run;

#[derive(Debug)]
pub(super) struct Judge {
    url: String,
    world: Arc<World>,
}

impl Judge {
    pub(super) fn of(url: &str, world: Arc<World>) -> Self {
        Self { url: url.to_owned(), world }
    }

    /// After a death: everything that was promised before this look is there, and nothing twice.
    pub(super) fn look(&self) {
        let pages = self.world.book.open().clone();
        run(async {
            let mut database = self.connection().await;
            reports_are_there(&mut database, &pages).await;
            actions_are_there(&mut database, &pages).await;
            tags_are_there(&mut database, &pages).await;
        });
        assert!(pages.wrong.is_empty(), "{:#?}", pages.wrong);
    }

    /// When all is said and done: every report as it was sent, every deployment at its end, nobody asked twice.
    pub(super) fn look_at_the_end(&self) {
        let pages = self.world.book.open().clone();
        assert!(!pages.cut.is_empty(), "no deployment was under way at any death");
        run(async {
            let mut database = self.connection().await;
            for (device, sent) in &pages.sent {
                assert_eq!(pages.acknowledged[device] as usize, sent.len());
                assert_eq!(kept(&mut database, device).await, *sent, "{device}");
            }
            for (deployment, cancelled) in &pages.ended {
                let id = deployment.as_str();
                let rows =
                    all(&mut database, "SELECT status, attempt FROM assignments WHERE deployment = $1", id).await;
                let parts = rows.iter().map(|row| (row.get::<String, _>(0), row.get::<i64, _>(1)));
                for (status, attempt) in parts {
                    let known = status == "completed" || (*cancelled && status == "skipped");
                    assert!(known, "{deployment}: a device is {status}");
                    // Numbers of attempts go up over all deployments; twice within one would be a second try.
                    assert!(attempt >= 0, "{deployment}: attempt {attempt}");
                }
                let rows = all(&mut database, "SELECT decision FROM decisions WHERE deployment = $1", id).await;
                let mut decisions: BTreeMap<String, u32> = BTreeMap::new();
                for row in &rows {
                    *decisions.entry(row.get(0)).or_default() += 1;
                }
                for once in ["start", "freeze", "finish", "cancel"] {
                    let taken = decisions.get(once).copied().unwrap_or_default();
                    assert!(taken <= 1, "{deployment}: {once} was decided {taken} times");
                }
                let end = if *cancelled { "cancel" } else { "finish" };
                assert_eq!(decisions.get(end), Some(&1), "{deployment}: {decisions:?}");
            }
            nobody_worked_twice(&pages);
        });
        assert!(pages.wrong.is_empty(), "{:#?}", pages.wrong);
    }

    /// The operators' door shows every device's reports, newest first.
    pub(super) async fn ask_for_reports(&self) {
        let sent = self.world.book.open().sent.clone();
        for (device, sent) in sent {
            let path = format!("/api/v1/devices/{device}/reports?page_size=500");
            let answer = self.world.wire.ask("GET", &path, &self.world.operator_token, &NOTHING).await.unwrap();
            let page: Page<ReportView> = serde_json::from_value(answer.body).unwrap();
            assert_eq!(page.total as usize, sent.len(), "{device}");
            let shown: Vec<Report> = page.items.into_iter().map(|view| view.report).collect();
            let newest: Vec<Report> = sent.into_iter().rev().take(shown.len()).collect();
            assert_eq!(shown, newest, "{device}");
        }
    }

    async fn connection(&self) -> AnyConnection {
        sqlx::any::install_default_drivers();
        AnyConnection::connect(&self.url).await.expect("the database opens")
    }
}

/// Reports are numbered from 1: as many as the greatest number says are all of them.
async fn reports_are_there(database: &mut AnyConnection, pages: &Pages) {
    let query = "SELECT device, COUNT(*), COUNT(DISTINCT seq), MIN(seq), MAX(seq) FROM reports WHERE device <> $1 GROUP BY device";
    let rows = all(database, query, "").await;
    let counts: BTreeMap<String, [i64; 4]> =
        rows.iter().map(|row| (row.get(0), [row.get(1), row.get(2), row.get(3), row.get(4)])).collect();
    for (device, acknowledged) in pages.acknowledged.iter().filter(|(_, last)| **last > 0) {
        let [count, distinct, first, last] = counts.get(device.as_str()).copied().unwrap_or_default();
        assert!(last >= acknowledged.cast_signed(), "{device}: {acknowledged} was acknowledged, {last} is there");
        assert_eq!((count, distinct, first), (last, last, 1), "{device}: not every report once");
    }
}

async fn actions_are_there(database: &mut AnyConnection, pages: &Pages) {
    let rows =
        all(database, "SELECT action, target, COUNT(*) FROM audit WHERE id <> $1 GROUP BY action, target", "").await;
    let log: BTreeMap<(String, String), i64> = rows.iter().map(|row| ((row.get(0), row.get(1)), row.get(2))).collect();
    for action in &pages.granted {
        let logged = log.get(action).copied().unwrap_or_default();
        assert!(logged >= 1, "{action:?} was granted and is not in the log");
        assert!(logged <= pages.asked[action].cast_signed(), "{action:?} was asked for less than {logged} times");
    }
    let releases = all(database, "SELECT version FROM releases WHERE version <> $1", "").await;
    let releases: Vec<String> = releases.iter().map(|row| row.get(0)).collect();
    let deployments = all(database, "SELECT id, status FROM deployments WHERE id <> $1", "").await;
    let deployments: BTreeMap<String, String> = deployments.iter().map(|row| (row.get(0), row.get(1))).collect();
    for (action, target) in &pages.granted {
        match action.as_str() {
            "release.create" => assert!(releases.iter().any(|version| target.ends_with(version)), "{target} is gone"),
            "deployment.create" => assert!(deployments.contains_key(target), "{target} is gone"),
            "deployment.start" => assert_ne!(deployments[target], "pending", "{target}"),
            "deployment.cancel" => assert_eq!(deployments[target], "cancelled", "{target}"),
            _ => {}
        }
    }
}

/// A device has the tag that was granted last, or one that was asked for after it.
async fn tags_are_there(database: &mut AnyConnection, pages: &Pages) {
    for (device, (asked, granted)) in &pages.tags {
        let Some(granted) = granted else { continue };
        let row = all(database, "SELECT tags FROM devices WHERE id = $1", device.as_str()).await;
        let tags: String = row.first().unwrap_or_else(|| panic!("{device} is gone")).get(0);
        let since = asked.iter().skip_while(|number| *number != granted);
        let fits = since.clone().any(|number| tags == format!("[\"t{number}\"]"));
        // One may have been asked for since the book was read.
        let newer = !asked.iter().any(|number| tags == format!("[\"t{number}\"]")) && tags != "[]";
        assert!(fits || newer, "{device}: tag {granted} was granted, {tags} is there");
    }
}

async fn kept(database: &mut AnyConnection, device: &DeviceId) -> Vec<Report> {
    let query = "SELECT report FROM reports WHERE device = $1 ORDER BY received_at, seq";
    let rows = all(database, query, device.as_str()).await;
    rows.iter().map(|row| serde_json::from_str(&row.get::<String, _>(0)).unwrap()).collect()
}

/// No device was sent to work twice for one deployment: nothing here ever fails.
fn nobody_worked_twice(pages: &Pages) {
    for (device, sent) in &pages.sent {
        let mut completed: BTreeMap<_, u32> = BTreeMap::new();
        for report in sent.iter().filter(|report| report.closure.is_some()) {
            let assignment = report.assignment.as_ref().unwrap();
            *completed.entry(&assignment.deployment).or_default() += 1;
        }
        assert!(completed.values().all(|times| *times == 1), "{device}: {completed:?}");
    }
}

async fn all(database: &mut AnyConnection, query: &str, argument: &str) -> Vec<AnyRow> {
    sqlx::query(query).bind(argument).fetch_all(database).await.unwrap()
}
