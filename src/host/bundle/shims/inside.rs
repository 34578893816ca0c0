//! What a shim does where the script runs: it answers, asks the broker, or becomes the real program.

use std::ffi::OsString;
use std::fmt::Write;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::asked::{self, Asked};
use super::unit;
use super::wire::{self, Answer, Request};
use crate::host::bundle::capture::ServiceCall;
use crate::host::command::Command;

/// What a shim finds around itself.
#[derive(Debug, Clone)]
pub(super) struct Inside {
    /// Where the broker is.
    pub(super) socket: PathBuf,
    /// The folder with the real programs.
    pub(super) real: PathBuf,
    /// The root that the script changes.
    pub(super) root: PathBuf,
    /// The table of mounts.
    pub(super) mounts: PathBuf,
}

/// How a shim ends.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// With these words.
    Answered(Answer),
    /// As another program.
    Becomes {
        /// It.
        program: PathBuf,
        /// Its arguments.
        args: Vec<OsString>,
    },
}

impl Inside {
    /// Does what the command line of a program asks for.
    pub(super) fn run(&self, program: &str, args: &[OsString]) -> Ended {
        let words: Vec<String> = args.iter().map(|arg| arg.to_string_lossy().into_owned()).collect();
        let answer = match asked::read(program, &words) {
            Asked::Real => return self.real(program, args.to_vec()),
            Asked::Offline { args, then: None } => return self.real("systemctl", self.offline(&args)),
            Asked::Offline { args, then: Some((verb, units)) } => self.offline_then(&args, verb, units),
            Asked::Query(query) => self.ask(&Request::Query(query.args())),
            Asked::Cat(names) => self.cat(&names),
            Asked::Record(verb, units) => self.record(verb, units),
            Asked::Reboot => self.ask(&Request::Reboot(spoken(program, &words))),
            Asked::NoReboot => self.ask(&Request::NoReboot),
            Asked::Refused { code, what, why } => {
                // Refused it is, even where nobody hears of it.
                self.ask(&Request::Refused(what.clone()));
                Answer::complains(code, format!("{program}: `{what}` is refused while an update is captured: {why}"))
            }
            Asked::Wrong(code, sentence) => Answer::complains(code, sentence),
            Asked::Nothing(code) => Answer::says(code, ""),
            Asked::Mounts => match std::fs::read_to_string(&self.mounts) {
                Ok(table) => Answer::says(0, mounts(&table)),
                Err(error) => Answer::complains(1, format!("mount: {}: {error}", self.mounts.display())),
            },
        };
        Ended::Answered(answer)
    }

    fn ask(&self, request: &Request) -> Answer {
        let asked = UnixStream::connect(&self.socket).and_then(|stream| wire::ask(&stream, request, PATIENCE));
        asked.unwrap_or_else(|error| {
            Answer::complains(1, format!("Belay, which captures this script, does not answer: {error}"))
        })
    }

    fn record(&self, verb: &str, units: Vec<String>) -> Answer {
        let unseen = units.iter().filter(|name| !unit::has_file(&self.root, name)).cloned().collect();
        self.ask(&Request::Record { call: ServiceCall { verb: verb.to_owned(), units }, unseen })
    }

    fn real(&self, program: &str, args: Vec<OsString>) -> Ended {
        let path = self.real.join(program);
        if path.exists() {
            return Ended::Becomes { program: path, args };
        }
        Ended::Answered(Answer::complains(127, format!("{program}: it is not installed on this device")))
    }

    fn offline(&self, args: &[String]) -> Vec<OsString> {
        let mut root = OsString::from("--root=");
        root.push(&self.root);
        [root].into_iter().chain(args.iter().map(OsString::from)).collect()
    }

    /// Changes unit files, and then records what is to follow.
    fn offline_then(&self, args: &[String], verb: &str, units: Vec<String>) -> Answer {
        let program = match self.real("systemctl", self.offline(args)) {
            Ended::Becomes { program, args } => Command::new(program).args(args),
            Ended::Answered(answer) => return answer,
        };
        match program.timeout(OFFLINE).run() {
            Ok(finished) if finished.success() => {
                let followed = self.record(verb, units);
                let Answer { code, stdout, stderr } = followed;
                Answer { code, stdout: finished.stdout + &stdout, stderr: finished.stderr + &stderr }
            }
            Ok(finished) => {
                let code = finished.code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1);
                Answer { code, stdout: finished.stdout, stderr: finished.stderr }
            }
            Err(error) => Answer::complains(1, format!("systemctl: {error}")),
        }
    }

    /// The files of units: systemctl itself can only show those that a running systemd knows.
    fn cat(&self, names: &[String]) -> Answer {
        let mut answer = Answer::default();
        if names.is_empty() {
            return Answer::complains(1, "Too few arguments.");
        }
        for name in names {
            let Some(file) =
                Some(name).filter(|name| unit::is_valid(name)).and_then(|name| unit::file(&self.root, name))
            else {
                answer.code = 1;
                let _ = writeln!(answer.stderr, "No files found for {}.", unit::full(name).escape_default());
                continue;
            };
            for path in [vec![file], unit::drop_ins(&self.root, name)].concat() {
                let _ = self.show(&path, &mut answer.stdout);
            }
        }
        answer
    }

    fn show(&self, path: &Path, text: &mut String) -> std::fmt::Result {
        let gap = if text.is_empty() { "" } else { "\n" };
        let shown = Path::new("/").join(path.strip_prefix(&self.root).unwrap_or(path));
        match std::fs::read(path) {
            Ok(content) => write!(text, "{gap}# {}\n{}", shown.display(), String::from_utf8_lossy(&content)),
            Err(error) => writeln!(text, "{gap}# {}: {error}", shown.display()),
        }
    }
}

/// The table of mounts, as mount prints it.
fn mounts(table: &str) -> String {
    let mut text = String::new();
    for line in table.lines() {
        let mut words = line.split(' ');
        if let (Some(device), Some(at), Some(kind), Some(options)) =
            (words.next(), words.next(), words.next(), words.next())
        {
            let _ = writeln!(text, "{device} on {at} type {kind} ({options})");
        }
    }
    text
}

fn spoken(program: &str, words: &[String]) -> String {
    std::iter::once(program).chain(words.iter().map(String::as_str)).collect::<Vec<_>>().join(" ")
}

/// The broker asks the live system, which has half a minute, and others may come first.
const PATIENCE: Duration = Duration::from_secs(120);

const OFFLINE: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests;
