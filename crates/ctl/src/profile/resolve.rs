//! Which of several answers counts. Pure, but for the file that a token may lie in.
//!
//! Of the server: the command line, then the environment, then the profile in use. Of the token the same, but that one
//! of the keyring goes to the server that it was kept for and to no other.

use std::path::PathBuf;

use super::{Keyring, Profile, Profiles};
use crate::arguments::Connection;
use crate::error::CtlError;
use crate::secret::Secret;
use crate::signing;

/// What the environment says.
#[derive(Debug, Default)]
pub(crate) struct Environment {
    server: Option<String>,
    profile: Option<String>,
    ca_file: Option<PathBuf>,
    token: Option<Secret>,
}

impl Environment {
    /// Reads it; an empty variable says nothing. The names of the tools that belayctl replaces are understood too.
    pub(crate) fn read(variable: impl Fn(&str) -> Option<String>) -> Self {
        let first = |names: &[&str]| {
            names
                .iter()
                .find_map(|name| variable(name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()))
        };
        // Those tools were given the address with or without the folder that their API lay in.
        let replaced = first(&["MEETING_API_URL"]).map(|url| {
            let url = url.trim_end_matches('/');
            url.strip_suffix("/api").unwrap_or(url).to_owned()
        });
        Self {
            server: first(&["BELAY_SERVER"]).or(replaced),
            profile: first(&["BELAY_PROFILE"]),
            ca_file: first(&["BELAY_CA_FILE"]).map(PathBuf::from),
            token: first(&["BELAY_TOKEN", "MEETING_AUTH_TOKEN", "MEETING_TOKEN"]).map(Secret::new),
        }
    }

    /// The token that it holds.
    pub(crate) fn token(&self) -> Option<Secret> {
        self.token.clone()
    }
}

/// The server that is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Server {
    /// Its address.
    pub(crate) url: String,
    /// The profile that named it.
    pub(crate) profile: Option<String>,
    /// Certificates to trust beside the system's.
    pub(crate) ca_file: Option<PathBuf>,
    /// Whether the token may cross the network unencrypted.
    pub(crate) plain_http: bool,
}

/// The server that is meant. The profiles are read only where they count: a pipeline may have no home folder.
pub(crate) fn server_of(
    connection: &Connection,
    environment: &Environment,
    profiles: impl FnOnce() -> Result<Profiles, CtlError>,
) -> Result<Server, CtlError> {
    let ca_file = connection.ca_file.clone().or_else(|| environment.ca_file.clone());
    let bare = |url: &String| Server {
        url: tidy(url),
        profile: connection.profile.clone(),
        ca_file: ca_file.clone(),
        plain_http: connection.plain_http,
    };
    let by_profile = |profiles: Profiles, name: &String| {
        let Profile { server, ca_file: own, plain_http } = profiles.named(name)?.clone();
        let plain_http = plain_http || connection.plain_http;
        Ok(Server { url: server, profile: Some(name.clone()), ca_file: ca_file.clone().or(own), plain_http })
    };
    match (&connection.server, &connection.profile, &environment.server) {
        (Some(url), _, _) | (None, None, Some(url)) => Ok(bare(url)),
        (None, Some(name), _) => by_profile(profiles()?, name),
        (None, None, None) => {
            let profiles = profiles()?;
            let name = environment.profile.as_ref().or(profiles.active.as_ref()).cloned();
            by_profile(profiles, &name.ok_or(CtlError::NoServer)?)
        }
    }
}

/// The token for that server, where there is one. The keyring is opened only where it counts.
pub(super) fn token_of(
    connection: &Connection,
    environment: &Environment,
    server: &Server,
    keyring: impl Fn() -> Result<Keyring, CtlError>,
) -> Result<Option<Secret>, CtlError> {
    if let Some(path) = &connection.token_file {
        return token(&signing::read(path)?, &path.display().to_string()).map(Some);
    }
    // A profile that was named now outdoes an environment that was set some time ago.
    let kept = |profile: Option<&str>| Ok::<_, CtlError>(keyring()?.token(profile, &server.url));
    if let Some(name) = &connection.profile
        && let Some(token) = kept(Some(name))?
    {
        return Ok(Some(token));
    }
    match environment.token() {
        Some(text) => token(text.reveal(), "the token in the environment").map(Some),
        None => kept(server.profile.as_deref()),
    }
}

/// A text as a token, which is one word.
pub(crate) fn token(text: &str, from: &str) -> Result<Secret, CtlError> {
    let text = text.trim();
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(CtlError::Usage(format!("{from} holds no token: that is one word, as `token create` shows it")));
    }
    Ok(Secret::new(text.to_owned()))
}

/// The same server is the same text.
fn tidy(url: &str) -> String {
    url.trim().trim_end_matches('/').to_owned()
}

#[cfg(test)]
mod tests;
