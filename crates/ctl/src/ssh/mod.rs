//! Other machines over SSH: the system's `ssh`, with a person's own settings, keys and known hosts. The only place of
//! this program that starts another one.
//!
//! It asks nobody: a password that would have to be typed, or a host key that was never met, is a failure. What is
//! secret goes over standard input, never into an argument that every user of a machine can read.

mod heard;
mod word;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio::time::{Instant, timeout_at};

use heard::{Answer, Complaint};
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
    /// It let us in, and was not done when its time was over.
    #[error("it was not done within {} s; what was begun there may go on", .0.as_secs())]
    Unfinished(Duration),
    /// It let us in, and the connection broke.
    #[error("{0}; what was begun there may go on")]
    Cut(String),
}

impl Ssh {
    /// Runs a command line of the machine's shell there, to its end or to an instant. A future that is dropped ends ssh.
    pub(crate) async fn run(
        &self,
        place: Place<'_>,
        command: &str,
        input: Input<'_>,
        until: Instant,
    ) -> Result<Said, SshError> {
        let (mut answer, mut complaint) = (Answer::default(), Complaint::default());
        let run = self.started(place, command, input, &mut answer, &mut complaint);
        let ended = timeout_at(until, run).await;
        let was_let_in = answer.has_begun();
        let status = match ended {
            Ok(status) => status?,
            Err(_) if was_let_in => return Err(SshError::Unfinished(self.timeout)),
            Err(_) => return Err(SshError::Silent(self.timeout)),
        };
        let (stdout, stderr) = (answer.text(), complaint.text());
        match status.code() {
            // Only ssh itself ends so, as a rule.
            Some(FAILED) | None if was_let_in => Err(SshError::Cut(sentence(&stderr))),
            Some(FAILED) | None => Err(word::failure(&stderr)),
            Some(code) => Ok(Said { code, stdout, stderr }),
        }
    }

    async fn started(
        &self,
        place: Place<'_>,
        command: &str,
        input: Input<'_>,
        answer: &mut Answer,
        complaint: &mut Complaint,
    ) -> Result<ExitStatus, SshError> {
        let mut ssh = self.command(place, &Answer::begun_by(command));
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
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let feed = async move {
            if let (Some(text), Some(mut stdin)) = (text, stdin) {
                // Whoever ends without having read it says why on standard error.
                let _ = stdin.write_all(text.as_bytes()).await;
            }
        };
        let listen = async { tokio::join!(answer.listen(stdout), complaint.listen(stderr)) };
        let ((), heard) = tokio::join!(feed, listen);
        heard.0.and(heard.1).map_err(SshError::Start)?;
        child.wait().await.map_err(SshError::Start)
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
