//! Other machines over SSH: the system's `ssh`, with a person's own settings, keys and known hosts. The only place of
//! this program that starts another one.
//!
//! It asks nobody: a password that would have to be typed, or a host key that was never met, is a failure. What is
//! secret goes over standard input, never into an argument that every user of a machine can read.

mod word;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::process::Command;

pub(crate) use word::{quoted, sentence};

/// How every machine is reached.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ssh {
    /// Secret key to log in with, beside those that ssh knows of.
    pub(crate) identity: Option<PathBuf>,
    /// More options, as in ssh's own settings.
    pub(crate) options: Vec<String>,
    /// Whether the key of a machine that was never met is trusted.
    pub(crate) accept_new_host_keys: bool,
    /// How long one machine may take in all.
    pub(crate) timeout: Duration,
}

/// One machine.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    /// Its address or name.
    pub(crate) host: &'a str,
    /// Who to log in as.
    pub(crate) user: Option<&'a str>,
    /// Its port.
    pub(crate) port: Option<u16>,
}

/// What a command there reads.
#[derive(Debug)]
pub(crate) enum Input<'a> {
    /// This text.
    Text(String),
    /// This file.
    File(&'a Path),
}

/// What a command there said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Said {
    /// Its exit code; 255 where a signal ended it.
    pub(crate) code: i32,
    /// Its standard output.
    pub(crate) stdout: String,
    /// Its standard error.
    pub(crate) stderr: String,
}

/// Why a machine could not be asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SshError {
    /// There is no ssh here, or it could not be fed.
    #[error("failed to run ssh: {0}; `apt install openssh-client` installs it")]
    Start(#[source] io::Error),
    /// The file to send could not be read.
    #[error("failed to read {path}: {source}", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It does not answer.
    #[error("{0}")]
    Unreachable(String),
    /// It answers, and does not let us in or is not who it was.
    #[error("{0}")]
    Denied(String),
    /// It took too long.
    #[error("nothing was heard of it within {} s", .0.as_secs())]
    Silent(Duration),
}

impl Ssh {
    /// Runs a command line of the machine's shell there, to its end. A future that is dropped ends ssh.
    pub(crate) async fn run(&self, place: Place<'_>, command: &str, input: Input<'_>) -> Result<Said, SshError> {
        let run = self.started(place, command, input);
        let output = tokio::time::timeout(self.timeout, run).await.map_err(|_| SshError::Silent(self.timeout))??;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
        match output.status.code() {
            // Only ssh itself ends so, as a rule.
            Some(FAILED) | None => Err(word::failure(&stderr)),
            Some(code) => Ok(Said { code, stdout, stderr }),
        }
    }

    async fn started(&self, place: Place<'_>, command: &str, input: Input<'_>) -> Result<Output, SshError> {
        let mut ssh = self.command(place, command);
        let text = match input {
            Input::Text(text) => {
                ssh.stdin(Stdio::piped());
                Some(text)
            }
            Input::File(path) => {
                let file = File::open(path).map_err(|source| SshError::File { path: path.to_owned(), source })?;
                ssh.stdin(Stdio::from(file));
                None
            }
        };
        let mut child = ssh.spawn().map_err(SshError::Start)?;
        if let (Some(text), Some(mut stdin)) = (text, child.stdin.take()) {
            // Whoever ends without having read it says why on standard error.
            let _ = stdin.write_all(text.as_bytes()).await;
        }
        child.wait_with_output().await.map_err(SshError::Start)
    }

    #[expect(clippy::disallowed_methods, reason = "the only place of this program that starts another one")]
    fn command(&self, place: Place<'_>, command: &str) -> Command {
        let mut ssh = Command::new("ssh");
        ssh.kill_on_drop(true).stdout(Stdio::piped()).stderr(Stdio::piped());
        ssh.args(self.arguments(place)).args(["--", place.host, command]);
        ssh
    }

    /// Of an option that is given twice ssh takes the first: nobody can make it ask, but all else can be said better.
    fn arguments(&self, place: Place<'_>) -> Vec<String> {
        let mut arguments: Vec<String> = ["-T", "-x", "-o", "BatchMode=yes"].map(str::to_owned).into();
        let mut option = |text: String| arguments.extend(["-o".to_owned(), text]);
        self.options.iter().cloned().for_each(&mut option);
        if self.accept_new_host_keys {
            option("StrictHostKeyChecking=accept-new".to_owned());
        }
        option(format!("ConnectTimeout={}", self.timeout.min(CONNECT).as_secs().max(1)));
        option("ServerAliveInterval=15".to_owned());
        let mut with = |flag: &str, value: String| arguments.extend([flag.to_owned(), value]);
        if let Some(identity) = &self.identity {
            with("-i", identity.display().to_string());
        }
        if let Some(user) = place.user {
            with("-l", user.to_owned());
        }
        if let Some(port) = place.port {
            with("-p", port.to_string());
        }
        arguments
    }
}

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(15);

/// What ssh ends with where it failed itself.
const FAILED: i32 = 255;

#[cfg(test)]
mod tests;
