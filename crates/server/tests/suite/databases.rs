//! Both databases for every test: a file, and a database of its own on a real PostgreSQL.
//!
//! PostgreSQL is started once for the whole run, in a temporary folder and behind a Unix socket, so nothing is in its
//! way. A shell that waits for the end of a pipe is its parent, and ends it however this process ends. Where PostgreSQL
//! is not installed its half is left out, loudly; with `BELAY_REQUIRE_POSTGRES=1` that fails.

use std::future::Future;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use belay_server::store::Store;
use belay_testkit::command::command;
use belay_testkit::ownership::{base_dir, temp_dir_in};
use belay_testkit::wait::try_wait_until;
use sqlx::{AnyConnection, Connection, Executor};
use tempfile::TempDir;

/// An empty database of one test.
#[derive(Debug)]
pub(crate) struct Database {
    /// What it is, for messages.
    pub(crate) engine: Engine,
    /// Its address.
    pub(crate) url: String,
    /// The server's folder; the file is in it.
    pub(crate) folder: TempDir,
}

/// What holds the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Engine {
    /// A file.
    Sqlite,
    /// A server.
    Postgres,
}

impl Database {
    /// Opens it once more; its tables are there afterwards.
    pub(crate) async fn open(&self) -> Store {
        Store::open(&self.url, self.folder.path()).await.expect("the database opens")
    }

    /// A connection beside every store.
    pub(crate) async fn connection(&self) -> AnyConnection {
        sqlx::any::install_default_drivers();
        AnyConnection::connect(&self.url).await.expect("the database answers")
    }

    fn sqlite() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let url = format!("sqlite:{}", folder.path().join("belay.db").display());
        Self { engine: Engine::Sqlite, url, folder }
    }

    /// A file in a folder of the user that the server's own program runs as.
    pub(crate) fn sqlite_of_programs() -> Self {
        let folder = temp_dir_in(&base_dir(), "belay-server-");
        let url = format!("sqlite:{}", folder.path().join("belay.db").display());
        Self { engine: Engine::Sqlite, url, folder }
    }

    fn postgres(server: &Server) -> Self {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let name = format!("test_{}", MADE.fetch_add(1, Ordering::Relaxed));
        run(async {
            let mut connection = AnyConnection::connect(&server.url("postgres")).await.expect("the server answers");
            let create = format!("CREATE DATABASE {name}");
            connection.execute(&*create).await.expect("the database is made");
        });
        let folder = tempfile::tempdir().expect("a temporary folder");
        Self { engine: Engine::Postgres, url: server.url(&name), folder }
    }
}

/// Carries out a test on both databases, each opened and with its tables made.
pub(crate) fn on_both<F: Future<Output = ()>>(test: impl Fn(Store) -> F) {
    on_both_databases(|database| async {
        let store = database.open().await;
        test(store.clone()).await;
        store.close().await;
        drop(database);
    });
}

/// The same for a test that opens its database itself.
pub(crate) fn on_both_databases<F: Future<Output = ()>>(test: impl Fn(Database) -> F) {
    println!("on SQLite:");
    run(test(Database::sqlite()));
    on_postgres(test);
}

/// For what only PostgreSQL can do.
pub(crate) fn on_postgres<F: Future<Output = ()>>(test: impl Fn(Database) -> F) {
    if let Some(server) = server() {
        println!("on PostgreSQL:");
        run(test(Database::postgres(server)));
    }
}

/// The same for a test of the server's own program, which has a runtime of its own and a folder of its user.
pub(crate) fn run_on_postgres(test: impl Fn(Database)) {
    if let Some(server) = server() {
        println!("on PostgreSQL:");
        test(Database { folder: temp_dir_in(&base_dir(), "belay-server-"), ..Database::postgres(server) });
    }
}

/// A runtime for one test.
pub(crate) fn run<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(future)
}

/// A running PostgreSQL. Its shell holds the other end of our pipe, which ends with this process.
#[derive(Debug)]
struct Server {
    folder: PathBuf,
    _parent: Child,
}

impl Server {
    fn url(&self, database: &str) -> String {
        format!("postgres://belay@localhost/{database}?host={}", self.folder.display())
    }
}

fn server() -> Option<&'static Server> {
    static SERVER: OnceLock<Option<Server>> = OnceLock::new();
    SERVER.get_or_init(|| programs().map(|programs| start(&programs))).as_ref()
}

/// The folder of PostgreSQL's programs, the newest version's.
fn programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let folders = versions.map(|version| version.path().join("bin")).filter(|bin| bin.join("initdb").exists());
    let newest = folders.max_by_key(|bin| {
        let version = bin.parent().and_then(Path::file_name).and_then(|name| name.to_str());
        version.and_then(|version| version.parse::<u32>().ok())
    });
    if newest.is_none() {
        let required = std::env::var_os("BELAY_REQUIRE_POSTGRES").is_some_and(|value| value == "1");
        assert!(!required, "BELAY_REQUIRE_POSTGRES=1, and there is no /usr/lib/postgresql/*/bin/initdb");
        // Past the test harness, which keeps what passing tests print to itself.
        let _ = writeln!(std::io::stderr(), "SKIPPED: no PostgreSQL is installed; every test ran on SQLite alone");
    }
    newest
}

fn start(programs: &Path) -> Server {
    let folder = temp_dir_in(&base_dir(), "belay-postgres-").keep();
    let mut parent = command("sh");
    parent.args(["-c", PARENT, "postgres"]).arg(programs).arg(&folder).current_dir("/");
    // Out of the terminal's process group: Ctrl-C must reach this process alone, and the pipe tells the rest.
    parent.process_group(0).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let server = Server { _parent: parent.spawn().expect("a shell starts"), folder };
    sqlx::any::install_default_drivers();
    let started = try_wait_until(Duration::from_secs(60), || {
        run(async { AnyConnection::connect(&server.url("postgres")).await?.close().await }).ok()
    });
    let log = std::fs::read_to_string(server.folder.join("log")).unwrap_or_default();
    assert!(started.is_some(), "PostgreSQL does not start:\n{log}");
    server
}

/// Makes a cluster, starts PostgreSQL, and ends it with the pipe: at once and without tidying its files, but not by
/// SIGKILL, which would leave its shared memory behind. Repeated, because it is deaf while it starts.
const PARENT: &str = "\
\"$1/initdb\" -D \"$2/data\" --auth=trust --username=belay --encoding=UTF8 --no-locale --no-sync </dev/null >\"$2/log\" 2>&1 \
  || exit
\"$1/postgres\" -D \"$2/data\" -k \"$2\" -c listen_addresses= -c fsync=off -c max_connections=400 \
  -c shared_buffers=32MB -c autovacuum=off -c deadlock_timeout=20ms >>\"$2/log\" 2>&1 </dev/null &
server=$!
cat >/dev/null
while kill -QUIT $server 2>/dev/null; do sleep 0.05; done
rm -rf --one-file-system -- \"$2\"";
