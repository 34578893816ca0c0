//! How long what devices reported is kept.

use std::time::Duration;

use belay_protocol::DeviceId;
use belay_protocol::sync::Report;
use belay_server::clock::Clock;
use belay_server::service::{Options, Service};
use belay_server::store::{Store, reports};
use jiff::Timestamp;
use serde_json::json;

use crate::databases::on_both;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

#[test]
fn reports_go_when_they_were_kept_long_enough_and_not_before() {
    on_both(async |store| {
        let clock = Clock::manual("2026-01-01T00:00:00Z".parse().unwrap());
        let options = Options { reports_kept: 10 * DAY, ..Options::default() };
        let service = Service::new(store.clone(), clock.clone(), options);
        // More than one transaction deletes.
        report(&store, clock.now(), 1..=1_100).await;
        clock.advance(5 * DAY);
        report(&store, clock.now(), 1_101..=1_103).await;
        assert_eq!(service.forget_reports().await.unwrap(), 0);
        clock.advance(5 * DAY);
        assert_eq!(service.forget_reports().await.unwrap(), 0, "they are as old as that and no older");
        clock.advance(Duration::from_secs(1));
        assert_eq!(service.forget_reports().await.unwrap(), 1_100);
        assert_eq!(service.forget_reports().await.unwrap(), 0);
        let left =
            store.read(|connection| Box::pin(async move { reports::list(connection, &device(), (10, 0)).await }));
        let (left, total) = left.await.unwrap();
        assert_eq!(total, 3);
        assert_eq!(left.iter().map(|view| view.report.seq).collect::<Vec<_>>(), [1_103, 1_102, 1_101]);
    });
}

async fn report(store: &Store, at: Timestamp, numbers: std::ops::RangeInclusive<u64>) {
    let written = store.write(|connection| {
        let numbers = numbers.clone();
        Box::pin(async move {
            for seq in numbers {
                let report = json!({"seq": seq, "at": at, "status": "completed"});
                let report: Report = serde_json::from_value(report).unwrap();
                reports::insert(connection, &device(), "outbox", &report, at).await?;
            }
            Ok(())
        })
    });
    written.await.unwrap();
}

fn device() -> DeviceId {
    "d_1".parse().unwrap()
}
