//! Where the story is played: runs commands as they are typed, measures the device, checks claims.

use std::path::Path;
use std::process::Output;
use std::time::Instant;

use serde_json::Value;

use crate::agent::Agent;
use crate::command::{output, succeed, transcript};
use crate::http::{Endpoint, Response};
use crate::sandbox::Sandbox;
use crate::snapshot::Snapshot;
use crate::tools::reachable_copy;

use super::transcript::{Broken, Transcript};

/// The stage: one device, its agent, the transcript.
#[derive(Debug)]
pub struct Stage<'a> {
    /// What the reader sees.
    pub transcript: &'a mut Transcript,
    /// The device.
    pub sandbox: &'a Sandbox,
    /// The folder of the agent's program, put before others in PATH.
    programs: String,
    /// The old controller's port.
    port: u16,
    has_curl: bool,
}

/// What an HTTP call was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The body.
    pub body: String,
}

/// How curl is made to show the status code as well.
const CURL: &str = r"curl -s -w ' (HTTP %{http_code})\n'";

impl<'a> Stage<'a> {
    /// Sets the stage.
    pub fn new(transcript: &'a mut Transcript, sandbox: &'a Sandbox, agent: &Path, port: u16) -> Self {
        let program = reachable_copy(agent);
        let programs = program.parent().expect("a program lies in a folder").display().to_string();
        let has_curl = output(sandbox.command("sh").args(["-c", "command -v curl"])).status.success();
        Self { transcript, sandbox, programs, port, has_curl }
    }

    /// Runs a command line in the sandbox's folder, exactly as shown, and shows what it wrote. Standard output of what
    /// comes back holds standard error too.
    pub fn run(&mut self, line: &str) -> Output {
        self.transcript.command(line);
        let began = now();
        let output = output(
            self.sandbox
                .command("sh")
                .env("PATH", format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", self.programs))
                .env("BELAY_SOCKET", self.sandbox.run_dir().join("agent.sock"))
                .env("DPKG_ADMINDIR", self.sandbox.path("var/lib/dpkg"))
                // Both streams in one, in the order in which a terminal would show them.
                .args(["-c", &format!("exec 2>&1\n{line}")]),
        );
        let elapsed = began.elapsed();
        self.transcript.answer(&String::from_utf8_lossy(&output.stdout));
        self.transcript.took(elapsed);
        output
    }

    /// Runs a command line that has to succeed; returns what it wrote.
    ///
    /// # Errors
    /// It did not.
    pub fn succeed(&mut self, line: &str) -> Result<String, Broken> {
        let output = self.run(line);
        if !output.status.success() {
            return Err(Broken(format!("`{line}` failed: {}", transcript(&output))));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Posts a package list in the old controller's format, as its window does it for a file.
    ///
    /// # Errors
    /// The agent gave no HTTP answer.
    pub fn push(&mut self, list: &str) -> Result<Answer, Broken> {
        let line = format!(
            "{CURL} localhost:{}/update \\\n     -H 'Content-Type: application/json' \\\n     \
             -d \"{{\\\"filename\\\": \\\"{list}\\\", \\\"filedata\\\": \\\"$(base64 -w0 {list})\\\"}}\"",
            self.port
        );
        let encoded = succeed(self.sandbox.command("base64").args(["-w0", list]));
        let body = format!("{{\"filename\": \"{list}\", \"filedata\": \"{encoded}\"}}");
        self.call(&line, |endpoint| endpoint.post("/update", "application/json", &body))
    }

    /// Goes one generation back, as the old controller asks for it.
    ///
    /// # Errors
    /// The agent gave no HTTP answer.
    pub fn call_rollback(&mut self) -> Result<Answer, Broken> {
        let line = format!("{CURL} localhost:{}/rollback", self.port);
        self.call(&line, |endpoint| endpoint.get("/rollback"))
    }

    /// Asks whether the device is alive, as the old controller does when it looks for devices.
    ///
    /// # Errors
    /// The agent gave no HTTP answer.
    pub fn call_ping(&mut self) -> Result<Answer, Broken> {
        let line = format!("{CURL} localhost:{}/ping", self.port);
        self.call(&line, |endpoint| endpoint.get("/ping"))
    }

    /// Claims something that is true or not; `found` says what is so instead.
    ///
    /// # Errors
    /// It is not.
    pub fn claim(&mut self, sentence: &str, holds: bool, found: impl Into<String>) -> Result<(), Broken> {
        self.transcript.claim(sentence, if holds { Ok(()) } else { Err(found.into()) })
    }

    /// Claims that an answer is this one, byte for byte.
    ///
    /// # Errors
    /// It is not.
    pub fn claim_answer(&mut self, sentence: &str, answer: &Answer, status: u16, body: &str) -> Result<(), Broken> {
        self.claim(sentence, answer.status == status && answer.body == body, format!("{answer:?}"))
    }

    /// Claims the versions that dpkg has as installed; `None` for a package that it does not have.
    ///
    /// # Errors
    /// Others are installed.
    pub fn claim_installed(&mut self, packages: &[(&str, Option<&str>)]) -> Result<(), Broken> {
        let words = |version: Option<&str>| version.map_or("not installed".to_owned(), str::to_owned);
        let wanted: Vec<String> =
            packages.iter().map(|(name, version)| format!("{name} {}", words(*version))).collect();
        let found: Vec<String> = packages
            .iter()
            .map(|(name, _)| format!("{name} {}", words(self.sandbox.installed_version(name).as_deref())))
            .collect();
        self.claim(&format!("dpkg's database says: {}", wanted.join(", ")), wanted == found, found.join(", "))
    }

    /// Claims that the device is what it was, in everything that a snapshot holds.
    ///
    /// # Errors
    /// It is not; the sentence says where.
    pub fn claim_same(&mut self, old: &Snapshot, as_when: &str) -> Result<(), Broken> {
        let differences = old.diff(&Snapshot::of(self.sandbox));
        let sentence = format!(
            "the device is exactly as {as_when}: {} facts are the same (packages with states and marks, conffiles, every \
             file of /etc and /usr, dpkg's tables)",
            old.facts().len()
        );
        self.claim(&sentence, differences.is_empty(), differences.join("; "))
    }

    /// Claims what the rollback file holds; `None` where there is none.
    ///
    /// # Errors
    /// It holds something else.
    pub fn claim_rollback_file(&mut self, sentence: &str, expected: Option<&str>) -> Result<(), Broken> {
        let found = self.rollback_file();
        self.claim(sentence, found.as_deref() == expected, format!("it holds {found:?}"))
    }

    /// Returns what the rollback file holds.
    pub fn rollback_file(&self) -> Option<String> {
        std::fs::read_to_string(self.sandbox.state_dir().join("rollbackFile")).ok()
    }

    /// Returns what the agent itself says at a path of its local API.
    pub fn ask(&self, agent: &Agent<'_>, path: &str) -> Value {
        Endpoint::Unix(agent.socket()).get(path).json()
    }

    /// Shows an HTTP call as a command line of curl, and makes it: with curl where there is one, else by ourselves.
    fn call(&mut self, line: &str, ourselves: impl FnOnce(Endpoint) -> Response) -> Result<Answer, Broken> {
        if self.has_curl {
            let output = self.run(line);
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            return parse(&text).ok_or_else(|| Broken(format!("curl got no answer: {}", transcript(&output))));
        }
        self.transcript.command(line);
        let began = now();
        let response = ourselves(Endpoint::Tcp(([127, 0, 0, 1], self.port).into()));
        let answer = Answer { status: response.status, body: response.text() };
        self.transcript.answer(&format!("{} (HTTP {})", answer.body, answer.status));
        self.transcript.took(began.elapsed());
        Ok(answer)
    }

    /// Tells whether calls are made by curl.
    pub fn has_curl(&self) -> bool {
        self.has_curl
    }
}

/// Takes what curl wrote apart: the body, and the status code that its own line ends with.
fn parse(text: &str) -> Option<Answer> {
    let (body, rest) = text.trim_end().rsplit_once(" (HTTP ")?;
    Some(Answer { status: rest.strip_suffix(')')?.parse().ok().filter(|status| *status > 0)?, body: body.to_owned() })
}

#[expect(clippy::disallowed_methods, reason = "a person wants to know how long a command took")]
pub(super) fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn curls_words_are_taken_apart_from_the_end() {
        let answer = parse("{\"a\": \" (HTTP 1)\"} (HTTP 200)\n");
        assert_eq!(answer, Some(Answer { status: 200, body: "{\"a\": \" (HTTP 1)\"}".to_owned() }));
        assert_eq!(parse(" (HTTP 204)\n"), Some(Answer { status: 204, body: String::new() }));
        assert_eq!(parse(" (HTTP 000)\n"), None, "curl reached nobody");
        assert_eq!(parse("curl: not found\n"), None);
    }
}
