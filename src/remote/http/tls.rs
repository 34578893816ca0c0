//! Whose certificates are trusted: the system's, and those of a file of the operator's own.

use std::sync::Arc;

use rustls::client::Resumption;
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::{self, PemObject};
use rustls::{ClientConfig, RootCertStore};
use tokio_rustls::TlsConnector;

/// Why TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// A file of certificates is none.
    #[error("failed to read the certificates to trust: {0}; they are expected in PEM")]
    Pem(pem::Error),
    /// A certificate cannot be used.
    #[error("failed to trust a certificate")]
    Certificate(#[source] rustls::Error),
    /// There is not one certificate to trust.
    #[error("failed to find any certificate to trust; install ca-certificates, or set server.ca_file")]
    Nothing,
    /// The library refuses its own defaults.
    #[error("failed to set up TLS")]
    Setup(#[source] rustls::Error),
}

/// TLS that trusts the system's certificates and these.
pub(super) fn connector(ca_pem: &[&str]) -> Result<TlsConnector, TrustError> {
    let mut roots = RootCertStore::empty();
    // Some of the system's may be unreadable; the others count.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    for text in ca_pem {
        let mut found = false;
        for certificate in CertificateDer::pem_slice_iter(text.as_bytes()) {
            roots.add(certificate.map_err(TrustError::Pem)?).map_err(TrustError::Certificate)?;
            found = true;
        }
        if !found {
            return Err(TrustError::Pem(pem::Error::NoItemsFound));
        }
    }
    if roots.is_empty() {
        return Err(TrustError::Nothing);
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().map_err(TrustError::Setup)?;
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    // There is one server.
    config.resumption = Resumption::in_memory_sessions(1);
    Ok(TlsConnector::from(Arc::new(config)))
}
