//! Opens a database: a file of our own, or a server that speaks PostgreSQL's protocol.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::{AnyConnection, Connection, Executor};

use super::{Engine, Store, StoreError, migrate, retry};

impl Store {
    /// Opens the database at `url` and brings its tables up to date: `postgres://…`, `sqlite:/path/of/a.db`, or none for
    /// the file `belay.db` in `folder`. A file is made where there is none, with the folders above it, all of them for
    /// its owner alone.
    pub async fn open(url: &str, folder: &Path) -> Result<Self, StoreError> {
        sqlx::any::install_default_drivers();
        match address(url, folder)? {
            Engine::Embedded(path) => embedded(path).await,
            Engine::Postgres => postgres(url).await,
        }
    }
}

/// Whether `url` is the address of a database that can be opened, as far as its text tells.
pub fn accepts(url: &str, folder: &Path) -> Result<(), StoreError> {
    match address(url, folder)? {
        Engine::Embedded(path) => sqlite_options(&path).map(drop),
        Engine::Postgres => AnyConnectOptions::from_str(url).map(drop).map_err(|_| no_address()),
    }
}

pub(super) fn address(url: &str, folder: &Path) -> Result<Engine, StoreError> {
    if url.is_empty() {
        return Ok(Engine::Embedded(folder.join("belay.db")));
    }
    if url.starts_with("postgres://") || url.starts_with("postgresql://") {
        return Ok(Engine::Postgres);
    }
    match url.strip_prefix("sqlite:") {
        Some(path) if !path.is_empty() && !path.starts_with(':') => {
            Ok(Engine::Embedded(path.strip_prefix("//").unwrap_or(path).into()))
        }
        Some(_) | None => Err(no_address()),
    }
}

/// It does not repeat what was written: a password may be in it.
fn no_address() -> StoreError {
    let message = "the database's address is none; write \"postgres://user@host/database\", \"sqlite:/path/of/a.db\", or \
                   nothing for the embedded database";
    StoreError::Refused(message.to_owned())
}

async fn embedded(path: PathBuf) -> Result<Store, StoreError> {
    private_file(&path).map_err(|source| StoreError::File { path: path.clone(), source })?;
    let options = sqlite_options(&path)?;
    prepare(&options).await?;
    let writer = pool(1, FULL_SYNC).connect_with(options.clone()).await?;
    let reader = pool(READERS, READ_ONLY).connect_with(options).await?;
    Ok(Store { reader, writer, engine: Engine::Embedded(path), counts: Arc::default() })
}

/// Switches the file to a write-ahead log and makes its tables. The switch does not wait for others, so it is repeated.
async fn prepare(options: &AnyConnectOptions) -> Result<(), StoreError> {
    let mut connection = AnyConnection::connect_with(options).await?;
    let mut attempt = 0;
    while let Err(error) = connection.execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL").await {
        let error = StoreError::from(error);
        if !retry::is_contention(&error) || attempt == retry::LAST {
            return Err(error);
        }
        retry::wait(attempt).await;
        attempt += 1;
    }
    migrate::migrate(&mut connection).await?;
    Ok(connection.close().await?)
}

async fn postgres(url: &str) -> Result<Store, StoreError> {
    let options = AnyConnectOptions::from_str(url)?;
    let mut connection = AnyConnection::connect_with(&options).await?;
    migrate::migrate(&mut connection).await?;
    connection.close().await?;
    let both = AnyPoolOptions::new().max_connections(CONNECTIONS).acquire_timeout(PATIENCE);
    let both = both.connect_with(options).await?;
    Ok(Store { reader: both.clone(), writer: both, engine: Engine::Postgres, counts: Arc::default() })
}

fn pool(connections: u32, settings: &'static str) -> AnyPoolOptions {
    let pool = AnyPoolOptions::new().max_connections(connections).acquire_timeout(PATIENCE);
    // Connections to a file cost nothing to keep, and opened anew they read the whole schema again.
    pool.idle_timeout(None)
        .max_lifetime(None)
        .after_connect(move |connection, _| Box::pin(async move { connection.execute(settings).await.map(drop) }))
}

pub(super) fn sqlite_options(path: &Path) -> Result<AnyConnectOptions, StoreError> {
    let unusable = || StoreError::Refused(format!("{} is no path that a database can have", path.display()));
    let text = path.to_str().ok_or_else(unusable)?;
    // The driver takes the percent signs out again.
    let text = text.replace('%', "%25").replace('?', "%3F").replace('#', "%23");
    AnyConnectOptions::from_str(&format!("sqlite:{text}")).map_err(|_| unusable())
}

/// Makes the file and the folders above it where there are none, and keeps others out of it.
pub(super) fn private_file(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    match fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(file) => {
            // Root may set up what another user will run: `token create` before the first start.
            let owner = fs::metadata(folder)?;
            if nix::unistd::geteuid().is_root() && owner.uid() != 0 {
                std::os::unix::fs::fchown(&file, Some(owner.uid()), Some(owner.gid()))?;
            }
            Ok(())
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let mode = fs::metadata(path)?.permissions().mode();
            if mode & 0o077 == 0 { Ok(()) } else { fs::set_permissions(path, fs::Permissions::from_mode(0o600)) }
        }
        Err(error) => Err(error),
    }
}

const FULL_SYNC: &str = "PRAGMA synchronous = FULL; PRAGMA foreign_keys = OFF; PRAGMA busy_timeout = 5000";

/// A reader that is given a write by mistake fails at once, on every test.
const READ_ONLY: &str = "PRAGMA query_only = ON; PRAGMA foreign_keys = OFF; PRAGMA busy_timeout = 5000";

/// Connections that read the embedded database at once.
const READERS: u32 = 4;

/// Connections to a database server; its default allows 100 to all of its clients together.
const CONNECTIONS: u32 = 20;

/// How long a request waits for a connection.
const PATIENCE: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests;
