//! Looks at a database and changes nothing.

use std::path::Path;

use serde::Serialize;
use sqlx::{AnyConnection, Connection, Row};

use super::open::{address, sqlite_options};
use super::{Engine, StoreError, migrate};

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct State {
    /// What holds the data: the file, or `PostgreSQL`.
    pub engine: String,
    /// The schema it is at; none where nothing is there yet.
    pub schema: Option<i64>,
    /// The newest schema that this program knows.
    pub known: i64,
}

/// Asks the database at `url` (see [`super::Store::open`]) what it holds.
pub async fn inspect(url: &str, folder: &Path) -> Result<State, StoreError> {
    sqlx::any::install_default_drivers();
    let known = migrate::known();
    let (engine, connection) = match address(url, folder)? {
        Engine::Embedded(path) => {
            let engine = path.display().to_string();
            match std::fs::metadata(&path) {
                Ok(_) => (engine, AnyConnection::connect_with(&sqlite_options(&path)?).await),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                    return Ok(State { engine, schema: None, known });
                }
                Err(source) => return Err(StoreError::File { path, source }),
            }
        }
        Engine::Postgres => ("PostgreSQL".to_owned(), AnyConnection::connect(url).await),
    };
    let mut connection = connection?;
    let schema = schema(&mut connection).await?;
    connection.close().await?;
    match schema {
        Some(found) if found > known => Err(StoreError::Newer { found, known }),
        schema => Ok(State { engine, schema, known }),
    }
}

async fn schema(connection: &mut AnyConnection) -> Result<Option<i64>, StoreError> {
    let query = sqlx::query("SELECT max(version) AS version FROM _sqlx_migrations");
    match query.fetch_one(connection).await {
        Ok(row) => Ok(row.try_get("version")?),
        Err(sqlx::Error::Database(error)) if is_missing_table(error.as_ref()) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// PostgreSQL has a code for it, SQLite only words.
fn is_missing_table(error: &dyn sqlx::error::DatabaseError) -> bool {
    error.code().is_some_and(|code| code == "42P01") || error.message().starts_with("no such table")
}
