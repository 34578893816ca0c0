//! The bare programs: the same operation and nothing but it.

use std::io::{self, Write};
use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::post;
use belay_server::serve::{self, Connections, Limits};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{Connection, SqliteConnection};
use tokio::sync::{mpsc, oneshot, watch};

/// An answer as long as the server's to a device with nothing new.
const ANSWER: &str = r#"{"now":"2026-01-01T00:00:00.123456789Z","next_s":60}"#;

/// Serves as the bare server of this kind until it is ended.
pub(crate) async fn serve(kind: &str, folder: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let router = match kind {
        "axum" | "doors" => Router::new().route("/api/v1/sync", post(fixed)),
        "single" => recording(folder, 1).await?,
        "group" => recording(folder, 128).await?,
        other => return Err(format!("there is no bare server {other:?}").into()),
    };
    writeln!(io::stdout(), "{address}")?;
    if kind == "axum" {
        listener.set_nonblocking(true)?;
        axum::serve(tokio::net::TcpListener::from_std(listener)?, router).await?;
    } else {
        let (_stop, stopped) = watch::channel(false);
        serve::run(vec![listener], router, None, Limits::default(), Connections::default(), stopped).await?;
    }
    Ok(())
}

async fn fixed(_body: Bytes) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], ANSWER)
}

type Waiting = (Bytes, oneshot::Sender<()>);

/// Keeps each body as one row, at most `most` in one transaction, before it is answered.
async fn recording(folder: &Path, most: usize) -> Result<Router, sqlx::Error> {
    let options = SqliteConnectOptions::new().filename(folder.join("floor.db")).create_if_missing(true);
    let options = options.journal_mode(SqliteJournalMode::Wal).synchronous(SqliteSynchronous::Full);
    let mut connection = SqliteConnection::connect_with(&options.busy_timeout(Duration::from_secs(5))).await?;
    sqlx::raw_sql("CREATE TABLE reports (seq INTEGER PRIMARY KEY, report BLOB NOT NULL)")
        .execute(&mut connection)
        .await?;
    let (queue, mut queued) = mpsc::channel::<Waiting>(4096);
    tokio::spawn(async move {
        let mut batch = Vec::new();
        while queued.recv_many(&mut batch, most).await > 0 {
            if write(&mut connection, &batch).await.is_ok() {
                for (_, answer) in batch.drain(..) {
                    // A client that is gone needs no answer.
                    let _ = answer.send(());
                }
            }
            batch.clear();
        }
    });
    Ok(Router::new().route("/api/v1/sync", post(record)).with_state(queue))
}

async fn write(connection: &mut SqliteConnection, batch: &[Waiting]) -> Result<(), sqlx::Error> {
    let mut transaction = connection.begin().await?;
    for (body, _) in batch {
        let insert = sqlx::query("INSERT INTO reports (report) VALUES ($1)").bind(&body[..]);
        insert.execute(&mut *transaction).await?;
    }
    transaction.commit().await
}

async fn record(State(queue): State<mpsc::Sender<Waiting>>, body: Bytes) -> impl IntoResponse {
    let (answer, answered) = oneshot::channel();
    let durable = queue.send((body, answer)).await.is_ok() && answered.await.is_ok();
    let status = if durable { StatusCode::OK } else { StatusCode::INTERNAL_SERVER_ERROR };
    (status, [(header::CONTENT_TYPE, "application/json")], ANSWER)
}
