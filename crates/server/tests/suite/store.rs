//! The store: opened twice, by two at once, by an older program; transactions that are whole or not there.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use belay_protocol::admin::{CreateRelease, PromoteRelease};
use belay_server::clock::Clock;
use belay_server::service::{Actor, Options, Service};
use belay_server::store::{Store, StoreError, Work};
use futures_util::future::join_all;
use sha2::Digest;
use sqlx::{AnyConnection, Executor, Row};
use tokio::sync::{Barrier, Mutex};

use crate::databases::{Engine, on_both, on_both_databases, on_postgres};

#[test]
fn a_row_comes_back_as_it_was_written() {
    on_both(async |store| {
        let write = store.write(|connection| {
            Box::pin(async move {
                let query = sqlx::query(INSERT).bind("a").bind(i64::MAX).bind("Zoë $1 ? '");
                Ok(query.execute(connection).await?.rows_affected())
            })
        });
        assert_eq!(write.await.unwrap(), 1);
        let read = store.read(|connection| {
            Box::pin(async move {
                Ok(sqlx::query("SELECT at, actor, count(*) OVER () AS n FROM audit").fetch_one(connection).await?)
            })
        });
        let row = read.await.unwrap();
        assert_eq!(row.get::<i64, _>("at"), i64::MAX);
        assert_eq!(row.get::<String, _>("actor"), "Zoë $1 ? '");
        assert_eq!(row.get::<i64, _>("n"), 1);
    });
}

#[test]
fn opened_again_everything_is_still_there() {
    on_both_databases(async |database| {
        let first = database.open().await;
        first.write(|connection| insert(connection, "a")).await.unwrap();
        first.close().await;
        let second = database.open().await;
        assert_eq!(ids(&second).await, ["a"]);
        second.close().await;
    });
}

#[test]
fn a_database_of_a_newer_server_is_left_alone() {
    on_both_databases(async |database| {
        database.open().await.close().await;
        let mut connection = database.connection().await;
        let newer = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
                     SELECT 9999, 'from the future', success, checksum, 0 FROM _sqlx_migrations LIMIT 1";
        connection.execute(newer).await.unwrap();
        let error = Store::open(&database.url, database.folder.path()).await.unwrap_err();
        let StoreError::Newer { found: 9999, known } = error else { panic!("{error}") };
        assert_eq!(
            error.to_string(),
            format!(
                "the database was written by a newer belay-server (schema 9999, this one knows {known}); \
                 install that one again"
            )
        );
    });
}

#[test]
fn a_database_from_before_bundles_is_brought_up_to_date_with_what_is_in_it() {
    on_both_databases(async |database| {
        database.open().await.close().await;
        let mut connection = database.connection().await;
        for column in ["artifact", "signed", "promoted_from"] {
            connection.execute(&*format!("ALTER TABLE releases DROP COLUMN {column}")).await.unwrap();
        }
        connection.execute("DROP TABLE artifacts").await.unwrap();
        connection.execute("DELETE FROM _sqlx_migrations WHERE version = 2").await.unwrap();
        let old = "INSERT INTO releases (device_type, distribution, version, kind, payload, sha256, notes, created_at,
            created_by) VALUES ('raspberry_pi', 'alpha', '1.0', 'packages',
            '{\"packages\":[\"demo-app=1.0\"],\"approve\":[\"guard_held\"]}', $1, 'first', 1000, 'olga')";
        // What the server before bundles made of this list.
        let content = "packages\npackage demo-app=1.0\napprove guard_held\n";
        let sha256 = belay_protocol::Sha256::from_bytes(sha2::Sha256::digest(content).into());
        sqlx::query(old).bind(sha256.to_string()).execute(&mut connection).await.unwrap();

        let stores = join_all((0..4).map(|_| database.open())).await;
        let service = Service::new(stores[0].clone(), Clock::System, Options::default());
        let name = crate::deployments::name("1.0");
        let shown = service.release(&name).await.unwrap();
        assert_eq!((shown.kind.as_str(), shown.notes.as_str(), shown.signed), ("packages", "first", false));
        assert_eq!((shown.packages, shown.promoted_from), (vec!["demo-app=1.0".to_owned()], None));
        let again = CreateRelease {
            packages: vec!["demo-app=1.0".to_owned()],
            approve: vec!["guard_held".to_owned()],
            ..CreateRelease::named(name.clone())
        };
        let (_, new) = service.create_release(&Actor("olga".to_owned()), again).await.unwrap();
        assert!(!new, "it is the same release as before");
        let beta = PromoteRelease { distribution: "beta".parse().unwrap() };
        assert!(service.promote_release(&Actor("olga".to_owned()), &name, beta).await.unwrap().1);
        join_all(stores.iter().map(Store::close)).await;
    });
}

#[test]
fn servers_that_start_at_once_on_an_empty_database_all_come_up() {
    on_both_databases(async |database| {
        let stores = join_all((0..6).map(|_| database.open())).await;
        let names: Vec<String> = (0..stores.len()).map(|at| format!("{at}")).collect();
        for (store, name) in stores.iter().zip(names.clone()) {
            store.write(move |connection| insert(connection, &name)).await.unwrap();
        }
        assert_eq!(ids(&stores[0]).await, names, "they share one database");
        join_all(stores.iter().map(Store::close)).await;
    });
}

#[test]
fn a_transaction_that_fails_or_is_dropped_leaves_nothing() {
    on_both(async |store| {
        let failed: Result<(), _> = store
            .write(|connection| {
                Box::pin(async move {
                    insert(connection, "failed").await?;
                    Err(StoreError::Stale)
                })
            })
            .await;
        assert!(matches!(failed, Err(StoreError::Stale)));

        let written = Arc::new(Barrier::new(2));
        let theirs = Arc::clone(&written);
        let write = store.write(move |connection| {
            let written = Arc::clone(&theirs);
            Box::pin(async move {
                insert(connection, "dropped").await?;
                written.wait().await;
                std::future::pending::<Result<(), StoreError>>().await
            })
        });
        tokio::select! {
            _ = write => unreachable!("it never ends"),
            _ = written.wait() => {}
        }

        store.write(|connection| insert(connection, "kept")).await.unwrap();
        assert_eq!(ids(&store).await, ["kept"]);
    });
}

#[test]
fn what_reads_cannot_write_to_the_file() {
    on_both_databases(async |database| {
        let store = database.open().await;
        let written = store.read(|connection| insert(connection, "a")).await;
        match database.engine {
            Engine::Sqlite => assert!(written.unwrap_err().to_string().contains("readonly")),
            Engine::Postgres => written.expect("one pool does both"),
        }
        store.close().await;
    });
}

#[test]
fn two_servers_that_count_at_once_lose_nothing() {
    on_both_databases(async |database| {
        let stores = [database.open().await, database.open().await];
        stores[0].write(|connection| insert(connection, "counter")).await.unwrap();
        let count = async |store: &Store| {
            for _ in 0..25 {
                store.write(|connection| count_one(connection)).await.unwrap();
            }
        };
        let four = [&stores[0], &stores[1], &stores[0], &stores[1]];
        join_all(four.map(count)).await;
        let at = stores[0].read(|connection| {
            Box::pin(
                async move { Ok(sqlx::query("SELECT at FROM audit").fetch_one(connection).await?.get::<i64, _>(0)) },
            )
        });
        assert_eq!(at.await.unwrap(), 100);
        join_all(stores.iter().map(Store::close)).await;
    });
}

#[test]
fn a_deadlock_is_tried_again() {
    on_postgres(async |database| {
        let store = database.open().await;
        for name in ["a", "b"] {
            store.write(|connection| insert(connection, name)).await.unwrap();
        }
        let both = Both::new();
        let lock_both = async |first: &'static str, second: &'static str| {
            let both = both.clone();
            let write = store.write(move |connection| {
                let both = both.clone();
                Box::pin(async move {
                    lock(connection, first).await?;
                    both.meet().await;
                    lock(connection, second).await
                })
            });
            write.await.unwrap();
        };
        tokio::join!(lock_both("a", "b"), lock_both("b", "a"));
        assert_eq!(both.attempts.load(Ordering::SeqCst), 3, "one of the two went through at once");
        store.close().await;
    });
}

#[test]
fn a_serialisation_failure_is_tried_again() {
    on_postgres(async |database| {
        let store = database.open().await;
        store.write(|connection| insert(connection, "counter")).await.unwrap();
        let both = Both::new();
        let count = async || {
            let both = both.clone();
            let write = store.write(move |connection| {
                let both = both.clone();
                Box::pin(async move {
                    connection.execute("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE").await?;
                    sqlx::query("SELECT at FROM audit").fetch_one(&mut *connection).await?;
                    both.meet().await;
                    count_one(connection).await
                })
            });
            write.await.unwrap();
        };
        tokio::join!(count(), count());
        assert_eq!(both.attempts.load(Ordering::SeqCst), 3);
        store.close().await;
    });
}

#[test]
fn another_process_that_writes_is_waited_for() {
    on_both_databases(async |database| {
        if database.engine == Engine::Postgres {
            return;
        }
        let store = database.open().await;
        let mut other = database.connection().await;
        other.execute("BEGIN IMMEDIATE").await.unwrap();
        insert(&mut other, "theirs").await.unwrap();
        let ours = store.write(|connection| insert(connection, "ours"));
        let theirs = async {
            // Not what is waited for, only so that ours comes first to a locked door.
            tokio::task::yield_now().await;
            other.execute("COMMIT").await.unwrap();
        };
        let (ours, ()) = tokio::join!(ours, theirs);
        ours.unwrap();
        assert_eq!(ids(&store).await, ["ours", "theirs"]);
        store.close().await;
    });
}

#[test]
fn a_lock_that_was_not_had_is_tried_for_again() {
    on_both_databases(async |database| {
        if database.engine == Engine::Postgres {
            return;
        }
        let store = database.open().await;
        let other = Arc::new(Mutex::new(database.connection().await));
        other.lock().await.execute("PRAGMA busy_timeout = 0").await.unwrap();
        let attempts = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&attempts);
        let write = store.write(move |connection| {
            let (attempts, other) = (Arc::clone(&counted), Arc::clone(&other));
            Box::pin(async move {
                insert(connection, "a").await?;
                if attempts.fetch_add(1, Ordering::SeqCst) == 0 {
                    // SQLite's own words for a lock that another one holds: this transaction does.
                    other.lock().await.execute("BEGIN IMMEDIATE").await?;
                }
                Ok(())
            })
        });
        tokio::time::timeout(Duration::from_secs(20), write).await.expect("it ends").unwrap();
        assert_eq!(attempts.load(Ordering::SeqCst), 2);
        assert_eq!(ids(&store).await, ["a"]);
        store.close().await;
    });
}

/// Two transactions that meet once, each in its first attempt.
#[derive(Debug, Clone)]
struct Both {
    attempts: Arc<AtomicU32>,
    meeting: Arc<Barrier>,
}

impl Both {
    fn new() -> Self {
        Self { attempts: Arc::default(), meeting: Arc::new(Barrier::new(2)) }
    }

    async fn meet(&self) {
        if self.attempts.fetch_add(1, Ordering::SeqCst) < 2 {
            self.meeting.wait().await;
        }
    }
}

fn insert<'c>(connection: &'c mut AnyConnection, id: &str) -> Work<'c, ()> {
    let id = id.to_owned();
    Box::pin(async move {
        sqlx::query(INSERT).bind(id).bind(0_i64).bind("").execute(connection).await?;
        Ok(())
    })
}

fn lock<'c>(connection: &'c mut AnyConnection, id: &'static str) -> Work<'c, ()> {
    Box::pin(async move {
        sqlx::query("UPDATE audit SET at = at + 1 WHERE id = $1").bind(id).execute(connection).await?;
        Ok(())
    })
}

/// Reads and writes in two steps, under the row's lock, as everything does that decides.
fn count_one<'c>(connection: &'c mut AnyConnection) -> Work<'c, ()> {
    Box::pin(async move {
        connection.execute("UPDATE audit SET actor = 'locked'").await?;
        let row = sqlx::query("SELECT at FROM audit").fetch_one(&mut *connection).await?;
        tokio::task::yield_now().await;
        let next = row.get::<i64, _>("at") + 1;
        sqlx::query("UPDATE audit SET at = $1").bind(next).execute(connection).await?;
        Ok(())
    })
}

async fn ids(store: &Store) -> Vec<String> {
    let read = store.read(|connection| {
        Box::pin(async move { Ok(sqlx::query("SELECT id FROM audit ORDER BY id").fetch_all(connection).await?) })
    });
    read.await.unwrap().iter().map(|row| row.get("id")).collect()
}

const INSERT: &str = "INSERT INTO audit (id, at, actor, action, target, detail) VALUES ($1, $2, $3, '', '', '')";
