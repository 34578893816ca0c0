//! `belayctl release publish --dry-run`: everything but sending.

use std::collections::BTreeSet;

use belay_protocol::Sha256;
use belay_protocol::admin::{Permission, ReleaseName, ReleaseView, WhoAmI};
use serde::Serialize;
use utoipa::ToSchema;

use super::Order;
use crate::arguments::Connection;
use crate::client::Client;
use crate::commands::release::{found, of};
use crate::error::CtlError;
use crate::exit::Exit;
use crate::output::Output;
use crate::payload::Kind;
use crate::{profile, render, signing};

/// What `release publish --dry-run` answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct DryRun {
    /// The release's name.
    #[serde(flatten)]
    pub(crate) name: ReleaseName,
    /// What the source is.
    pub(crate) source: Kind,
    /// The lines of its package list; none of a bundle.
    pub(crate) packages: Vec<String>,
    /// The name of the archive's file; none of a package list.
    pub(crate) archive: Option<String>,
    /// The archive's digest; none of a package list.
    #[schema(value_type = Option<String>)]
    pub(crate) sha256: Option<Sha256>,
    /// How many bytes the archive has; none of a package list.
    pub(crate) size: Option<u64>,
    /// How many files, folders and links, or packages; none where nobody could look.
    pub(crate) entries: Option<u64>,
    /// Whether it is signed.
    pub(crate) signed: bool,
    /// What the server would say.
    pub(crate) standing: Standing,
    /// Why it would be refused, or nobody knows.
    pub(crate) reason: Option<String>,
    /// Whether the server has the archive, so that it need not be sent; none where there is none or nobody was asked.
    pub(crate) archive_is_there: Option<bool>,
    /// What devices will not like about it, a sentence each.
    pub(crate) warnings: Vec<String>,
}

/// What the server would say to a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Standing {
    /// It would be published.
    New,
    /// It is there, the same.
    There,
    /// It would be refused.
    Refused,
    /// Nobody was asked, or nobody may say.
    Unknown,
}

/// Who can be asked; nobody where no server is known.
pub(super) fn client(connection: &Connection, output: &Output) -> Result<Option<Client>, CtlError> {
    match profile::target(connection, output) {
        Err(CtlError::NoServer) => Ok(None),
        target => Client::new(&target?).map(Some),
    }
}

pub(super) async fn run(client: Option<&Client>, output: &Output, order: &Order) -> Result<Exit, CtlError> {
    let mut shown = here(order);
    match client {
        Some(client) => ask(client, order, &mut shown).await?,
        None => shown.reason = Some("no server is named, so none was asked".to_owned()),
    }
    output.answer(&shown, render::release::dry_run);
    Ok(match shown.standing {
        Standing::New | Standing::There | Standing::Unknown => Exit::Done,
        Standing::Refused => Exit::Refused,
    })
}

/// What can be said without a server.
fn here(order: &Order) -> DryRun {
    let archive = order.payload.bundle().map(|bundle| &bundle.archive);
    DryRun {
        name: order.name.clone(),
        source: order.payload.kind,
        packages: order.payload.packages().to_vec(),
        archive: archive.map(|archive| archive.name.clone()),
        sha256: archive.map(|archive| archive.sha256),
        size: archive.map(|archive| archive.size),
        entries: order.payload.entries,
        signed: order.manifest.as_ref().is_some_and(|manifest| manifest.signature.is_some()),
        standing: Standing::Unknown,
        reason: None,
        archive_is_there: None,
        warnings: order.payload.warnings.clone(),
    }
}

async fn ask(client: &Client, order: &Order, shown: &mut DryRun) -> Result<(), CtlError> {
    let who: WhoAmI = client.fetch(&["whoami"], &[]).await?;
    let may = |permission| who.permissions.contains(&permission) || who.permissions.contains(&Permission::AdminFull);
    if !may(Permission::UpdatesPublish) {
        shown.standing = Standing::Refused;
        shown.reason = Some(format!("the token {:?} does not have updates:publish", who.name));
        return Ok(());
    }
    if let Some(sha256) = shown.sha256 {
        shown.archive_is_there = Some(client.is_there(&["artifacts", &sha256.to_string()]).await?);
    }
    if !may(Permission::UpdatesView) {
        shown.reason = Some(format!("the token {:?} may not see releases: it has no updates:view", who.name));
        return Ok(());
    }
    let there: Option<ReleaseView> = found(client.fetch(&of(&order.name, &[]), &[]).await)?;
    let difference = match &there {
        Some(there) => match difference(order, shown, there) {
            None if there.signed => another_key(client, order).await?,
            difference => difference,
        },
        None => None,
    };
    (shown.standing, shown.reason) = match (there, difference) {
        (None, _) => (Standing::New, None),
        (Some(_), None) => (Standing::There, None),
        (Some(_), Some(difference)) => {
            let message = format!("it was published with {difference}; releases never change, publish another version");
            (Standing::Refused, Some(message))
        }
    };
    Ok(())
}

/// Whether another key signed what is there.
async fn another_key(client: &Client, order: &Order) -> Result<Option<String>, CtlError> {
    let here = order.manifest.as_ref().and_then(|manifest| manifest.signature.as_deref()).and_then(signing::key_of);
    let there = signing::key_of(&client.text(&of(&order.name, &["manifest.sig"])).await?);
    Ok((here != there).then(|| "a signature by another key".to_owned()))
}

/// How what is there differs from what is here.
fn difference(order: &Order, here: &DryRun, there: &ReleaseView) -> Option<String> {
    let of_archive = there.bundle.as_ref();
    let approve = |codes: &[String]| codes.iter().cloned().collect::<BTreeSet<String>>();
    if there.packages != here.packages || of_archive.map(|bundle| bundle.sha256) != here.sha256 {
        Some("another content".to_owned())
    } else if of_archive.map(|bundle| &bundle.archive) != here.archive.as_ref() {
        of_archive.map(|bundle| format!("the same archive under the name {}", bundle.archive))
    } else if of_archive.is_some_and(|bundle| bundle.url.is_some()) {
        Some("an archive that lies elsewhere".to_owned())
    } else if there.signed != here.signed {
        Some(if there.signed { "a signature" } else { "no signature" }.to_owned())
    } else if approve(&there.approve) != approve(&order.approve) {
        Some(format!(
            "other overrides: {}",
            if there.approve.is_empty() { "none".to_owned() } else { there.approve.join(" ") }
        ))
    } else {
        None
    }
}
