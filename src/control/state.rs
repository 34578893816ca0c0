//! What every handler is given, and what of the settings a person should be warned of.

use std::sync::Arc;

use crate::config::settings::Control;
use crate::daemon::handle::Handle;
use crate::facts;
use crate::telemetry::metrics::Metrics;

use super::access::Access;
use super::token::{Token, TokenError};
use super::uploads::Uploads;

/// What every handler is given. Clones are cheap and share everything.
#[derive(Debug, Clone)]
pub struct ControlState {
    /// The way to the daemon.
    pub handle: Handle,
    /// The figures that `/metrics` shows.
    pub metrics: Metrics,
    pub(super) access: Arc<Access>,
    pub(super) uploads: Uploads,
    pub(super) hostname: Option<String>,
}

impl ControlState {
    /// Puts the doors' rules together; reads the token file.
    ///
    /// # Errors
    /// The token file cannot be read, is open to everybody, or holds no usable token.
    pub fn new(handle: Handle, metrics: Metrics, settings: &Control, uploads: Uploads) -> Result<Self, TokenError> {
        let token = settings.token_file.as_deref().map(Token::load).transpose()?;
        let access = Arc::new(Access::new(settings, token));
        Ok(Self { handle, metrics, access, uploads, hostname: facts::hostname() })
    }
}

/// What a person should know of the doors that these settings open, one sentence each. For logs and `/status`.
pub fn open_doors(settings: &Control) -> Vec<String> {
    let mut warnings = Vec::new();
    if settings.listen.is_empty() {
        return warnings;
    }
    for network in &settings.legacy {
        warnings.push(format!(
            "control.legacy: whoever is in {network} may update this device and roll it back without a credential"
        ));
    }
    if settings.plain_tokens && settings.listen.iter().any(|address| !address.ip().is_loopback()) {
        warnings.push(
            "control.plain_tokens: tokens cross the network in clear text; whoever reads one may update this device"
                .to_owned(),
        );
    }
    if settings.token_file.is_none() && settings.legacy.is_empty() {
        warnings.push("control.listen is set, but neither a token nor a legacy network: TCP refuses everybody".into());
    }
    warnings
}
