//! Answers to a script's questions about units: systemd's own, or those of a root that no systemd runs.

use std::ffi::OsString;
use std::time::Duration;

use super::asked::Query;
use super::wire::Answer;
use crate::host::command::Command;

/// What runs the root that a script changes.
#[derive(Debug, Clone)]
pub(super) enum Live {
    /// A systemd, asked by this program.
    Systemd(OsString),
    /// Nothing.
    Nothing,
}

impl Live {
    /// Answers a question.
    pub(super) fn answer(&self, query: &Query) -> Answer {
        match self {
            Self::Systemd(program) => ask(program, query.args()),
            Self::Nothing => without_systemd(query),
        }
    }

    /// Whether there can be a unit of this name that has no file: one that systemd made by itself. Where nothing runs
    /// the root, nobody can say that there is none.
    pub(super) fn may_know(&self, unit: &str) -> bool {
        match self {
            Self::Systemd(program) => {
                let args = ["show", "--property=LoadState", "--value", "--no-pager", "--", unit].map(str::to_owned);
                let answer = ask(program, args.into());
                answer.code != 0 || answer.stdout.trim() != "not-found"
            }
            Self::Nothing => true,
        }
    }
}

fn ask(program: &OsString, args: Vec<String>) -> Answer {
    match Command::new(program).args(args).timeout(TIMEOUT).run() {
        Ok(finished) => {
            let code = finished.code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1);
            Answer { code, stdout: finished.stdout, stderr: finished.stderr }
        }
        Err(error) => Answer::complains(1, format!("systemctl: {error}")),
    }
}

/// What systemctl says of units that do not run.
fn without_systemd(query: &Query) -> Answer {
    let quiet = query.options.iter().any(|option| option == "--quiet");
    let word = |word: &str| if quiet { String::new() } else { format!("{word}\n").repeat(query.names.len().max(1)) };
    match query.verb {
        "is-active" => Answer::says(3, word("inactive")),
        "is-failed" => Answer::says(1, word("inactive")),
        "is-system-running" => Answer::says(1, if quiet { "" } else { "offline\n" }),
        "status" if query.names.is_empty() => Answer::complains(3, "systemd does not run this root: no unit runs"),
        "status" => {
            let names = query.names.join(", ");
            Answer::complains(3, format!("systemd does not run this root: {names} cannot be running"))
        }
        _ => Answer::default(),
    }
}

const TIMEOUT: Duration = Duration::from_secs(30);
