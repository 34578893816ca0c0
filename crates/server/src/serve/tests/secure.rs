//! The same over TLS, and its certificates.

use std::fs;
use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use nix::sys::signal::Signal;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::signal::unix::{SignalKind, signal};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::world::{HELLO, World, ask, is_cut, soon};
use crate::serve::tls::Tls;
use crate::serve::{Limits, TlsSettings};

#[tokio::test]
async fn a_handshake_that_stalls_is_cut_while_others_are_served() {
    let folder = TempDir::new().unwrap();
    let certificate = certify(folder.path());
    let limits = Limits { handshake: Duration::from_secs(1), ..Limits::default() };
    let world = World::with_tls(limits, Some(settings(folder.path())));
    let mut silent = world.connect().await;
    let mut halfway = world.connect().await;
    halfway.write_all(&[0x16, 0x03, 0x01, 0x02, 0x00, 0x01]).await.unwrap();
    let mut good = handshake(world.address, &certificate).await.unwrap();
    assert!(ask(&mut good, HELLO).await.contains("hello"));
    assert!(is_cut(&mut silent).await);
    assert!(is_cut(&mut halfway).await);
    assert!(ask(&mut good, HELLO).await.contains("hello"));
}

#[tokio::test]
async fn a_renewed_certificate_is_shown_without_a_restart_and_a_broken_one_is_not() {
    let folder = TempDir::new().unwrap();
    let first = certify(folder.path());
    let world = World::with_tls(Limits::default(), Some(settings(folder.path())));
    let mut early = handshake(world.address, &first).await.unwrap();
    write(folder.path(), "cert.pem", "not a certificate");
    // Long enough for several looks at it.
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(handshake(world.address, &first).await.is_ok(), "the old one stays");
    let second = certify(folder.path());
    soon(async { while handshake(world.address, &second).await.is_err() {} }).await;
    assert!(handshake(world.address, &first).await.is_err(), "the old one is shown no more");
    assert!(ask(&mut early, HELLO).await.contains("hello"), "who is connected stays connected");
}

#[tokio::test]
async fn a_hangup_has_the_certificate_read_at_once() {
    // Before the server listens for it, a hangup would end this process.
    let _listening = signal(SignalKind::hangup()).unwrap();
    let folder = TempDir::new().unwrap();
    let first = certify(folder.path());
    let rarely = TlsSettings { look_every: Duration::from_secs(3600), ..settings(folder.path()) };
    let world = World::with_tls(Limits::default(), Some(rarely));
    assert!(handshake(world.address, &first).await.is_ok());
    let second = certify(folder.path());
    assert!(handshake(world.address, &first).await.is_ok(), "it looks only once an hour");
    nix::sys::signal::raise(Signal::SIGHUP).unwrap();
    soon(async { while handshake(world.address, &second).await.is_err() {} }).await;
}

#[tokio::test]
async fn a_certificate_that_cannot_be_used_is_named_at_the_start() {
    let folder = TempDir::new().unwrap();
    let said = |settings| Tls::load(settings).unwrap_err().to_string();
    let absent = said(settings(folder.path()));
    assert!(absent.starts_with("cannot read a certificate from /") && absent.contains("cert.pem: "), "{absent}");
    certify(folder.path());
    let key = fs::read_to_string(folder.path().join("key.pem")).unwrap();
    certify(folder.path());
    write(folder.path(), "key.pem", &key);
    let foreign = said(settings(folder.path()));
    assert!(foreign.starts_with("cannot use the certificate /") && foreign.contains(" with the key /"), "{foreign}");
    write(folder.path(), "cert.pem", "");
    let empty = said(settings(folder.path()));
    assert!(empty.ends_with("there is none in it"), "{empty}");
}

pub(super) fn settings(folder: &Path) -> TlsSettings {
    TlsSettings {
        certificate: folder.join("cert.pem"),
        key: folder.join("key.pem"),
        look_every: Duration::from_millis(20),
    }
}

/// Puts a new certificate and its key into a folder.
pub(super) fn certify(folder: &Path) -> CertificateDer<'static> {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    write(folder, "key.pem", &made.signing_key.serialize_pem());
    write(folder, "cert.pem", &made.cert.pem());
    made.cert.der().clone()
}

pub(super) async fn handshake(
    address: SocketAddr,
    trusted: &CertificateDer<'static>,
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").unwrap();
    let stream = soon(TcpStream::connect(address)).await?;
    soon(TlsConnector::from(Arc::new(config)).connect(name, stream)).await
}

fn write(folder: &Path, name: &str, text: &str) {
    fs::File::create(folder.join(name)).unwrap().write_all(text.as_bytes()).unwrap();
}
