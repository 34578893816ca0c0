//! What each verb asks the agent, and what is shown of the answer.

use std::io;
use std::path::{Path, PathBuf};

use belay_protocol::ReleaseVersion;
use belay_protocol::job::Job;
use belay_protocol::local::{
    Bundles, Findings, History, Polled, PruneRequest, Pruned, RollbackRequest, ServerEnrolRequest, ServerLink,
    UpdateRequest,
};
use belay_terminal::{Page, job, printable};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::clock;
use crate::config::{self, ConfigError};
use crate::remote::enrolment::read_token;

use super::arguments::{Ask, BundleArguments, RestorePointCommand};
use super::bundle::{self, BundleError};
use super::client::{Client, ClientError};
use super::exit::Exit;
use super::follow;
use super::goal::{self, Ambiguous};
use super::lists::{self, WhatError};
use super::output::{refused, say, say_json, usage};
use super::render;

/// Why an answer could not be shown.
#[derive(Debug, thiserror::Error)]
enum AskError {
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error(transparent)]
    What(#[from] WhatError),
    #[error(transparent)]
    Bundle(BundleError),
    #[error(transparent)]
    Goal(#[from] Ambiguous),
    #[error("cannot read {}: {source}", path.display())]
    File { path: PathBuf, source: io::Error },
}

/// The agent's socket: as the command line says, else the environment, else the settings.
///
/// # Errors
/// The settings had to be read and are not valid.
pub fn socket(named: Option<PathBuf>, config: Option<&Path>) -> Result<PathBuf, ConfigError> {
    // The settings are not read where they need not be: they may be valid for the agent's own user alone.
    let variable = || std::env::var_os("BELAY_SOCKET").filter(|value| !value.is_empty() && config.is_none());
    let named = named.or_else(|| variable().map(PathBuf::from));
    named.map_or_else(|| config::load(config).map(|settings| settings.control.socket), Ok)
}

/// Asks the agent behind `socket`, and shows what it answers.
pub async fn ask(socket: &Path, json: bool, asked: &Ask) -> Exit {
    let asking = Asking { client: Client::new(socket), json };
    let ended = match asked {
        Ask::Status => asking.status().await,
        Ask::Update { what, bundle, dry_run, approve, key, no_wait } => {
            let (approve, idempotency_key) = (approve.clone(), key.clone());
            let request = UpdateRequest { dry_run: *dry_run, approve, idempotency_key, ..UpdateRequest::default() };
            asking.update(what, bundle, request, *no_wait).await
        }
        Ask::Rollback { to, to_generation, to_version, approve, key, no_wait } => {
            let request = RollbackRequest {
                to: *to_generation,
                to_version: to_version.clone(),
                approve: approve.clone(),
                idempotency_key: key.clone(),
            };
            asking.rollback(to.clone(), request, *no_wait).await
        }
        Ask::Plan { what, bundle } => {
            let request = UpdateRequest { dry_run: true, ..UpdateRequest::default() };
            asking.update(what, bundle, request, false).await
        }
        Ask::Bundles => asking.show("/bundles", render::bundles).await.map(|_| Exit::Done),
        Ask::Poll => asking.poll().await,
        Ask::Enrol { server, token, token_file, device_type, distribution, ca_file, again } => {
            let request = ServerEnrolRequest {
                server: server.clone(),
                token: token.clone(),
                device_type: device_type.clone(),
                distribution: distribution.clone(),
                ca_pem: None,
                again: *again,
            };
            asking.enrol(request, token_file.as_deref(), ca_file.as_deref()).await
        }
        Ask::History => asking.show("/history", render::history).await.map(|_| Exit::Done),
        Ask::Verify => asking.show("/verify", render::findings).await.map(|found| exit_of(&found)),
        Ask::RestorePoint(command) => asking.restore_point(*command).await,
    };
    ended.unwrap_or_else(|error| asking.failed(&error))
}

impl From<BundleError> for AskError {
    fn from(error: BundleError) -> Self {
        match error {
            BundleError::Client(error) => Self::Client(error),
            BundleError::Missing(_)
            | BundleError::NoDigest
            | BundleError::Unreadable { .. }
            | BundleError::TooLong(_)
            | BundleError::Digest { .. } => Self::Bundle(error),
        }
    }
}

struct Asking {
    client: Client,
    json: bool,
}

impl Asking {
    async fn status(&self) -> Result<Exit, AskError> {
        let status = self.show("/status", render::status).await?;
        Ok(if status.needs_attention { Exit::NeedsAttention } else { Exit::Done })
    }

    async fn update(
        &self,
        what: &[String],
        bundle: &BundleArguments,
        request: UpdateRequest,
        no_wait: bool,
    ) -> Result<Exit, AskError> {
        let request = match &bundle.bundle {
            None => {
                let mut packages = lists::lines(what, &mut io::stdin())?;
                // An empty list is a list too, and must not look like a field that was left out.
                if packages.is_empty() {
                    packages.push(String::new());
                }
                UpdateRequest { packages, ..request }
            }
            Some(named) => {
                let wanted = bundle::request(&self.client, bundle, named, !self.json).await?;
                UpdateRequest { bundle: Some(wanted), ..request }
            }
        };
        let job: Job = self.client.post("/update", &request).await?;
        if request.dry_run { Ok(self.planned(&job)) } else { self.ended(job, false, no_wait).await }
    }

    async fn rollback(
        &self,
        to: Option<ReleaseVersion>,
        request: RollbackRequest,
        no_wait: bool,
    ) -> Result<Exit, AskError> {
        let request = match to {
            None => request,
            Some(to) if goal::number(&to).is_none() => RollbackRequest { to_version: Some(to), ..request },
            Some(to) => {
                let history: History = self.client.get("/history").await?;
                // While a job runs the kept ones cannot be listed; a number is then a generation.
                let kept: Bundles = self.client.get("/bundles").await.unwrap_or_default();
                goal::goal(to, &history.generations, &kept.bundles, request)?
            }
        };
        let job: Job = self.client.post("/rollback", &request).await?;
        // A version that is not on the way back is installed again: an update, and judged as one.
        let rollback = request.to_version.is_none() || job.request.is_rollback();
        self.ended(job, rollback, no_wait).await
    }

    async fn poll(&self) -> Result<Exit, AskError> {
        let polled: Polled = self.client.post("/server/poll", &serde_json::json!({})).await?;
        self.answer(&polled, |page| render::polled(&polled, page));
        Ok(Exit::Done)
    }

    /// Files are read here: the agent's own user may not be allowed to.
    async fn enrol(
        &self,
        request: ServerEnrolRequest,
        token_file: Option<&Path>,
        ca_file: Option<&Path>,
    ) -> Result<Exit, AskError> {
        let read = |path: &Path, read: fn(&Path) -> io::Result<String>| {
            read(path).map_err(|source| AskError::File { path: path.to_owned(), source })
        };
        let token = token_file.map(|path| read(path, read_token)).transpose()?.or(request.token.clone());
        let ca_pem = ca_file.map(|path| read(path, |path| std::fs::read_to_string(path))).transpose()?;
        let request = ServerEnrolRequest { token, ca_pem, ..request };
        let link: ServerLink = self.client.post("/server/enrol", &request).await?;
        self.answer(&link, |page| render::enrolled(&link, page));
        Ok(Exit::Done)
    }

    /// Follows a job to its end, unless nobody waits for that.
    async fn ended(&self, job: Job, rollback: bool, no_wait: bool) -> Result<Exit, AskError> {
        if no_wait {
            self.answer(&job, |page| job::accepted(&job, page));
            return Ok(Exit::Done);
        }
        let job = follow::to_the_end(&self.client, job, !self.json).await?;
        self.answer(&job, |page| job::ended(&job, rollback, page));
        Ok(Exit::of(&job, rollback))
    }

    fn planned(&self, job: &Job) -> Exit {
        self.answer(job, |page| job::planned(job, page));
        Exit::of(job, false)
    }

    async fn restore_point(&self, command: RestorePointCommand) -> Result<Exit, AskError> {
        match command {
            RestorePointCommand::List => {
                self.show("/restore-points", render::restore_points).await?;
            }
            RestorePointCommand::Show { id } => {
                self.show(&format!("/restore-points/{id}"), render::restore_point).await?;
            }
            RestorePointCommand::Verify { id } => {
                let found: Findings = self.client.post(&format!("/restore-points/{id}/verify"), &()).await?;
                self.answer(&found, |page| render::findings(&found, page));
                return Ok(exit_of(&found));
            }
            RestorePointCommand::Prune { keep } => {
                let pruned: Pruned = self.client.post("/restore-points/prune", &PruneRequest { keep }).await?;
                self.answer(&pruned, |page| render::pruned(&pruned, page));
            }
        }
        Ok(Exit::Done)
    }

    /// Gets what is at a path, and shows it.
    async fn show<T>(&self, path: &str, shown: fn(&T, &Page) -> String) -> Result<T, AskError>
    where
        T: Serialize + DeserializeOwned,
    {
        let answer: T = self.client.get(path).await?;
        self.answer(&answer, |page| shown(&answer, page));
        Ok(answer)
    }

    fn answer(&self, answer: &impl Serialize, shown: impl FnOnce(&Page) -> String) {
        if self.json {
            say_json(answer);
        } else {
            say(&printable(&shown(&Page::of_stdout(clock::now()))));
        }
    }

    fn failed(&self, error: &AskError) -> Exit {
        let (exit, body) = match error {
            AskError::Client(error) => (error.exit(), error.body()),
            AskError::What(error) => (Exit::Failed, usage(error)),
            AskError::File { .. } | AskError::Bundle(_) | AskError::Goal(_) => (Exit::Failed, usage(error)),
        };
        refused(&body, self.json);
        exit
    }
}

fn exit_of(found: &Findings) -> Exit {
    if found.findings.is_empty() { Exit::Done } else { Exit::Findings }
}
