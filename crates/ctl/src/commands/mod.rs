//! What each word does: one file per noun.

mod channel;
mod deployment;
mod device;
mod key;
mod publish;
mod release;
mod transfer;
mod watch;

pub(crate) use deployment::Full;

use belay_protocol::admin::{FleetSummary, Page, WhoAmI};
use serde::de::DeserializeOwned;

use crate::arguments::{Arguments, Command, Release};
use crate::client::Client;
use crate::error::CtlError;
use crate::exit::Exit;
use crate::output::answer;
use crate::render;

/// Does what was written.
pub async fn run(arguments: Arguments) -> Result<Exit, CtlError> {
    let json = arguments.json;
    let command = match arguments.command {
        // Nobody is asked, so nobody has to be named.
        Command::Key(verb) => return key::run(json, verb).map(|()| Exit::Done),
        Command::Release(Release::Publish(publish)) if publish.out.is_some() => {
            return publish::write(json, &publish).map(|()| Exit::Done);
        }
        other @ (Command::Whoami
        | Command::Fleet
        | Command::Release(_)
        | Command::Deployment(_)
        | Command::Device(_)
        | Command::Channel(_)) => other,
    };
    let client = Client::new(&arguments.connection)?;
    match command {
        Command::Whoami => {
            let who: WhoAmI = client.fetch(&["whoami"], &[]).await?;
            answer(json, &who, render::access::who);
        }
        Command::Fleet => {
            let fleet: FleetSummary = client.fetch(&["fleet"], &[]).await?;
            answer(json, &fleet, render::device::fleet);
        }
        Command::Release(verb) => return release::run(&client, json, verb).await,
        Command::Deployment(verb) => return deployment::run(&client, json, verb).await,
        Command::Device(verb) => device::run(&client, json, verb).await?,
        Command::Channel(verb) => channel::run(&client, json, verb).await?,
        Command::Key(verb) => key::run(json, verb)?,
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
