//! Orders and copied disks.

use belay_protocol::admin::Strategy;
use belay_protocol::sync::SyncRequest;

use super::fleet::{Fleet, fearless};
use crate::databases::on_both;

#[test]
fn a_device_that_is_not_what_is_known_of_it_says_so_before_it_is_told_what_to_do() {
    on_both(async |store| {
        let mut fleet = Fleet::of(&store, 1).await;
        fleet.deploy(Strategy::Immediate, fearless()).await;
        fleet.tick().await;
        let key = fleet.devices[0].key.clone();
        let copy = async || {
            let request = SyncRequest { tag: "another".to_owned(), ..SyncRequest::default() };
            fleet.service.sync(&key, request).await.unwrap()
        };
        let first = copy().await;
        assert!(first.send_profile && first.assignment.is_none());
        let again = copy().await;
        assert!(again.send_profile && again.assignment.is_some(), "one whose profile is refused does not starve");
        assert!(fleet.poll(0, Vec::new()).await.assignment.is_some());
    });
}
