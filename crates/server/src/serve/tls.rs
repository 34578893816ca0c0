//! TLS: the certificate from its files, read again when they change, because certificates are renewed.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::signal::unix::{SignalKind, signal};
use tokio_rustls::{Accept, TlsAcceptor};

use super::guarded::Guarded;

/// Where the certificate is.
#[derive(Debug, Clone)]
pub struct TlsSettings {
    /// The PEM file with the certificate and those that vouch for it.
    pub certificate: PathBuf,
    /// The PEM file with its private key.
    pub key: PathBuf,
    /// How often the files are looked at; a SIGHUP has them read at once.
    pub look_every: Duration,
}

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read as what it should be.
    #[error("cannot read {what} from {path}: {reason}")]
    File {
        /// What it should hold.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The two files do not belong together, or hold what cannot be used.
    #[error("cannot use the certificate {certificate} with the key {key}: {source}")]
    Pair {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// What is wrong with them.
        source: rustls::Error,
    },
}

/// A certificate in use.
#[derive(Clone)]
pub(super) struct Tls {
    acceptor: TlsAcceptor,
    current: Arc<Current>,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.current.fmt(f)
    }
}

#[derive(Debug)]
struct Current {
    settings: TlsSettings,
    provider: Arc<CryptoProvider>,
    key: RwLock<Arc<CertifiedKey>>,
}

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.key.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

impl Tls {
    /// Reads the certificate.
    pub(super) fn load(settings: TlsSettings) -> Result<Self, TlsError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let key = RwLock::new(Arc::new(read(&settings, &provider)?));
        let pair =
            |source| TlsError::Pair { certificate: settings.certificate.clone(), key: settings.key.clone(), source };
        let versions = ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions();
        let builder = versions.map_err(pair)?.with_no_client_auth();
        let current = Arc::new(Current { settings, provider, key });
        let mut config = builder.with_cert_resolver(Arc::clone(&current) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(config)), current })
    }

    pub(super) fn accept(&self, socket: Guarded) -> Accept<Guarded> {
        self.acceptor.accept(socket)
    }

    /// Reads the files again whenever they change, and when told to by SIGHUP; never ends. What cannot be used is
    /// reported and the old certificate kept.
    pub(super) async fn keep_fresh(self) {
        let mut hangups = signal(SignalKind::hangup()).ok();
        let mut seen = self.current.settings.seen();
        loop {
            let told = async {
                match &mut hangups {
                    Some(hangups) => hangups.recv().await,
                    None => std::future::pending().await,
                }
            };
            let told = tokio::select! {
                _ = told => true,
                () = tokio::time::sleep(self.current.settings.look_every) => false,
            };
            let now = self.current.settings.seen();
            if told || now != seen {
                // Between the renewal of the one file and of the other they do not match; the next look puts it right.
                seen = now;
                self.current.reload();
            }
        }
    }
}

impl Current {
    fn reload(&self) {
        match read(&self.settings, &self.provider) {
            Ok(key) => {
                *self.key.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(key);
                tracing::info!(tls.certificate = %self.settings.certificate.display(), "the certificate was read again");
            }
            Err(error) => tracing::warn!(%error, "the old certificate stays in use"),
        }
    }
}

impl TlsSettings {
    /// What tells one version of the files from the next.
    fn seen(&self) -> [Option<(u64, u64, i64, i64)>; 2] {
        let stamp = |file: Metadata| (file.ino(), file.size(), file.mtime(), file.mtime_nsec());
        [&self.certificate, &self.key].map(|path| std::fs::metadata(path).ok().map(stamp))
    }
}

fn read(settings: &TlsSettings, provider: &CryptoProvider) -> Result<CertifiedKey, TlsError> {
    let chain = CertificateDer::pem_file_iter(&settings.certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| unreadable("a certificate", &settings.certificate, error))?;
    if chain.is_empty() {
        return Err(unreadable("a certificate", &settings.certificate, "there is none in it"));
    }
    let key = PrivateKeyDer::from_pem_file(&settings.key)
        .map_err(|error| unreadable("a private key", &settings.key, error))?;
    CertifiedKey::from_der(chain, key, provider).map_err(|source| TlsError::Pair {
        certificate: settings.certificate.clone(),
        key: settings.key.clone(),
        source,
    })
}

fn unreadable(what: &'static str, path: &Path, reason: impl ToString) -> TlsError {
    TlsError::File { what, path: path.to_owned(), reason: reason.to_string() }
}
