//! Channels: standing rules and the deployments that carry them out.

use belay_protocol::admin::{ChannelView, CreateChannel, DeploymentStatus, UpdateChannel};
use belay_server::service::{Kind, ServiceError};

use super::fleet::{ALL, Fleet, name, operator};
use crate::databases::on_both;

async fn make(fleet: &Fleet, channel: &str, version: &str) -> Result<ChannelView, ServiceError> {
    let release = name(version);
    let asked = CreateChannel {
        device_type: release.device_type,
        distribution: release.distribution,
        channel: Some(channel.to_owned()),
        target_version: release.version,
        active: None,
    };
    fleet.service.create_channel(&operator(), asked).await
}

#[test]
fn a_channel_brings_its_release_to_devices_as_they_come_and_does_not_end() {
    on_both(async |store| {
        let mut fleet = Fleet::of(&store, 0).await;
        let channel = make(&fleet, "default", "2.0").await.unwrap();
        let standing = channel.deployment.clone().unwrap();
        for expected in [0, 1] {
            let device = fleet.enrol(&[]).await;
            assert_eq!(device, expected);
            fleet.tick().await;
            assert_eq!(fleet.ask_all().await, [device]);
            fleet.succeed(device, "2.0").await;
            fleet.tick().await;
        }
        let shown = fleet.shown(&standing).await;
        assert_eq!((shown.status, shown.buckets.completed), (DeploymentStatus::InProgress, 2));
        assert_eq!(shown.channel, Some(channel.id));
    });
}

#[test]
fn another_target_ends_the_standing_deployment_and_begins_another() {
    on_both(async |store| {
        let mut fleet = Fleet::of(&store, 1).await;
        fleet.publish("3.0").await;
        let channel = make(&fleet, "default", "2.0").await.unwrap();
        let change = UpdateChannel { target_version: Some("3.0".parse().unwrap()), active: None };
        let changed = fleet.service.update_channel(&operator(), channel.id, change).await.unwrap();
        let (before, after) = (channel.deployment.unwrap(), changed.deployment.clone().unwrap());
        assert_ne!(before, after);
        assert_eq!(fleet.shown(&before).await.status, DeploymentStatus::Cancelled);
        fleet.tick().await;
        fleet.ask_all().await;
        assert_eq!(fleet.devices[0].order.as_ref().unwrap().id.deployment, after);

        let off = UpdateChannel { target_version: None, active: Some(false) };
        let changed = fleet.service.update_channel(&operator(), channel.id, off).await.unwrap();
        assert_eq!((changed.active, changed.deployment), (false, None));
        assert_eq!(fleet.shown(&after).await.status, DeploymentStatus::Cancelled);
        let audit = fleet.service.audit("olga", "channel.update", ALL).await.unwrap();
        assert_eq!(audit.total, 2);
    });
}

#[test]
fn what_cannot_be_a_channel_is_refused() {
    on_both(async |store| {
        let fleet = Fleet::of(&store, 0).await;
        assert_eq!(make(&fleet, "default", "9.9").await.unwrap_err().kind, Kind::NotFound);
        assert_eq!(make(&fleet, "a/b", "2.0").await.unwrap_err().field, Some("channel"));
        make(&fleet, "default", "2.0").await.unwrap();
        assert_eq!(make(&fleet, "default", "2.0").await.unwrap_err().code, "channel_exists");
        assert_eq!(make(&fleet, "other", "2.0").await.unwrap_err().code, "channel_active");
        assert_eq!(fleet.service.channel(99).await.unwrap_err().kind, Kind::NotFound);
        assert_eq!(fleet.service.channels("raspberry_pi", "", ALL).await.unwrap().total, 1);
    });
}

#[test]
fn a_standing_deployment_is_steered_by_its_channel() {
    on_both(async |store| {
        let fleet = Fleet::of(&store, 1).await;
        let channel = make(&fleet, "default", "2.0").await.unwrap();
        let standing = channel.deployment.unwrap();
        let refused = fleet.service.cancel_deployment(&operator(), &standing).await.unwrap_err();
        assert_eq!((refused.kind, refused.code), (Kind::Conflict, "stands_for_channel"));
        let refused = fleet.service.delete_release(&operator(), &name("2.0")).await.unwrap_err();
        assert_eq!(refused.code, "release_in_use");
        fleet.service.delete_channel(&operator(), channel.id).await.unwrap();
        assert_eq!(fleet.shown(&standing).await.status, DeploymentStatus::Cancelled);
        fleet.service.delete_release(&operator(), &name("2.0")).await.unwrap();
    });
}

#[test]
fn taking_back_what_a_channel_brought_switches_it_off() {
    on_both(async |store| {
        let mut fleet = Fleet::of(&store, 1).await;
        let channel = make(&fleet, "default", "2.0").await.unwrap();
        fleet.tick().await;
        fleet.ask_all().await;
        fleet.succeed(0, "2.0").await;
        fleet.service.roll_back_deployment(&operator(), &channel.deployment.unwrap()).await.unwrap();
        let channel = fleet.service.channel(channel.id).await.unwrap();
        assert_eq!((channel.active, channel.deployment), (false, None));
        fleet.tick().await;
        fleet.ask_all().await;
        fleet.succeed(0, "1.0").await;
        fleet.tick().await;
        assert_eq!(fleet.ask_all().await, [0; 0]);
    });
}
