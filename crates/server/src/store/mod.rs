//! What is durable: devices, releases, deployments, reports, decisions. One set of SQL for SQLite and for what speaks
//! PostgreSQL's protocol.
//!
//! Every file beside this one holds the statements of one table, as functions of a connection, so that several of them
//! make one transaction. Nothing here decides anything. What every table needs: [`row`] reads columns, [`id`] makes
//! names, `open` and `migrate` bring a database up, `retry` says what is tried again.
//!
//! SQLite has one writer, which begins with `BEGIN IMMEDIATE`: what it reads cannot change before it commits. What speaks
//! PostgreSQL's protocol runs at the isolation that its administrator set, READ COMMITTED by default; so whoever decides
//! on several rows first locks the one that they belong to (`UPDATE deployments SET revision = revision + 1 …`), and
//! everything read after that holds. CockroachDB is serializable and asks for repetition instead; it gets it.

mod backup;
pub mod figures;
pub mod id;
mod inspect;
mod migrate;
mod open;
mod retry;
pub mod row;

pub mod artifacts;
pub mod assignments;
pub mod audit;
pub mod channels;
pub mod decisions;
pub mod deployments;
pub mod devices;
pub mod enrolment_tokens;
pub mod releases;
pub mod reports;
pub mod targets;
pub mod tokens;

use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use sqlx::AnyConnection;

pub use backup::backup;
pub use inspect::{State, inspect};
pub use open::accepts;

use crate::auth::Digest;

/// A future that borrows its connection.
pub type Work<'c, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'c>>;

/// Why something could not be stored or read.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database said no.
    #[error("the database failed: {0}")]
    Database(#[from] sqlx::Error),
    /// A row does not hold what this program writes.
    #[error("the row {row} of {table} cannot be understood: {problem}")]
    Row {
        /// The table.
        table: &'static str,
        /// The row's key.
        row: String,
        /// What is wrong.
        problem: String,
    },
    /// Somebody else wrote in between; what was read no longer holds.
    #[error("it was changed by somebody else in the meantime")]
    Stale,
    /// The database is of a newer server.
    #[error(
        "the database was written by a newer belay-server (schema {found}, this one knows {known}); install that one again"
    )]
    Newer {
        /// The schema found.
        found: i64,
        /// The newest that this program knows.
        known: i64,
    },
    /// The database's tables could not be brought up to date.
    #[error("the database's tables could not be brought up to date: {0}")]
    Schema(sqlx::migrate::MigrateError),
    /// It cannot be done with this database; says what to do instead.
    #[error("{0}")]
    Refused(String),
    /// A file of the embedded database could not be made or changed.
    #[error("cannot use {}: {source}", path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

impl StoreError {
    /// The stable code for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Database(_) => "database",
            Self::Row { .. } => "row",
            Self::Stale => "changed_meanwhile",
            Self::Newer { .. } => "newer_database",
            Self::Schema(_) => "schema",
            Self::Refused(_) => "refused",
            Self::File { .. } => "file",
        }
    }

    /// Whether the database itself cannot work at present, whatever it is asked: the same may pass later.
    pub fn is_outage(&self) -> bool {
        retry::is_outage(self)
    }
}

/// The database. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    reader: sqlx::AnyPool,
    writer: sqlx::AnyPool,
    engine: Engine,
    counts: Arc<figures::Counts>,
}

/// What holds the data.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Engine {
    /// A file of our own.
    Embedded(PathBuf),
    /// A database server.
    Postgres,
}

impl Store {
    /// Carries out `work` in one transaction, from the beginning again where the database asks for that (a serialisation
    /// failure, a lock that was not had in time). Everything is durable when this returns; after an error, nothing is.
    pub async fn write<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send,
        F: for<'c> Fn(&'c mut AnyConnection) -> Work<'c, T> + Send + Sync,
    {
        let mut attempt = 0;
        loop {
            match self.transact(&work).await {
                Err(error) if retry::is_contention(&error) && attempt < retry::LAST => {
                    tracing::debug!(attempt, %error, "the transaction is tried again");
                    self.counts.retries.fetch_add(1, Ordering::Relaxed);
                    retry::wait(attempt).await;
                    attempt += 1;
                }
                ended => return ended,
            }
        }
    }

    async fn transact<T, F>(&self, work: &F) -> Result<T, StoreError>
    where
        F: for<'c> Fn(&'c mut AnyConnection) -> Work<'c, T>,
    {
        let mut transaction = match &self.engine {
            // A transaction that reads first and writes later would lose to another process in between.
            Engine::Embedded(_) => self.writer.begin_with("BEGIN IMMEDIATE").await?,
            Engine::Postgres => self.writer.begin().await?,
        };
        let value = work(&mut transaction).await?;
        transaction.commit().await?;
        self.counts.writes.fetch_add(1, Ordering::Relaxed);
        Ok(value)
    }

    /// Reads with one connection.
    pub async fn read<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send,
        F: for<'c> FnOnce(&'c mut AnyConnection) -> Work<'c, T> + Send,
    {
        let mut connection = self.reader.acquire().await?;
        work(&mut connection).await
    }

    /// Ends every connection; whoever still works on one is waited for.
    pub async fn close(&self) {
        self.writer.close().await;
        self.reader.close().await;
    }
}

/// The digest of a secret, as it stands in a column.
fn digest(record: &row::Record<'_>, column: &str) -> Result<Digest, StoreError> {
    Digest::read(&record.text(column)?).ok_or_else(|| record.wrong(column, "it is no digest"))
}

#[cfg(test)]
impl Store {
    /// A store of its own for one test, with the folder that holds it.
    pub(crate) async fn temporary() -> (tempfile::TempDir, Self) {
        let folder = tempfile::tempdir().unwrap();
        let store = Self::open("", folder.path()).await.unwrap();
        (folder, store)
    }
}
