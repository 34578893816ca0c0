//! Copies of the embedded database, made while it is written to.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use belay_server::store::{Store, backup, inspect};
use sqlx::Row;

use crate::databases::{Engine, on_both_databases, on_postgres, run};

const INSERT: &str = "INSERT INTO audit (id, at, actor, action, target, detail) VALUES ($1, 0, '', '', '', $2)";

async fn add(store: &Store, number: u64) {
    let write = store.write(move |connection| {
        Box::pin(async move {
            let detail = "x".repeat(2000);
            Ok(sqlx::query(INSERT).bind(number.to_string()).bind(detail).execute(connection).await?.rows_affected())
        })
    });
    assert_eq!(write.await.unwrap(), 1);
}

async fn rows(store: &Store) -> u64 {
    let read = store.read(|connection| {
        Box::pin(
            async move { Ok(sqlx::query("SELECT count(*) FROM audit").fetch_one(connection).await?.get::<i64, _>(0)) },
        )
    });
    read.await.unwrap().unsigned_abs()
}

#[test]
fn a_copy_made_under_load_opens_and_holds_all_that_was_committed_before() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open("", folder.path()).await.unwrap();
        let (committed, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let load = async {
            while !stop.load(Ordering::SeqCst) {
                let number = committed.load(Ordering::SeqCst);
                add(&store, number).await;
                committed.store(number + 1, Ordering::SeqCst);
            }
        };
        let copy = async {
            while committed.load(Ordering::SeqCst) < 200 {
                tokio::task::yield_now().await;
            }
            let before = committed.load(Ordering::SeqCst);
            let to = folder.path().join("copy.db");
            backup("", folder.path(), &to).await.unwrap();
            let after = committed.load(Ordering::SeqCst);
            stop.store(true, Ordering::SeqCst);
            (to, before, after)
        };
        let ((), (to, before, after)) = tokio::join!(load, copy);
        assert!(after > before, "it was written to while it was copied");
        assert_eq!(std::fs::metadata(&to).unwrap().permissions().mode() & 0o777, 0o600);
        let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert!(left.iter().all(|name| !name.to_string_lossy().contains("partial")), "{left:?}");

        let copied = Store::open(&format!("sqlite:{}", to.display()), Path::new("/")).await.unwrap();
        let held = rows(&copied).await;
        // One more may have been committed before its writer came to count it.
        assert!((before..=after + 1).contains(&held), "{before} before, {held} copied, {after} after");
        add(&copied, 1_000_000).await;
    });
}

#[test]
fn a_copy_never_replaces_a_file() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        Store::open("", folder.path()).await.unwrap().close().await;
        let to = folder.path().join("copy.db");
        std::os::unix::fs::symlink("/nowhere", &to).unwrap();
        let said = backup("", folder.path(), &to).await.unwrap_err().to_string();
        assert_eq!(said, format!("{} is there already; name a file that is not", to.display()));
    });
}

#[test]
fn what_is_not_there_is_not_copied_and_not_made() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let said = backup("", folder.path(), &folder.path().join("copy.db")).await.unwrap_err().to_string();
        assert_eq!(
            said,
            format!("cannot use {}/belay.db: No such file or directory (os error 2)", folder.path().display())
        );
        let nowhere = folder.path().join("nowhere/copy.db");
        Store::open("", folder.path()).await.unwrap().close().await;
        let said = backup("", folder.path(), &nowhere).await.unwrap_err().to_string();
        assert_eq!(said, format!("cannot use {}: No such file or directory (os error 2)", nowhere.display()));
        assert!(!folder.path().join("copy.db").exists());
    });
}

#[test]
fn a_postgres_is_left_to_its_own_tools() {
    on_postgres(async |database| {
        let error = backup(&database.url, database.folder.path(), Path::new("/nowhere/copy.db")).await.unwrap_err();
        assert!(error.to_string().contains("pg_dump"), "{error}");
    });
}

#[test]
fn a_look_makes_nothing() {
    on_both_databases(async |database| {
        let folder = database.folder.path();
        let look = async || inspect(&database.url, folder).await.unwrap();
        assert_eq!(look().await.schema, None);
        assert_eq!(look().await.schema, None, "the first look made no tables");
        if database.engine == Engine::Sqlite {
            assert_eq!(std::fs::read_dir(folder).unwrap().count(), 0);
        }
        database.open().await.close().await;
        let state = look().await;
        assert_eq!(state.schema, Some(state.known));
    });
}
