//! Copies the embedded database while the server goes on writing to it.
//!
//! It opens the database itself and migrates nothing: a copy made before an update is one of before the update.

use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};
use sqlx::{AnyConnection, Connection};
use tokio::fs;

use super::open::{address, sqlite_options};
use super::{Engine, StoreError};

/// Copies the database at `url` (see [`super::Store::open`]) to the new file `to`, with everything that was committed
/// before; what is committed meanwhile may be missing. There is a whole copy or none.
pub async fn backup(url: &str, folder: &Path, to: &Path) -> Result<(), StoreError> {
    let path = match address(url, folder)? {
        Engine::Embedded(path) => path,
        Engine::Postgres => {
            let message = "the database is a PostgreSQL server's, which has its own tools: \
                           pg_dump --format=custom --file=FILE URL";
            return Err(StoreError::Refused(message.to_owned()));
        }
    };
    let failed = |source| StoreError::File { path: to.to_path_buf(), source };
    if fs::symlink_metadata(to).await.is_ok() {
        return Err(StoreError::Refused(format!("{} is there already; name a file that is not", to.display())));
    }
    if let Err(source) = fs::metadata(&path).await {
        return Err(StoreError::File { path, source });
    }
    let partial = partial(to);
    private(&partial).map_err(failed)?;
    let copied = async {
        copy(&path, &partial).await?;
        publish(&partial, to).await.map_err(failed)
    };
    let copied = copied.await;
    if copied.is_err() {
        // Nothing is lost if it stays: it has a name that says what it is.
        let _ = fs::remove_file(&partial).await;
    }
    copied
}

/// In the same folder, so that it can be renamed.
fn partial(to: &Path) -> PathBuf {
    let mut name = to.file_name().unwrap_or_default().to_owned();
    name.push(format!(".partial-{}", std::process::id()));
    to.with_file_name(name)
}

/// An empty file is taken by SQLite as it is, with its mode.
fn private(path: &Path) -> io::Result<()> {
    std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map(drop)
}

async fn copy(from: &Path, to: &Path) -> Result<(), StoreError> {
    sqlx::any::install_default_drivers();
    let mut connection = AnyConnection::connect_with(&sqlite_options(from)?).await?;
    let to = to.to_str().ok_or_else(|| StoreError::Refused(format!("{} is no UTF-8", to.display())))?;
    sqlx::query("VACUUM INTO $1").bind(to).execute(&mut connection).await?;
    Ok(connection.close().await?)
}

/// Durable first, then visible; a file that came there meanwhile stays.
async fn publish(partial: &Path, to: &Path) -> io::Result<()> {
    fs::File::open(partial).await?.sync_all().await?;
    match renameat2(AT_FDCWD, partial, AT_FDCWD, to, RenameFlags::RENAME_NOREPLACE) {
        // A file system that cannot promise it.
        Err(Errno::EINVAL | Errno::ENOSYS) => fs::rename(partial, to).await?,
        renamed => renamed?,
    }
    let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::File::open(folder).await?.sync_all().await
}
