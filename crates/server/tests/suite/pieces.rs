//! Artifacts that come in pieces: put together once, whatever is missing, comes twice or goes meanwhile.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use axum::body::Bytes;
use belay_protocol::Sha256;
use belay_protocol::admin::{CreateBundle, CreateRelease};
use belay_server::artifacts::{ArtifactError, Artifacts, Place, Stored, Upload};
use belay_server::clock::Clock;
use belay_server::service::{Assembly, NotAssembled, Options, Service};
use belay_server::store::Store;
use futures_util::stream;
use sha2::Digest;
use tempfile::TempDir;

use crate::databases::{on_both, on_both_databases};
use crate::deployments::name;
use crate::fleet::{operator, server};

const WHOLE: &[u8] = b"one two three two";
const PIECES: [&[u8]; 5] = [b"one", b" two", b" three", b" two", b""];

#[test]
fn pieces_become_their_artifact_and_go() {
    on_both(async |store| {
        let world = World::new(&store).await;
        for piece in PIECES {
            world.upload(piece).await;
        }
        let stored = world.service.assemble_artifact(whole()).await.unwrap();
        assert_eq!(stored, Stored { sha256: digest(WHOLE), size: 17, new: true });
        world.holds_only(&[WHOLE]).await;
        assert_eq!(world.artifacts.digest(digest(WHOLE)).await.unwrap(), (digest(WHOLE), 17));
        let again = world.service.assemble_artifact(whole()).await.unwrap();
        assert_eq!(again, Stored { new: false, ..stored });
    });
}

#[test]
fn what_is_missing_is_named_once_each_in_its_order_and_the_rest_stays_a_day_longer() {
    on_both(async |store| {
        let world = World::new(&store).await;
        let missing = async || match world.service.assemble_artifact(whole()).await {
            Err(NotAssembled::Missing(missing)) => missing,
            other => panic!("{other:?}"),
        };
        assert_eq!(missing().await, [b"one".as_slice(), b" two", b" three", b""].map(digest));
        world.upload(b"one").await;
        world.clock.advance(Duration::from_secs(20 * HOUR));
        assert_eq!(missing().await, [b" two".as_slice(), b" three", b""].map(digest));
        world.clock.advance(Duration::from_secs(20 * HOUR));
        assert_eq!(world.service.sweep_artifacts().await.unwrap(), 0, "it was asked for since");
        world.clock.advance(Duration::from_secs(5 * HOUR));
        assert_eq!(world.service.sweep_artifacts().await.unwrap(), 1, "nobody came back");
    });
}

#[test]
fn an_artifact_that_is_there_needs_no_pieces_and_takes_those_with_it_that_lie_about() {
    on_both(async |store| {
        let world = World::new(&store).await;
        world.upload(WHOLE).await;
        world.upload(b" two").await;
        assert!(!world.service.assemble_artifact(whole()).await.unwrap().new);
        world.holds_only(&[WHOLE]).await;
        let itself = Assembly { pieces: vec![digest(WHOLE)], ..whole() };
        assert!(!world.service.assemble_artifact(itself).await.unwrap().new);
        world.holds_only(&[WHOLE]).await;
    });
}

#[test]
fn what_does_not_fit_together_is_refused() {
    on_both(async |store| {
        let world = World::new(&store).await;
        for piece in PIECES {
            world.upload(piece).await;
        }
        for (changed, code) in [
            (Assembly { size: 18, ..whole() }, "size_mismatch"),
            (Assembly { size: 0, pieces: Vec::new(), ..whole() }, "digest_mismatch"),
            (Assembly { limit: 16, ..whole() }, "too_large"),
            (Assembly { size: u64::MAX, ..whole() }, "too_large"),
        ] {
            let refused = world.service.assemble_artifact(changed.clone()).await.unwrap_err();
            assert_eq!(code_of(&refused), code, "{changed:?}");
            assert_eq!(world.files().len(), 4, "the pieces stay: {changed:?}");
        }
        // With these pieces it would be refused for ever: they have to come again.
        let other = Assembly { pieces: PIECES.iter().rev().map(|piece| digest(piece)).collect(), ..whole() };
        assert_eq!(code_of(&world.service.assemble_artifact(other).await.unwrap_err()), "digest_mismatch");
        assert_eq!(world.files().len(), 0);
        let kept = world.upload(WHOLE).await;
        let wrong = Assembly { size: 3, pieces: vec![digest(b"one")], sha256: kept, limit: 100 };
        assert_eq!(code_of(&world.service.assemble_artifact(wrong).await.unwrap_err()), "size_mismatch");
    });
}

#[test]
fn a_piece_that_a_release_names_stays() {
    on_both(async |store| {
        let world = World::new(&store).await;
        for piece in PIECES {
            world.upload(piece).await;
        }
        let bundle = CreateBundle { sha256: digest(b"one"), size: None, url: None };
        let release = CreateRelease { bundle: Some(bundle), ..CreateRelease::named(name("1.0")) };
        world.service.create_release(&operator(), release).await.unwrap();
        assert!(world.service.assemble_artifact(whole()).await.unwrap().new);
        world.holds_only(&[WHOLE, b"one"]).await;
    });
}

#[test]
fn several_servers_that_put_the_same_together_at_once_keep_it_once() {
    on_both_databases(async |database| {
        let stores = [database.open().await, database.open().await];
        let world = World::new(&stores[0]).await;
        let artifacts = Artifacts::open(&Place::Folder(world.folder.path().to_owned())).await.unwrap();
        let other = Service::new(stores[1].clone(), world.clock.clone(), Options::default()).keeping(artifacts);
        for round in 0_u32..20 {
            let bytes = [round.to_le_bytes().to_vec(), vec![7; 300_000]];
            let all = bytes.concat();
            for piece in &bytes {
                world.upload_owned(piece.clone()).await;
            }
            let pieces = bytes.iter().map(|piece| digest(piece)).collect();
            let assembly = Assembly { sha256: digest(&all), size: all.len() as u64, pieces, limit: 1 << 20 };
            let (mine, its, once_more) = tokio::join!(
                world.service.assemble_artifact(assembly.clone()),
                other.assemble_artifact(assembly.clone()),
                world.service.assemble_artifact(assembly.clone())
            );
            for done in [mine, its, once_more] {
                assert_eq!(done.unwrap().sha256, digest(&all), "round {round}");
            }
            assert_eq!(world.artifacts.digest(digest(&all)).await.unwrap().0, digest(&all), "round {round}");
            world.until_left(1).await;
            world.artifacts.remove(digest(&all)).await.unwrap();
        }
        for store in &stores {
            store.close().await;
        }
    });
}

struct World {
    folder: TempDir,
    artifacts: Artifacts,
    service: Service,
    clock: Clock,
}

impl World {
    async fn new(store: &Store) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let artifacts = Artifacts::open(&Place::Folder(folder.path().to_owned())).await.unwrap();
        let (service, clock) = server(store);
        // Artifacts are files, whose time is the system's.
        let since = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
        clock.advance(Duration::from_secs(since.saturating_sub(u64::try_from(clock.now().as_second()).unwrap())));
        Self { folder, service: service.keeping(artifacts.clone()), artifacts, clock }
    }

    async fn upload(&self, bytes: &'static [u8]) -> Sha256 {
        self.upload_owned(bytes.to_vec()).await
    }

    async fn upload_owned(&self, bytes: Vec<u8>) -> Sha256 {
        let sha256 = digest(&bytes);
        let upload = Upload { expected: Some(sha256), announced: None, limit: 1 << 20 };
        let bytes = stream::iter([Ok::<_, String>(Bytes::from(bytes))]);
        self.service.take_artifact(upload, bytes).await.unwrap().unwrap().keep();
        sha256
    }

    /// Every file there is.
    fn files(&self) -> Vec<PathBuf> {
        let (mut found, mut folders) = (Vec::new(), vec![self.folder.path().to_owned()]);
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
                let list = if entry.file_type().unwrap().is_dir() { &mut folders } else { &mut found };
                list.push(entry.path());
            }
        }
        found
    }

    async fn holds_only(&self, kept: &[&[u8]]) {
        self.until_left(kept.len()).await;
        for bytes in kept {
            assert_eq!(self.artifacts.size(digest(bytes)).await.unwrap(), bytes.len() as u64);
        }
    }

    async fn until_left(&self, count: usize) {
        let waiting = async {
            while self.files().len() != count {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let waited = tokio::time::timeout(Duration::from_secs(30), waiting).await;
        waited.unwrap_or_else(|_| panic!("not {count} files: {:?}", self.files()));
    }
}

fn whole() -> Assembly {
    let pieces = PIECES.iter().map(|piece| digest(piece)).collect();
    Assembly { sha256: digest(WHOLE), size: WHOLE.len() as u64, pieces, limit: 100 }
}

fn code_of(refused: &NotAssembled) -> &str {
    match refused {
        NotAssembled::Missing(_) => "pieces_missing",
        NotAssembled::Refused(error) => ArtifactError::code(error),
        NotAssembled::Failed(error) => error.code,
    }
}

fn digest(bytes: &[u8]) -> Sha256 {
    Sha256::from_bytes(sha2::Sha256::digest(bytes).into())
}

const HOUR: u64 = 60 * 60;
