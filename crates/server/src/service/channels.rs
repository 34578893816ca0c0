//! Channels: standing rules, carried out by standing deployments.

use belay_protocol::admin::{
    ChannelView, CreateChannel, FilterText, Page, Policy, ReleaseName, Strategy, UpdateChannel,
};
use jiff::Timestamp;
use sqlx::AnyConnection;

use super::deployments::{Draft, anew, cancel, insert};
use super::engine::Moment;
use super::releases::needed;
use super::{Actor, Kind, PageOf, Service, ServiceError};
use crate::domain::Channel;
use crate::store::{StoreError, audit, channels, deployments};

impl Service {
    /// Makes a channel; an active one gets its standing deployment in the same transaction.
    pub async fn create_channel(&self, actor: &Actor, channel: CreateChannel) -> Result<ChannelView, ServiceError> {
        let name = channel.channel.clone().unwrap_or_else(|| "default".to_owned());
        let printable = |character: char| character.is_ascii_alphanumeric() || "._-".contains(character);
        if !(1..=128).contains(&name.len()) || !name.chars().all(printable) {
            let message = "a channel's name is 1 to 128 of A-Z a-z 0-9 . _ and -";
            return Err(ServiceError::of_field("channel", "bad_name", message));
        }
        let now = self.clock.now();
        let channel = Channel {
            id: 0,
            device_type: channel.device_type,
            distribution: channel.distribution,
            name,
            target_version: channel.target_version,
            active: channel.active.unwrap_or(true),
            deployment: None,
            created_at: now,
            updated_at: now,
        };
        let made = self.store.write(|connection| {
            let (channel, actor) = (channel.clone(), actor.clone());
            Box::pin(async move { create(connection, channel, &actor, now).await })
        });
        let made = made.await??;
        self.engine.notify_one();
        Ok(view(made))
    }

    /// Channels of a page.
    pub async fn channels(
        &self,
        device_type: &str,
        distribution: &str,
        page: PageOf,
    ) -> Result<Page<ChannelView>, ServiceError> {
        let (device_type, distribution, range) = (device_type.to_owned(), distribution.to_owned(), page.range()?);
        let read = self.store.read(move |connection| {
            Box::pin(async move { channels::page(connection, &device_type, &distribution, range).await })
        });
        let (found, total) = read.await?;
        Ok(page.with(found.into_iter().map(view).collect(), total))
    }

    /// One channel.
    pub async fn channel(&self, id: i64) -> Result<ChannelView, ServiceError> {
        let read = self.store.read(move |connection| Box::pin(channels::by_id(connection, id)));
        read.await?.map(view).ok_or_else(|| missing(id))
    }

    /// Changes its target or switches it; another target ends the standing deployment and begins another.
    pub async fn update_channel(
        &self,
        actor: &Actor,
        id: i64,
        change: UpdateChannel,
    ) -> Result<ChannelView, ServiceError> {
        let change = &change;
        let updated = anew(|| {
            let moment = self.moment();
            self.store.write(move |connection| {
                let (change, actor) = (change.clone(), actor.clone());
                Box::pin(async move { update(connection, id, change, &actor, moment).await })
            })
        });
        let updated = updated.await??;
        self.engine.notify_one();
        Ok(view(updated))
    }

    /// Deletes it; its standing deployment is cancelled.
    pub async fn delete_channel(&self, actor: &Actor, id: i64) -> Result<(), ServiceError> {
        let deleted = anew(|| {
            let moment = self.moment();
            self.store.write(move |connection| {
                let actor = actor.clone();
                Box::pin(async move { delete(connection, id, &actor, moment).await })
            })
        });
        deleted.await?
    }
}

async fn create(
    connection: &mut AnyConnection,
    mut channel: Channel,
    actor: &Actor,
    now: Timestamp,
) -> Result<Result<Channel, ServiceError>, StoreError> {
    if let Err(missing) = needed(connection, &target(&channel)).await? {
        return Ok(Err(missing));
    }
    let others = channels::of_ring(connection, &channel.device_type, &channel.distribution).await?;
    if others.iter().any(|other| other.name == channel.name) {
        let message = format!("the channel {:?} is there already; change that one", channel.name);
        return Ok(Err(ServiceError::new(Kind::Conflict, "channel_exists", message)));
    }
    if let Err(conflict) = alone(&channel, &others) {
        return Ok(Err(conflict));
    }
    channel.id = channels::next_id(connection).await?;
    begin(connection, &mut channel, actor, now).await?;
    channels::insert(connection, &channel).await?;
    audit::write(connection, now, actor, "channel.create", &channel.id.to_string(), &says(&channel)).await?;
    Ok(Ok(channel))
}

async fn update(
    connection: &mut AnyConnection,
    id: i64,
    change: UpdateChannel,
    actor: &Actor,
    moment: Moment,
) -> Result<Result<Channel, ServiceError>, StoreError> {
    let Some(before) = channels::by_id(connection, id).await? else { return Ok(Err(missing(id))) };
    let mut channel = before.clone();
    channel.target_version = change.target_version.unwrap_or(channel.target_version);
    channel.active = change.active.unwrap_or(channel.active);
    if channel == before {
        return Ok(Ok(channel));
    }
    if let Err(missing) = needed(connection, &target(&channel)).await? {
        return Ok(Err(missing));
    }
    let others = channels::of_ring(connection, &channel.device_type, &channel.distribution).await?;
    if let Err(conflict) = alone(&channel, &others) {
        return Ok(Err(conflict));
    }
    end(connection, &before, moment).await?;
    begin(connection, &mut channel, actor, moment.now).await?;
    // Later than before, whatever the clock did: the next one to change it tells the two apart by this.
    let later = before.updated_at + std::time::Duration::from_millis(1);
    channel.updated_at = moment.now.max(later);
    channels::update(connection, &before, &channel).await?;
    audit::write(connection, moment.now, actor, "channel.update", &id.to_string(), &says(&channel)).await?;
    Ok(Ok(channel))
}

async fn delete(
    connection: &mut AnyConnection,
    id: i64,
    actor: &Actor,
    moment: Moment,
) -> Result<Result<(), ServiceError>, StoreError> {
    let Some(channel) = channels::by_id(connection, id).await? else { return Ok(Err(missing(id))) };
    end(connection, &channel, moment).await?;
    channels::delete(connection, &channel).await?;
    let detail = format!("{}/{} {}", channel.device_type, channel.distribution, channel.name);
    audit::write(connection, moment.now, actor, "channel.delete", &id.to_string(), &detail).await?;
    Ok(Ok(()))
}

/// Two rules for the same devices would take them back and forth.
fn alone(channel: &Channel, others: &[Channel]) -> Result<(), ServiceError> {
    let other = others.iter().find(|other| other.active && other.id != channel.id);
    match other {
        Some(other) if channel.active => {
            let message = format!("the channel {:?} already rules these devices; switch it off first", other.name);
            Err(ServiceError::new(Kind::Conflict, "channel_active", message))
        }
        Some(_) | None => Ok(()),
    }
}

/// Gives an active channel its standing deployment. It may have no devices yet: they join as they come.
async fn begin(
    connection: &mut AnyConnection,
    channel: &mut Channel,
    actor: &Actor,
    now: Timestamp,
) -> Result<(), StoreError> {
    channel.deployment = None;
    if !channel.active {
        return Ok(());
    }
    let release = target(channel);
    let draft = Draft {
        name: format!("channel {}: {release}", channel.name),
        release,
        filter: FilterText::default(),
        strategy: Strategy::Immediate,
        policy: standing_policy(),
        channel: Some(channel.id),
    };
    let deployment = draft.deployment(actor, now);
    insert(connection, &deployment, now).await?;
    channel.deployment = Some(deployment.id);
    Ok(())
}

async fn end(connection: &mut AnyConnection, channel: &Channel, moment: Moment) -> Result<(), StoreError> {
    let Some(id) = &channel.deployment else { return Ok(()) };
    match deployments::take(connection, id).await? {
        Some(mut deployment) => cancel(connection, &mut deployment, moment).await,
        None => Ok(()),
    }
}

/// A channel says what should be, not how carefully: its devices get it as they come, twice again where it fails, and it
/// stops where one in five fails. Who wants waves makes a deployment first, and moves the channel after it.
fn standing_policy() -> Policy {
    Policy {
        max_failure_percent: 20,
        min_sample: 5,
        retries: 2,
        late_joiners: true,
        deadline_s: u32::MAX,
        ..Policy::default()
    }
}

fn target(channel: &Channel) -> ReleaseName {
    ReleaseName {
        device_type: channel.device_type.clone(),
        distribution: channel.distribution.clone(),
        version: channel.target_version.clone(),
    }
}

fn says(channel: &Channel) -> String {
    format!("{} {}", target(channel), if channel.active { "on" } else { "off" })
}

fn missing(id: i64) -> ServiceError {
    ServiceError::not_found("channel", id)
}

fn view(channel: Channel) -> ChannelView {
    ChannelView {
        id: channel.id,
        device_type: channel.device_type,
        distribution: channel.distribution,
        channel: channel.name,
        target_version: channel.target_version,
        active: channel.active,
        deployment: channel.deployment,
        created_at: channel.created_at,
        updated_at: channel.updated_at,
    }
}
