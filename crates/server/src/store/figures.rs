//! How full and how busy the database is, for whoever watches the server.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use sqlx::{AnyConnection, Row};

use super::{Engine, Store, StoreError};

/// What was counted since this process began.
#[derive(Debug, Default)]
pub(super) struct Counts {
    /// Transactions that wrote and were committed.
    pub(super) writes: AtomicU64,
    /// Transactions begun again because the database asked for it.
    pub(super) retries: AtomicU64,
}

/// How full and how busy the database is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Figures {
    /// How many devices are in each state, by the state's word.
    pub devices: Vec<(String, u64)>,
    /// How many deployments stand where, by the status's word.
    pub deployments: Vec<(String, u64)>,
    /// How many bytes it takes on disk; none where that cannot be had.
    pub bytes: Option<u64>,
}

impl Store {
    /// Asks the database for its figures.
    pub async fn figures(&self) -> Result<Figures, StoreError> {
        let devices = "SELECT state AS word, COUNT(*) AS number FROM devices GROUP BY state ORDER BY state";
        let deployments = "SELECT status AS word, COUNT(*) AS number FROM deployments GROUP BY status ORDER BY status";
        let devices = self.read(|connection| Box::pin(by_word(connection, devices))).await?;
        let deployments = self.read(|connection| Box::pin(by_word(connection, deployments))).await?;
        let bytes = match &self.engine {
            Engine::Embedded(path) => size_of_file(path),
            // Not everything that speaks PostgreSQL's protocol has this function.
            Engine::Postgres => self.read(|connection| Box::pin(size_of_database(connection))).await.ok(),
        };
        Ok(Figures { devices, deployments, bytes })
    }

    /// Asks the database for anything at all.
    pub async fn answers(&self) -> Result<(), StoreError> {
        self.read(|connection| {
            Box::pin(async move { Ok(sqlx::query("SELECT 1 AS number").fetch_one(connection).await.map(drop)?) })
        })
        .await
    }

    /// How many transactions wrote since this process began.
    pub fn writes(&self) -> u64 {
        self.counts.writes.load(Ordering::Relaxed)
    }

    /// How many transactions were begun again since this process began.
    pub fn retries(&self) -> u64 {
        self.counts.retries.load(Ordering::Relaxed)
    }
}

async fn by_word(connection: &mut AnyConnection, query: &'static str) -> Result<Vec<(String, u64)>, StoreError> {
    let rows = sqlx::query(query).fetch_all(connection).await?;
    let read = |row: &sqlx::any::AnyRow| {
        let number: i64 = row.try_get("number")?;
        Ok((row.try_get("word")?, u64::try_from(number).unwrap_or_default()))
    };
    rows.iter().map(read).collect()
}

/// The file and its write-ahead log.
fn size_of_file(path: &Path) -> Option<u64> {
    let file = std::fs::metadata(path).ok()?.len();
    let log = std::fs::metadata(path.with_file_name(format!("{}-wal", path.file_name()?.to_str()?)));
    Some(file + log.map_or(0, |log| log.len()))
}

async fn size_of_database(connection: &mut AnyConnection) -> Result<u64, StoreError> {
    let query = sqlx::query("SELECT pg_database_size(current_database()) AS number");
    let number: i64 = query.fetch_one(connection).await?.try_get("number")?;
    Ok(u64::try_from(number).unwrap_or_default())
}
