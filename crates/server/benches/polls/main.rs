//! `make bench`: what polls cost the server, as ratios to bare programs measured in the same run.
//!
//! Processor seconds are the server's own, as the kernel counts them; clients are another process. A bare second says
//! more about the machine than about the program, so it is printed and nothing is concluded from it.

#![expect(clippy::disallowed_methods, reason = "it measures time and starts the programs that are measured")]
#![expect(clippy::print_stdout, reason = "what it prints is what it is for")]

mod floor;
mod load;
mod process;

use std::error::Error;
use std::path::Path;
use std::time::Duration;

use belay_server::auth::{Purpose, Shown};
use load::{CLIENTS, Figures, ask, post};
use process::Served;
use sqlx::{Connection, SqliteConnection};

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

fn main() -> Outcome {
    let mut words = std::env::args().skip(1).filter(|word| !word.starts_with("--"));
    if let (Some(kind), Some(folder)) = (words.next(), words.next()) {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        return runtime.block_on(floor::serve(&kind, Path::new(&folder)));
    }
    let devices = number("DEVICES", 100_000)?;
    let length = Duration::from_secs(number("SECONDS", 4)? as u64);
    let folder = tempfile::tempdir()?;
    start_time(folder.path())?;
    make_devices(folder.path(), devices)?;
    memory(folder.path(), devices)?;
    idle(folder.path(), length)?;
    reports(folder.path(), length)
}

fn number(name: &str, default: usize) -> Outcome<usize> {
    std::env::var(name).map_or(Ok(default), |text| Ok(text.parse()?))
}

/// An empty folder, until the first client is let in.
fn start_time(folder: &Path) -> Outcome {
    let settings = format!("state_dir = {:?}\n[log]\nlevel = \"warn\"\n", folder.join("state"));
    std::fs::write(folder.join("server.toml"), settings)?;
    let served = Served::belay(folder)?;
    println!("start with an empty folder: {:.0} ms", served.ready.as_secs_f64() * 1e3);
    println!("resident, no device:        {:.1} MiB", served.resident()?);
    Ok(served.end()?)
}

/// Devices all of which have one secret, so that their digest need not be made by anything but the server's own code.
fn make_devices(folder: &Path, count: usize) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let key = key(0);
    let shown = Shown::read(Purpose::Device, &key).ok_or("no key")?;
    let sql = "WITH RECURSIVE n(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM n WHERE n + 1 < $1) \
        INSERT INTO devices SELECT 'd' || n, 'authorized', 'bench', 'stable', '[]', 'e' || n, 'i' || n, '', $2, \
        'host' || n, 'tag', '{}', NULL, '', 0, NULL, 0, 0, NULL FROM n";
    runtime.block_on(async {
        let path = folder.join("state/belay.db");
        let mut connection = SqliteConnection::connect(&format!("sqlite:{}", path.display())).await?;
        let insert = sqlx::query(sql).bind(i64::try_from(count)?).bind(shown.digest.to_text());
        insert.execute(&mut connection).await?;
        Ok(connection.close().await?)
    })
}

fn key(device: usize) -> String {
    format!("belay_dev_d{device}.{}", "A".repeat(43))
}

/// Every device polls once, so that all are known.
fn memory(folder: &Path, devices: usize) -> Outcome {
    let served = Served::belay(folder)?;
    let before = served.resident()?;
    let figures = load::run(&served, |client, sent| {
        let device = sent * CLIENTS + client;
        (device < devices).then(|| post(&key(device), IDLE))
    })?;
    let after = served.resident()?;
    println!(
        "resident, {devices} devices:  {after:.1} MiB, {:.0} bytes for each",
        (after - before) * MIB / devices as f64
    );
    show("first poll of each device", &figures);
    Ok(served.end()?)
}

fn idle(folder: &Path, length: Duration) -> Outcome {
    println!("\npolls with nothing new, {CLIENTS} connections");
    let request = |client: usize, _| post(&key(client), IDLE);
    let axum = ask(&Served::bare("axum", folder)?, length, request)?;
    let doors = ask(&Served::bare("doors", folder)?, length, request)?;
    let belay = ask(&Served::belay(folder)?, length, request)?;
    show("bare axum::serve", &axum);
    show("bare axum, our doors", &doors);
    show("belay-server", &belay);
    println!("  ratio to axum::serve {:.2}, to our doors {:.2}", over(&belay, &axum), over(&belay, &doors));
    Ok(())
}

fn reports(folder: &Path, length: Duration) -> Outcome {
    println!("\npolls with one report each, durable before the answer, {CLIENTS} connections");
    let request = |client: usize, sent: usize| {
        let report = format!(r#"{{"seq":{},"at":"2026-01-01T00:00:00Z","status":"completed"}}"#, sent + 1);
        post(&key(client), &format!(r#"{{"tag":"tag","outbox":"o","reports":[{report}]}}"#))
    };
    let single_folder = tempfile::tempdir_in(folder)?;
    let single = ask(&Served::bare("single", single_folder.path())?, length, request)?;
    let group = ask(&Served::bare("group", folder)?, length, request)?;
    let belay = ask(&Served::belay(folder)?, length, request)?;
    show("floor, a transaction each", &single);
    show("floor, group commit", &group);
    show("belay-server", &belay);
    println!("  ratio to group commit {:.2}, to a transaction each {:.2}", over(&belay, &group), over(&belay, &single));
    Ok(())
}

fn show(name: &str, figures: &Figures) {
    let Figures { per_cpu_second, per_second, p50, p99 } = figures;
    println!("  {name:26} {per_cpu_second:8.0}/CPU s {per_second:8.0}/s  p50 {p50:.2} ms  p99 {p99:.2} ms");
}

fn over(one: &Figures, other: &Figures) -> f64 {
    one.per_cpu_second / other.per_cpu_second
}

/// What a device with nothing new sends.
const IDLE: &str = r#"{"tag":"tag"}"#;

const MIB: f64 = 1024.0 * 1024.0;
