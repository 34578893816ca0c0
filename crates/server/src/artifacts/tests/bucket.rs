//! A bucket of a real server that speaks S3 (moto, from PyPI), on this machine.
//!
//! It is downloaded into the target folder, so the test runs only where `BELAY_REQUIRE_S3=1` asks for it.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use axum::body::Bytes;
use belay_testkit::command::succeed;
use futures_util::{StreamExt, stream};
use object_store::ObjectStoreExt;

use super::assembled;
use super::process::own;
use super::world::{digest, digest_of_megabytes, fetch, megabytes, pieces, upload};
use crate::artifacts::{ArtifactError, Artifacts, BucketSettings, Place, Upload};

const BYTES: &[u8] = b"what a device installs";
const MOTO: &str = "moto[server,s3]==5.2.5";

#[tokio::test]
async fn a_bucket_keeps_artifacts_as_a_folder_does() {
    if std::env::var_os("BELAY_REQUIRE_S3").is_none() {
        eprintln!("SKIPPED: set BELAY_REQUIRE_S3=1 to download {MOTO} and test with it");
        return;
    }
    let server = Moto::start();
    let artifacts = server.artifacts().await;
    puts_and_gets(&artifacts).await;
    refuses_and_leaves_nothing(&server, &artifacts).await;
    takes_what_has_no_digest_yet(&server, &artifacts).await;
    assembled::resume(&artifacts).await;
    let nowhere = BucketSettings { bucket: "absent".into(), ..server.settings() };
    assert!(matches!(Artifacts::open(&Place::Bucket(nowhere)).await, Err(ArtifactError::Store(_))));
}

async fn puts_and_gets(artifacts: &Artifacts) {
    assert!(artifacts.put(upload(BYTES), pieces(BYTES)).await.unwrap().new);
    assert!(!artifacts.put(upload(BYTES), pieces(BYTES)).await.unwrap().new);
    assert_eq!(fetch(artifacts, digest(BYTES), 0..22).await, BYTES);
    assert_eq!(fetch(artifacts, digest(BYTES), 5..7).await, b"a ");
    assert!(artifacts.put(upload(b""), pieces(b"")).await.unwrap().new);
    assert_eq!(artifacts.size(digest(b"")).await.unwrap(), 0);
    let sha256 = digest_of_megabytes(20);
    let large = Upload { expected: Some(sha256), announced: Some(20 << 20), limit: 20 << 20 };
    assert!(artifacts.put(large, megabytes(20)).await.unwrap().new);
    assert_eq!(artifacts.size(sha256).await.unwrap(), 20 << 20);
    assert_eq!(fetch(artifacts, sha256, (20 << 20) - 3..20 << 20).await, [0; 3]);
    assert!(matches!(artifacts.size(digest(b"absent")).await, Err(ArtifactError::NotFound(_))));
}

async fn refuses_and_leaves_nothing(server: &Moto, artifacts: &Artifacts) {
    let before = server.list(artifacts).await;
    let wrong = Upload { expected: Some(digest(b"else")), announced: None, limit: 1 << 30 };
    assert_eq!(artifacts.put(wrong, megabytes(20)).await.unwrap_err().code(), "digest_mismatch");
    let short = Upload { limit: (20 << 20) - 1, ..wrong };
    assert_eq!(artifacts.put(short, megabytes(20)).await.unwrap_err().code(), "too_large");
    let broken = megabytes(20).map(Result::unwrap).map(Ok).chain(stream::iter([Err::<Bytes, _>("lost")]));
    assert_eq!(artifacts.put(wrong, broken).await.unwrap_err().code(), "upload_cut_off");
    assert_eq!(server.list(artifacts).await, before);
    while server.unfinished_uploads().await > 0 {
        tokio::task::yield_now().await;
    }
}

async fn takes_what_has_no_digest_yet(server: &Moto, artifacts: &Artifacts) {
    let before = server.list(artifacts).await.len();
    let unknown = Upload { expected: None, announced: None, limit: 1 << 30 };
    let stored = artifacts.put(unknown, megabytes(9)).await.unwrap();
    assert_eq!(stored.sha256, digest_of_megabytes(9));
    assert_eq!(artifacts.size(stored.sha256).await.unwrap(), 9 << 20);
    assert_eq!(server.list(artifacts).await.len(), before + 1, "nothing stays where it came in");
    let left = object_store::path::Path::from("incoming/young");
    artifacts.objects.put(&left, BYTES.into()).await.unwrap();
    server.artifacts().await;
    assert!(artifacts.objects.head(&left).await.is_ok(), "another server may be at it");
}

/// The server, ended with the test.
struct Moto {
    child: Child,
    endpoint: String,
}

impl Moto {
    fn start() -> Self {
        let python = install();
        let mut child = own(python)
            .args(["-m", "moto.server", "-H", "127.0.0.1", "-p", "0"])
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
        let found = said.find_map(|line| line.split_once("Running on ").map(|(_, address)| address.trim().to_owned()));
        let endpoint = found.expect("it says where it listens");
        // Somebody has to go on listening to what it says.
        std::thread::spawn(move || said.for_each(drop));
        Self { child, endpoint }
    }

    fn settings(&self) -> BucketSettings {
        BucketSettings {
            prefix: "a/b".into(),
            bucket: "belay".into(),
            endpoint: Some(self.endpoint.clone()),
            region: Some("us-east-1".into()),
            access_key_id: Some("key".into()),
            secret_access_key: Some("secret".into()),
        }
    }

    async fn artifacts(&self) -> Artifacts {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let made = reqwest::Client::new().put(format!("{}/belay", self.endpoint)).send().await.unwrap();
        assert!(made.status().is_success() || made.status().as_u16() == 409, "{made:?}");
        Artifacts::open(&Place::Bucket(self.settings())).await.unwrap()
    }

    async fn list(&self, artifacts: &Artifacts) -> Vec<String> {
        let found = artifacts.objects.list(None).map(|meta| meta.unwrap().location.to_string());
        let mut found: Vec<_> = found.collect().await;
        found.sort();
        found
    }

    async fn unfinished_uploads(&self) -> usize {
        let said = reqwest::get(format!("{}/belay?uploads", self.endpoint)).await.unwrap().text().await.unwrap();
        assert!(said.contains("ListMultipartUploadsResult"), "{said}");
        said.matches("<UploadId>").count()
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Installs the server into the target folder, once.
fn install() -> PathBuf {
    let program = std::env::current_exe().unwrap();
    let target = program.ancestors().find(|folder| folder.ends_with("debug")).and_then(Path::parent).unwrap();
    let folder = target.join("s3");
    let python = folder.join("bin/python");
    if !folder.join("installed").exists() {
        succeed(own("python3").args(["-m", "venv"]).arg(&folder));
        let mut pip = own(&python);
        for (name, value) in std::env::vars_os() {
            let name_text = name.to_string_lossy().to_lowercase();
            if name_text.starts_with("pip_") || name_text.ends_with("_proxy") || name_text.starts_with("ssl_cert") {
                pip.env(name, value);
            }
        }
        succeed(pip.args(["-m", "pip", "install", "--quiet", MOTO]));
        std::fs::File::create(folder.join("installed")).unwrap();
    }
    python
}
