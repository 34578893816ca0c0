//! `belayctl enrol bulk`: every device of a table over SSH, so many at once, each on its own.

use std::fs;
use std::path::Path;
use std::time::Duration;

use belay_protocol::admin::{CreateEnrolmentToken, NewToken};
use belay_terminal::printable;
use futures_util::StreamExt;
use futures_util::stream;
use indicatif::ProgressBar;
use jiff::ToSpan;
use reqwest::Url;
use tokio::time::Instant;

use super::table::{Row, Table};
use super::{EnrolResult, EnrolledDevice, Outcome, far_end, known, retry};
use crate::arguments::{Bulk, Connection};
use crate::client::{Client, Target};
use crate::clock;
use crate::commands::ending::told_to_end;
use crate::commands::token::ENROLMENT_TOKENS;
use crate::error::CtlError;
use crate::exit::Exit;
use crate::output::Output;
use crate::render;
use crate::ssh::{Input, Place, Ssh, SshError};

pub(super) async fn run(
    connection: &Connection,
    target: &Target,
    output: &Output,
    asked: &Bulk,
) -> Result<Exit, CtlError> {
    // What is wrong here is found before anybody is asked for anything.
    let table = Table::read(&asked.devices)?;
    let list = retry::path(&table, &asked.devices, asked.retry.as_deref())?;
    if let Some(package) = &asked.install {
        fs::File::open(package).map_err(|source| CtlError::File { path: package.clone(), source })?;
    }
    let certificates = target.ca_file.as_deref().map(read).transpose()?.unwrap_or_default();
    let client = Client::new(target)?;
    let server = match &asked.device_server {
        Some(text) => Url::parse(text).map_err(|_| CtlError::Url { url: text.clone() })?,
        None => client.server().clone(),
    };
    let token = Token::for_run(&client, asked, table.rows.len()).await?;
    let run = Run {
        client: &client,
        asked,
        ssh: Ssh {
            identity: asked.identity.clone(),
            options: asked.ssh_options.clone(),
            accept_new_host_keys: asked.accept_new_host_keys,
            timeout: Duration::from_secs(asked.timeout.into()),
        },
        server,
        input: format!("{}\n{certificates}", token.text),
    };
    let devices = run.all(&table.rows, output).await;
    token.revoke(&client, output).await;
    let outcomes = table.rows.iter().zip(&devices);
    let failed: Vec<(&Row, &str)> = outcomes
        .filter(|(_, device)| !device.result.is_well())
        .map(|(row, device)| (row, device.reason.as_deref().unwrap_or_default()))
        .collect();
    let listed = retry::keep(&table, &list, &asked.devices, &failed);
    let again = (!failed.is_empty() && listed.is_ok()).then(|| retry::command(&list, asked, connection));
    output.answer(&devices, |devices, page| render::enrol::table(devices, again.as_deref(), page));
    listed.map(|()| exit(&devices))
}

/// All is well; or nobody could be reached; or some were not enrolled.
fn exit(devices: &[EnrolledDevice]) -> Exit {
    if devices.iter().all(|device| device.result.is_well()) {
        Exit::Done
    } else if devices.iter().all(|device| device.result == EnrolResult::Unreachable) {
        Exit::Unreachable
    } else {
        Exit::NotDeployed
    }
}

/// What is the same for every device.
struct Run<'a> {
    client: &'a Client,
    asked: &'a Bulk,
    ssh: Ssh,
    server: Url,
    /// The token, and certificates after it.
    input: String,
}

impl Run<'_> {
    /// Enrols every device, in the table's order. Whoever is told to end leaves the others for another time.
    async fn all(&self, rows: &[Row], output: &Output) -> Vec<EnrolledDevice> {
        let bar = output.bar(rows.len() as u64, "[{bar:30}] {pos}/{len} {msg}");
        let mut done: Vec<Option<Outcome>> = vec![None; rows.len()];
        let mut going = stream::iter(rows.iter().enumerate())
            .map(|(at, row)| async move { (at, self.one(row).await) })
            .buffer_unordered(self.asked.parallel.into());
        let told_to_end = told_to_end();
        tokio::pin!(told_to_end);
        loop {
            tokio::select! {
                next = going.next() => match next {
                    Some((at, outcome)) => {
                        tell(output, &bar, &rows[at], &outcome);
                        done[at] = Some(outcome);
                        bar.set_message(counts(&done));
                        bar.inc(1);
                    }
                    None => break,
                },
                () = &mut told_to_end => break,
            }
        }
        bar.finish_and_clear();
        let ended = || Outcome::failed("it was ended before this device was done");
        let outcomes = done.into_iter().map(|outcome| outcome.unwrap_or_else(ended));
        rows.iter().zip(outcomes).map(|(row, outcome)| shown(row, outcome)).collect()
    }

    async fn one(&self, row: &Row) -> Outcome {
        let asked = self.asked;
        let until = Instant::now() + self.ssh.timeout;
        let place = Place {
            host: &row.host,
            user: row.user.as_deref().or(asked.user.as_deref()),
            port: row.port.or(asked.port),
        };
        if let Some(package) = &asked.install {
            match self.ssh.run(place, &far_end::install(asked.sudo), Input::File(package), until).await {
                Ok(said) => {
                    if let Some(failed) = far_end::installed(&said) {
                        return failed;
                    }
                }
                Err(error) => return unasked(&error),
            }
        }
        let mut arguments = vec!["--server", self.server.as_str()];
        let device_type = row.device_type.as_ref().or(asked.device_type.as_ref());
        arguments.extend(device_type.iter().flat_map(|name| ["--device-type", name.as_str()]));
        let distribution = row.distribution.as_ref().or(asked.distribution.as_ref());
        arguments.extend(distribution.iter().flat_map(|name| ["--distribution", name.as_str()]));
        let command = far_end::enrol(asked.sudo, &arguments);
        match self.ssh.run(place, &command, Input::Text(self.input.clone()), until).await {
            Ok(said) => known::proved(self.client, far_end::enrolled(&said, &self.server)).await,
            Err(error) => unasked(&error),
        }
    }
}

fn unasked(error: &SshError) -> Outcome {
    match error {
        SshError::Unreachable(_) | SshError::Silent(_) => Outcome::unreachable(&error.to_string()),
        SshError::Unfinished(_)
        | SshError::Cut(_)
        | SshError::Denied(_)
        | SshError::Start(_)
        | SshError::File { .. } => Outcome::failed(&error.to_string()),
    }
}

fn shown(row: &Row, outcome: Outcome) -> EnrolledDevice {
    let Outcome { result, device, reason } = outcome;
    EnrolledDevice { host: row.host.clone(), hostname: row.hostname.clone(), result, device, reason }
}

/// Where no bar says it, a line for each device that did not go well.
fn tell(output: &Output, bar: &ProgressBar, row: &Row, outcome: &Outcome) {
    if outcome.result.is_well() {
        return;
    }
    let line = format!("{}: {}", row.host, outcome.reason.as_deref().unwrap_or_default());
    if bar.is_hidden() { output.tell(&line) } else { bar.println(printable(&line)) }
}

fn counts(done: &[Option<Outcome>]) -> String {
    let well = done.iter().flatten().filter(|outcome| outcome.result.is_well()).count();
    match done.iter().flatten().count() - well {
        0 => format!("{well} enrolled"),
        not => format!("{well} enrolled, {not} not"),
    }
}

/// What the devices enrol with.
struct Token {
    /// Its number, where it was made for this run.
    id: Option<String>,
    text: String,
}

impl Token {
    /// A token with one use for each device, which ends by itself where this program cannot revoke it.
    async fn for_run(client: &Client, asked: &Bulk, devices: usize) -> Result<Self, CtlError> {
        if let Some(path) = &asked.enrolment_token_file {
            let text = read(path)?.lines().next().unwrap_or_default().trim().to_owned();
            let empty = || CtlError::Usage(format!("{}: its first line is empty", path.display()));
            return if text.is_empty() { Err(empty()) } else { Ok(Self { id: None, text }) };
        }
        // Each device in its turn may take all its time.
        let turns = devices.div_ceil(asked.parallel.into()) as u64;
        let seconds = (turns * u64::from(asked.timeout)).clamp(HOUR_S, DAY_S);
        let end = clock::now().checked_add(i64::try_from(seconds).unwrap_or_default().seconds());
        let terms = CreateEnrolmentToken {
            name: "belayctl enrol bulk".to_owned(),
            uses: u32::try_from(devices).ok(),
            expires_at: end.ok(),
            tags: asked.tags.clone(),
            ..CreateEnrolmentToken::default()
        };
        let made: NewToken = client.post(&[ENROLMENT_TOKENS], &terms).await?;
        Ok(Self { id: Some(made.id), text: made.token })
    }

    async fn revoke(&self, client: &Client, output: &Output) {
        if let Some(id) = &self.id
            && let Err(error) = client.delete(&[ENROLMENT_TOKENS, id]).await
        {
            output.tell(&format!("the token {id} of this run was not revoked ({error}); it ends by itself"));
        }
    }
}

fn read(path: &Path) -> Result<String, CtlError> {
    fs::read_to_string(path).map_err(|source| CtlError::File { path: path.to_owned(), source })
}

/// The least that a token lasts, in seconds.
const HOUR_S: u64 = 60 * 60;

/// The most that a token lasts, in seconds.
const DAY_S: u64 = 24 * 60 * 60;
