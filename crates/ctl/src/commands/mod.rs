//! What each word does: one file per noun.

mod channel;
mod deployment;
mod device;
mod ending;
mod enrol;
mod key;
mod lan;
mod login;
mod named;
mod publish;
mod release;
mod token;
mod watch;
mod watch_folder;

pub(crate) use channel::DeletedChannel;
pub(crate) use deployment::{DeletedDeployment, Full};
pub(crate) use device::DeletedDevice;
pub(crate) use enrol::{EnrolResult, EnrolledDevice};
pub(crate) use key::{KeyPair, SignatureFile, SignatureGood};
pub(crate) use login::{Forgotten, LoggedIn, ProfileView};
pub(crate) use publish::{DryRun, Published, Standing, Written};
pub(crate) use release::Verified;
pub(crate) use token::Revoked;
pub(crate) use watch_folder::{Became, Watched, WatchedFile};

use belay_protocol::admin::{FleetSummary, Page, WhoAmI};
use serde::de::DeserializeOwned;

use crate::arguments::{Arguments, Command, Release};
use crate::client::Client;
use crate::error::CtlError;
use crate::exit::Exit;
use crate::output::Output;
use crate::{profile, render};

/// Does what was written.
pub async fn run(arguments: Arguments) -> Result<Exit, CtlError> {
    let output = &Output::new(arguments.format());
    let connection = &arguments.connection;
    let client = || Client::new(&profile::target(connection, output)?);
    match arguments.command {
        // Of these nobody is asked, so nobody has to be named.
        Command::Key(verb) => key::run(output, verb)?,
        Command::Lan(verb) => return lan::run(output, connection, verb).await,
        Command::Release(Release::Publish(publish)) => return publish::run(connection, output, &publish).await,
        Command::Release(Release::Watch(watch)) => return watch_folder::run(connection, output, *watch).await,
        Command::Login(login) => login::login(connection, output, login).await?,
        Command::Logout => login::logout(connection, output)?,
        Command::Profile(verb) => login::run(output, verb)?,
        Command::Whoami => {
            let who: WhoAmI = client()?.fetch(&["whoami"], &[]).await?;
            output.answer(&who, render::access::who);
        }
        Command::Fleet => {
            let fleet: FleetSummary = client()?.fetch(&["fleet"], &[]).await?;
            output.answer(&fleet, render::device::fleet);
        }
        Command::Release(verb) => return release::run(&client()?, output, verb).await,
        Command::Deployment(verb) => return deployment::run(&client()?, output, verb).await,
        Command::Device(verb) => return device::run(&client()?, output, verb).await,
        Command::Channel(verb) => channel::run(&client()?, output, verb).await?,
        Command::Token(verb) => token::run(&client()?, output, verb).await?,
        Command::EnrolmentToken(verb) => token::enrolment(&client()?, output, verb).await?,
        Command::Enrol(verb) => {
            return enrol::run(connection, &profile::target(connection, output)?, output, verb).await;
        }
    }
    Ok(Exit::Done)
}

/// How many things one page brings.
const PAGE_SIZE: u32 = 500;

/// Every thing of a list, page by page.
async fn all<T: DeserializeOwned>(
    client: &Client,
    path: &[&str],
    query: &[(&str, String)],
) -> Result<Vec<T>, CtlError> {
    let mut items = Vec::new();
    for page in 1_u32.. {
        let mut query = query.to_vec();
        query.extend([("page", page.to_string()), ("page_size", PAGE_SIZE.to_string())]);
        let Page { items: more, total, .. } = client.fetch::<Page<T>>(path, &query).await?;
        let last = more.is_empty();
        items.extend(more);
        if last || items.len() as u64 >= total {
            break;
        }
    }
    Ok(items)
}
