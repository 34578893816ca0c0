//! `belayctl login`, `logout` and `profile …`

use std::io::{IsTerminal, Read, stdin};
use std::path::PathBuf;

use belay_protocol::admin::WhoAmI;
use serde::Serialize;
use utoipa::ToSchema;

use crate::arguments::{self, Connection, Login};
use crate::client::{Client, Target};
use crate::error::CtlError;
use crate::output::Output;
use crate::profile::{self, Environment, Keyring, Profile, Profiles, server_of};
use crate::secret::Secret;
use crate::{render, signing};

/// What `login` answers.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LoggedIn {
    /// The profile that was kept, and is in use now.
    pub(crate) profile: String,
    /// Its server.
    pub(crate) server: String,
    /// Whose token it is.
    pub(crate) who: WhoAmI,
    /// Where the token is kept.
    #[schema(value_type = String)]
    pub(crate) keyring: PathBuf,
}

/// What `logout` and `profile delete` answer.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Forgotten {
    /// The profile.
    pub(crate) profile: String,
    /// Whether there was a token to forget.
    pub(crate) token: bool,
}

/// A profile as `profile list` shows it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProfileView {
    /// Its name.
    pub(crate) name: String,
    /// Its server.
    pub(crate) server: String,
    /// Whether it is in use.
    pub(crate) active: bool,
    /// Whether a token is kept for it.
    pub(crate) token: bool,
}

/// Keeps a server and a token once the server has said whose token it is.
pub(super) async fn login(connection: &Connection, output: &Output, login: Login) -> Result<(), CtlError> {
    let environment = Environment::read(|name| std::env::var(name).ok());
    let mut profiles = Profiles::load()?;
    let mut keyring = Keyring::load()?;
    // A name that is known says which server is meant; a new one says what to call it.
    let known = login.name.clone().filter(|name| profiles.profile.contains_key(name));
    let connection = Connection { profile: connection.profile.clone().or(known), ..connection.clone() };
    let server = server_of(&connection, &environment, || Ok(profiles.clone()))?;
    let token = match &connection.token_file {
        Some(path) => profile::token(&signing::read(path)?, &path.display().to_string())?,
        None => match environment.token() {
            Some(token) => token,
            None => typed(&server.url, output)?,
        },
    };
    let target = Target { server: server.url, token, ca_file: server.ca_file, plain_http: server.plain_http };
    let client = Client::new(&target)?;
    let who: WhoAmI = client.fetch(&["whoami"], &[]).await?;
    let host = || client.server().host_str().unwrap_or("default").to_owned();
    let name = login.name.or(server.profile).unwrap_or_else(host);
    let Target { server, token, ca_file, plain_http } = target;
    // Relative to where it is read later, a path would name another file.
    let ca_file = ca_file.map(|path| std::path::absolute(&path).unwrap_or(path));
    profiles.profile.insert(name.clone(), Profile { server: server.clone(), ca_file, plain_http });
    profiles.active = Some(name.clone());
    keyring.keep(&name, &server, token);
    let kept = keyring.save()?;
    profiles.save()?;
    output.answer(&LoggedIn { profile: name, server, who, keyring: kept }, render::profile::logged_in);
    Ok(())
}

/// A token that is piped in, or that a person types.
fn typed(server: &str, output: &Output) -> Result<Secret, CtlError> {
    if stdin().is_terminal() {
        return if output.is_watched() {
            profile::ask(server)
        } else {
            Err(CtlError::NoToken { server: server.to_owned() })
        };
    }
    let mut text = String::new();
    let read = stdin().lock().take(LONGEST).read_to_string(&mut text);
    read.map_err(|source| CtlError::File { path: "standard input".into(), source })?;
    if text.trim().is_empty() {
        return Err(CtlError::NoToken { server: server.to_owned() });
    }
    profile::token(&text, "standard input")
}

/// Forgets the token of a profile; the profile stays.
pub(super) fn logout(connection: &Connection, output: &Output) -> Result<(), CtlError> {
    let environment = Environment::read(|name| std::env::var(name).ok());
    let server = server_of(connection, &environment, Profiles::load)?;
    let Some(profile) = server.profile else {
        let sentence = format!("{} is no profile, so no token is kept for it; --profile NAME says which", server.url);
        return Err(CtlError::Usage(sentence));
    };
    let token = forget(&profile)?;
    output.answer(&Forgotten { profile, token }, render::profile::logged_out);
    Ok(())
}

pub(super) fn run(output: &Output, verb: arguments::Profile) -> Result<(), CtlError> {
    let mut profiles = Profiles::load()?;
    match verb {
        arguments::Profile::List => {}
        arguments::Profile::Use { name } => {
            profiles.named(&name)?;
            profiles.active = Some(name);
            profiles.save()?;
        }
        arguments::Profile::Delete { name } => {
            profiles.named(&name)?;
            // The token first: what is left without its profile would be found by nobody.
            let token = forget(&name)?;
            profiles.profile.remove(&name);
            profiles.active = profiles.active.filter(|active| *active != name);
            profiles.save()?;
            output.answer(&Forgotten { profile: name, token }, render::profile::deleted);
            return Ok(());
        }
    }
    let keyring = Keyring::load()?;
    let view = |(name, profile): (&String, &Profile)| ProfileView {
        name: name.clone(),
        server: profile.server.clone(),
        active: profiles.active.as_ref() == Some(name),
        token: keyring.has(name),
    };
    let views: Vec<ProfileView> = profiles.profile.iter().map(view).collect();
    output.answer(&views, |views, page| render::profile::list(views, page));
    Ok(())
}

fn forget(profile: &str) -> Result<bool, CtlError> {
    let mut keyring = Keyring::load()?;
    let there = keyring.forget(profile);
    if there {
        keyring.save()?;
    }
    Ok(there)
}

/// More bytes than a token has.
const LONGEST: u64 = 4096;
