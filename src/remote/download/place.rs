//! Where a bundle is fetched from: the address, the key that is shown there, the certificates that are trusted there.

use belay_protocol::bundle::BundleSource;
use belay_protocol::{Failure, Reason, Sha256};

use crate::config::Settings;
use crate::identity::{Identity, IdentityStore};
use crate::remote::url::{FileUrl, ServerUrl};

/// A place on the network.
#[derive(Clone)]
pub(super) struct Place {
    /// Its address.
    pub(super) url: FileUrl,
    /// The device's key; for the device's own server alone.
    pub(super) key: Option<String>,
    /// Whether it may send us elsewhere.
    pub(super) may_redirect: bool,
    /// The server that certificates of the operator's own are for.
    own: Option<ServerUrl>,
    own_pem: Vec<String>,
}

impl std::fmt::Debug for Place {
    /// Without the key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Place").field("url", &self.url).finish_non_exhaustive()
    }
}

impl Place {
    /// The place of the server's artifact.
    pub(super) fn server(sha256: Sha256, settings: &Settings) -> Result<Self, Failure> {
        let Some(identity) = identity(settings)? else {
            let message = "the bundle is the server's, and this device belongs to no server; enrol it with \
                           `belay-agent enrol --server URL`";
            return Err(Failure::new(Reason::FetchFailed, message));
        };
        let server = settings.server.url.as_ref().unwrap_or(&identity.server);
        // The setting may have been taken back since the device enrolled.
        server.check_plain(settings.server.plain_http).map_err(|error| bad_url(&error))?;
        let url =
            FileUrl::read(&server.join(&format!("/api/v1/artifacts/{sha256}"))).map_err(|error| bad_url(&error))?;
        let (own, own_pem) = (Some(server.clone()), own_pem(settings, Some(&identity))?);
        Ok(Self { url, key: Some(identity.key), may_redirect: false, own, own_pem })
    }

    /// Anybody's.
    pub(super) fn anybodys(url: &str, settings: &Settings) -> Result<Self, Failure> {
        let url = FileUrl::parse(url, &settings.bundle.plain_http).map_err(|error| bad_url(&error))?;
        let identity = identity(settings)?;
        let own = settings.server.url.clone().or_else(|| identity.as_ref().map(|identity| identity.server.clone()));
        let own_pem = own_pem(settings, identity.as_ref())?;
        Ok(Self { url, key: None, may_redirect: true, own, own_pem })
    }

    /// Certificates that are trusted beside the system's where `url` leads.
    pub(super) fn ca_pem(&self, url: &FileUrl) -> &[String] {
        let is_own = |own: &ServerUrl| own.host() == url.host() && own.port() == url.port();
        if self.own.as_ref().is_some_and(is_own) { &self.own_pem } else { &[] }
    }
}

impl Place {
    /// The place of an order's source; none where nothing is fetched.
    pub(super) fn of(source: &BundleSource, sha256: Sha256, settings: &Settings) -> Result<Option<Self>, Failure> {
        match source {
            BundleSource::Server => Self::server(sha256, settings).map(Some),
            BundleSource::Url { url } => Self::anybodys(url, settings).map(Some),
            BundleSource::Upload | BundleSource::Kept => Ok(None),
        }
    }
}

pub(super) fn bad_url(error: &dyn std::error::Error) -> Failure {
    Failure::new(Reason::BadUrl, error.to_string())
}

fn identity(settings: &Settings) -> Result<Option<Identity>, Failure> {
    let opened = IdentityStore::open(&settings.daemon_dir());
    let (store, _) = opened.map_err(|error| {
        let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
        Failure::new(Reason::State, format!("{error}{cause}"))
    })?;
    Ok(store.identity().cloned())
}

fn own_pem(settings: &Settings, identity: Option<&Identity>) -> Result<Vec<String>, Failure> {
    let read = |path: &std::path::PathBuf| {
        std::fs::read_to_string(path).map_err(|error| {
            let message = format!("server.ca_file cannot be read: {}: {error}", path.display());
            Failure::new(Reason::FetchFailed, message)
        })
    };
    let file = settings.server.ca_file.as_ref().map(read).transpose()?;
    Ok(file.into_iter().chain(identity.and_then(|identity| identity.ca_pem.clone())).collect())
}
