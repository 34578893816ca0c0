//! Sources behind HTTP: archives are downloaded, checked by apt, and may stop coming half-way.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use belay_agent::durable;
use belay_agent::host::device::{ArchiveSource, Device};
use belay_protocol::plan::Change;
use belay_protocol::{Failure, Reason};
use belay_testkit::deb::native_architecture;
use belay_testkit::{Deb, Snapshot, assert_same};

use crate::support::{World, id, ordinary};

/// A server of files that can be told to end in the middle of each archive.
struct Server {
    address: String,
    breaks: Arc<AtomicBool>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn of(folder: &Path) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (breaks, asked) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::new())));
        let (folder, broken, log) = (folder.to_owned(), breaks.clone(), asked.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (folder, broken, log) = (folder.clone(), broken.clone(), log.clone());
                std::thread::spawn(move || answer(stream, &folder, &broken, &log));
            }
        });
        Self { address, breaks, asked }
    }
}

fn answer(mut stream: TcpStream, folder: &Path, breaks: &AtomicBool, asked: &Mutex<Vec<String>>) -> Option<()> {
    let mut lines = BufReader::new(stream.try_clone().ok()?).lines();
    while let Some(Ok(request)) = lines.next() {
        while lines.next()?.ok().is_some_and(|header| !header.is_empty()) {}
        let path = request.split(' ').nth(1)?.to_owned();
        asked.lock().unwrap().push(path.clone());
        let file: PathBuf =
            folder.join(path.trim_start_matches('/').replace("%7e", "~").replace("%2b", "+").replace("%25", "%"));
        let Ok(bytes) = std::fs::read(file) else {
            stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n").ok()?;
            continue;
        };
        write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", bytes.len()).ok()?;
        let half = path.ends_with(".deb") && breaks.load(Ordering::SeqCst);
        stream.write_all(if half { &bytes[..bytes.len() / 2] } else { &bytes }).ok()?;
        if half {
            return None;
        }
    }
    Some(())
}

fn remote(debs: &[Deb]) -> (World, Server) {
    let world = World::offering(debs);
    let server = Server::of(world.sandbox.repository().dir());
    let line = format!("deb [trusted=yes] http://{} ./\n", server.address);
    durable::write_atomic(&world.sandbox.path("etc/apt/sources.list"), line.as_bytes(), 0o644).unwrap();
    (world, server)
}

fn fetch(world: &World, changes: &[Change]) -> Result<Vec<String>, Failure> {
    let mut taken = Vec::new();
    let mut take = |change: &Change, path: &Path| {
        assert_eq!(durable::digest_of_file(path).unwrap(), change.new.as_ref().unwrap().sha256);
        taken.push(change.package.to_string());
        Ok(())
    };
    let last = std::cell::Cell::new(0.0);
    let progress = |percent: f32, text: &str| {
        assert!((last.get()..=100.0).contains(&percent), "{percent} after {}: {text}", last.get());
        last.set(percent);
    };
    world.device.fetch(changes, &mut take, &progress)?;
    Ok(taken)
}

ordinary! {
    fn archives_come_over_http_with_epochs_and_architectures() {
        let native = native_architecture();
        let (world, server) = remote(&[
            Deb::new("demo-app", "1:1.0~rc1+b1").depends("demo-lib").size(100_000),
            Deb::new("demo-lib", "2.0").architecture(&native).size(50_000),
        ]);
        let changes = world.resolve("demo-app").unwrap();
        let before = Snapshot::of(&world.sandbox);
        assert_eq!(fetch(&world, &changes).unwrap(), ["demo-app", "demo-lib"]);
        assert_same(&before, &Snapshot::of(&world.sandbox));
        let debs = server.asked.lock().unwrap().iter().filter(|path| path.ends_with(".deb")).count();
        assert_eq!(debs, 2);
    }
}

ordinary! {
    fn a_source_that_goes_away_half_way_changes_nothing() {
        let (world, server) = remote(&[Deb::new("demo-app", "1.0").size(400_000)]);
        let changes = world.resolve("demo-app").unwrap();
        server.breaks.store(true, Ordering::SeqCst);
        let before = Snapshot::of(&world.sandbox);
        let failure = fetch(&world, &changes).unwrap_err();
        assert_eq!(failure.reason, Reason::SourcesUnavailable, "{failure}");
        assert!(failure.message.contains("demo-app_1.0_all.deb"), "{failure}");
        assert_same(&before, &Snapshot::of(&world.sandbox));
        server.breaks.store(false, Ordering::SeqCst);
        assert_eq!(fetch(&world, &changes).unwrap(), ["demo-app"]);
    }
}

ordinary! {
    fn an_archive_that_differs_from_its_index_is_refused_by_name() {
        let (world, _server) = remote(&[Deb::new("demo-app", "1.0").size(10_000), Deb::new("fine", "1.0")]);
        let changes = world.resolve("demo-app\nfine").unwrap();
        world.sandbox.repository().corrupt("demo-app", "1.0");
        let failure = fetch(&world, &changes).unwrap_err();
        assert_eq!(failure.reason, Reason::DigestMismatch, "{failure}");
        assert!(failure.message.contains("demo-app"), "{failure}");
    }
}

ordinary! {
    fn an_installed_version_comes_from_the_archive_after_planning() {
        let (world, _server) = remote(&[Deb::new("demo-app", "1:1.0"), Deb::new("demo-app", "1:2.0")]);
        world.sandbox.install(&["demo-app=1:1.0"]);
        // The sandbox's own apt left a copy in its cache.
        let cached = world.sandbox.path("var/cache/apt/archives/demo-app_1%3a1.0_all.deb");
        let record = world.device.inventory().unwrap().packages[&id("demo-app")].clone();
        let scratch = tempfile::tempdir().unwrap();
        assert_eq!(world.device.archive_of(&record, scratch.path()).unwrap(), (cached.clone(), ArchiveSource::Cache));
        std::fs::remove_file(cached).unwrap();
        world.resolve("demo-app").unwrap();
        assert_eq!(world.device.archive_of(&record, scratch.path()).unwrap().1, ArchiveSource::Archive);
    }
}
