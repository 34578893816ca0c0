//! Which server is asked and by which token: what was written, what the environment says, what `login` kept.
//!
//! Two files: `profiles.toml` names servers, `keyring.toml` holds their tokens for the owner's eyes alone. Nothing else
//! reads or writes them.

mod keyring;
mod resolve;
mod store;

use std::io::{IsTerminal, stdin};

use crate::arguments::Connection;
use crate::client::Target;
use crate::error::CtlError;
use crate::output::Output;
use crate::secret::Secret;

pub(crate) use keyring::Keyring;
pub(crate) use resolve::{Environment, server_of, token};
pub(crate) use store::{Profile, Profiles};

/// The server that is meant, and the token for it. A person who looks on is asked for a token that is nowhere.
pub(crate) fn target(connection: &Connection, output: &Output) -> Result<Target, CtlError> {
    let environment = Environment::read(|name| std::env::var(name).ok());
    let server = server_of(connection, &environment, Profiles::load)?;
    let token = match resolve::token_of(connection, &environment, &server, Keyring::load)? {
        Some(token) => token,
        None if output.is_watched() && stdin().is_terminal() => ask(&server.url)?,
        None => return Err(CtlError::NoToken { server: server.url }),
    };
    Ok(Target { server: server.url, token, ca_file: server.ca_file, plain_http: server.plain_http })
}

/// Asks the person for a token; nothing is shown of it.
pub(crate) fn ask(server: &str) -> Result<Secret, CtlError> {
    let typed = rpassword::prompt_password(format!("Token for {server}: "));
    let typed = typed.map_err(|error| CtlError::Usage(format!("a token cannot be asked for here: {error}")))?;
    if typed.trim().is_empty() {
        return Err(CtlError::NoToken { server: server.to_owned() });
    }
    token(&typed, "what was typed")
}
