//! Brings a database's tables up to date, forward only.
//!
//! No lock of the database is taken for it: CockroachDB and YugabyteDB have no advisory locks. Each migration is one
//! transaction that ends with its entry in the list of migrations, so of two servers that start at once one fails, and
//! finds on its next look that the work is done.

use sqlx::AnyConnection;
use sqlx::migrate::{Migrate, MigrateError, Migrator};

use super::{StoreError, retry};

/// Carries out what is missing, or says that the database is of a newer server.
pub(super) async fn migrate(connection: &mut AnyConnection) -> Result<(), StoreError> {
    let mut attempt = 0;
    loop {
        match migrate_once(connection).await {
            Ok(()) => return Ok(()),
            Err(error) if is_race(&error) && attempt < retry::LAST => {
                tracing::debug!(attempt, %error, "another server brings the database up to date");
                retry::wait(attempt).await;
                attempt += 1;
            }
            Err(error) => return Err(error),
        }
    }
}

async fn migrate_once(connection: &mut AnyConnection) -> Result<(), StoreError> {
    connection.ensure_migrations_table().await.map_err(StoreError::Schema)?;
    let applied = connection.list_applied_migrations().await.map_err(StoreError::Schema)?;
    let known = known();
    match applied.iter().map(|migration| migration.version).max() {
        Some(found) if found > known => Err(StoreError::Newer { found, known }),
        Some(_) | None => migrator().run_direct(connection).await.map_err(StoreError::Schema),
    }
}

/// The newest migration of this program.
pub(super) fn known() -> i64 {
    MIGRATIONS.iter().map(|migration| migration.version).max().unwrap_or_default()
}

fn migrator() -> Migrator {
    Migrator { migrations: MIGRATIONS.migrations.clone(), locking: false, ..Migrator::DEFAULT }
}

/// Whether another server may have been at it at the same time.
fn is_race(error: &StoreError) -> bool {
    let StoreError::Schema(MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _)) = error else {
        return false;
    };
    let sqlx::Error::Database(error) = error else { return false };
    let code = error.code().unwrap_or_default();
    let says = error.message();
    let there = says.ends_with("already exists") || says.starts_with("duplicate column name");
    retry::is_contention_code(&code) || THERE_ALREADY.contains(&&*code) || there
}

/// PostgreSQL's codes for what another server has just made: unique_violation (in the catalogue), duplicate_table,
/// duplicate_object, duplicate_column.
const THERE_ALREADY: [&str; 4] = ["23505", "42P07", "42710", "42701"];

static MIGRATIONS: Migrator = sqlx::migrate!("src/store/migrations");
