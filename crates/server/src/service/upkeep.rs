//! Keeps memory up to date with what others wrote, and writes what only memory knows.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use belay_protocol::DeviceId;
use jiff::Timestamp;

use super::Service;
use crate::store::devices::hot;
use crate::store::{StoreError, assignments, audit, reports};

/// What was read last.
#[derive(Debug)]
struct Read {
    /// When changes were read.
    recent: i64,
    /// When changes were read with much patience for transactions that took long and for clocks that differ.
    thorough: i64,
}

impl Service {
    /// Keeps what polls are answered from up to date, until `stop`: another server's writes are known within two seconds.
    /// Then everything that was taken is written. Call it once, and stop it after the doors.
    pub async fn upkeep(&self, stop: impl Future<Output = ()>) {
        let mut stop = pin!(stop);
        let mut tick = tokio::time::interval(REFRESH);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let now = self.clock.now().as_millisecond();
        let mut read = Read { recent: now, thorough: now };
        let mut ticks = 0_u32;
        let mut sweep = tokio::spawn(std::future::ready(()));
        loop {
            tokio::select! {
                () = &mut stop => break,
                _ = tick.tick() => {}
            }
            if let Err(error) = self.refresh_since(&mut read).await {
                tracing::warn!(%error, "cannot read what other servers wrote; trying again");
            }
            ticks = ticks.wrapping_add(1);
            if ticks.is_multiple_of(FLUSH_EVERY) {
                self.write_heard().await;
            }
            if ticks.is_multiple_of(CLEAN_EVERY)
                && let Err(error) = self.forget_reports().await
            {
                tracing::warn!(%error, "old reports cannot be deleted; trying again");
            }
            // There may be very many, in a store that is slow: nothing waits for it.
            if ticks.is_multiple_of(SWEEP_EVERY) && sweep.is_finished() {
                sweep = tokio::spawn(self.clone().sweep());
            }
        }
        sweep.abort();
        self.recorded().await;
        self.write_heard().await;
    }

    async fn sweep(self) {
        if let Err(error) = self.sweep_artifacts().await {
            tracing::warn!(%error, "artifacts that no release names cannot be removed; trying again");
        }
    }

    /// Reads once what others wrote in the last seconds: what [`Service::upkeep`] does each second.
    pub async fn refresh(&self) -> Result<(), StoreError> {
        let now = self.clock.now().as_millisecond();
        self.refresh_since(&mut Read { recent: now, thorough: now }).await
    }

    async fn refresh_since(&self, read: &mut Read) -> Result<(), StoreError> {
        let now = self.clock.now().as_millisecond();
        let thorough = now - read.thorough >= THOROUGH_EVERY || now < read.thorough;
        // A clock that was set back must not hide what is written from now on.
        let since = if thorough { read.thorough.min(now) - THOROUGH } else { read.recent.min(now) - RECENT };
        let _reading = self.memory.reading_orders().await;
        let found = self.store.read(|connection| {
            Box::pin(async move {
                let changed = hot::changed_since(connection, since).await?;
                let deleted = audit::deleted_devices(connection, since).await?;
                Ok((changed, deleted, assignments::open_for(connection).await?))
            })
        });
        let (changed, deleted, open) = found.await?;
        self.memory.relearn(changed);
        for id in &deleted {
            self.memory.forget(id);
        }
        self.memory.after_orders(open);
        read.recent = now;
        if thorough {
            read.thorough = now;
        }
        Ok(())
    }

    /// Deletes reports that were kept long enough, in small transactions between which others come to write; how many.
    /// Where there are very many, the rest goes the next time.
    pub async fn forget_reports(&self) -> Result<u64, StoreError> {
        let before = self.clock.now().checked_sub(self.options.reports_kept).unwrap_or(Timestamp::UNIX_EPOCH);
        let mut deleted = 0;
        for _ in 0..MOST_BATCHES {
            let batch = self.store.write(|connection| Box::pin(reports::delete_before(connection, before, BATCH)));
            let batch = batch.await?;
            deleted += batch;
            if batch < BATCH.unsigned_abs() {
                break;
            }
        }
        Ok(deleted)
    }

    /// Answers polls from now on by the offers that are written. What cannot be read now is read within the second.
    pub(super) async fn refresh_orders(&self) {
        let _reading = self.memory.reading_orders().await;
        match self.store.read(|connection| Box::pin(assignments::open_for(connection))).await {
            Ok(open) => self.memory.after_orders(open),
            Err(error) => tracing::warn!(%error, "cannot read what devices are to be told; trying again"),
        }
    }

    /// Answers polls of one device from now on by what is written of it.
    pub(super) async fn take_effect(&self, id: &DeviceId) -> Result<(), StoreError> {
        let device = id.clone();
        let read = self.store.read(move |connection| {
            Box::pin(async move {
                let keyed = hot::keyed(connection, &device).await?;
                Ok((keyed, assignments::open_of(connection, &device).await?))
            })
        });
        let (keyed, open) = read.await?;
        match keyed {
            Some(keyed) => {
                self.memory.learn(keyed);
                self.memory.tell(id, open.map(Arc::new));
            }
            None => self.memory.forget(id),
        }
        Ok(())
    }

    /// Writes when devices were last heard of. What cannot be written is kept for the next time.
    pub(super) async fn write_heard(&self) {
        for (second, devices) in self.memory.take_heard() {
            for part in devices.chunks(hot::SEEN_AT_ONCE) {
                let part = part.to_vec();
                let at = Timestamp::from_second(second).unwrap_or_default();
                let written = self.store.write(|connection| {
                    let part = part.clone();
                    Box::pin(async move { hot::seen(connection, at, &part).await })
                });
                if let Err(error) = written.await {
                    tracing::warn!(%error, "cannot write when devices were last heard of; trying again");
                    self.memory.hear_again(second, &part);
                }
            }
        }
    }
}

const REFRESH: Duration = Duration::from_secs(1);

/// What was heard is written each so many refreshes.
const FLUSH_EVERY: u32 = 5;

/// Old reports are deleted each so many refreshes.
const CLEAN_EVERY: u32 = 60;

/// Artifacts that no release names are removed each so many refreshes.
const SWEEP_EVERY: u32 = 3_600;

/// How many reports one transaction deletes.
const BATCH: i64 = 500;

/// How many such transactions there are at once.
const MOST_BATCHES: u32 = 20;

/// How far back each refresh looks, in milliseconds: longer than a transaction takes and than good clocks differ.
const RECENT: i64 = 10_000;

/// How far back a thorough refresh looks.
const THOROUGH: i64 = 120_000;

const THOROUGH_EVERY: i64 = 60_000;
