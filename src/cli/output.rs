//! Writing to the terminal. Whoever closes the pipe early, as `| head` does, has seen enough.

use std::error::Error;
use std::io::{self, Write};

use belay_protocol::local::ErrorBody;
use serde::Serialize;
use serde_json::json;

use super::exit::Exit;
use super::render;

/// Writes one answer to standard output.
pub(super) fn say(text: &str) {
    let _ = writeln!(io::stdout().lock(), "{}", text.trim_end_matches('\n'));
}

/// Writes one answer as JSON to standard output.
pub(super) fn say_json(answer: &impl Serialize) {
    say(&serde_json::to_string_pretty(answer).expect("the protocol has only text keys and finite numbers"));
}

/// Says that the settings are valid, and what doors they open.
pub fn checked(warnings: &[String], json: bool) {
    if json {
        say_json(&json!({ "valid": true, "warnings": warnings }));
    } else {
        say(&render::checked(warnings));
    }
}

/// Says why the process ends without having done anything.
pub fn failed(error: &dyn Error, json: bool) -> Exit {
    refused(&usage(error), json);
    Exit::Failed
}

/// Shows a refusal: as JSON where the answer would have been, else on standard error.
pub(super) fn refused(body: &ErrorBody, json: bool) {
    if json {
        say_json(body);
    } else {
        let _ = writeln!(io::stderr().lock(), "belay-agent: {}", render::refusal(body));
    }
}

/// A failure of this program in the agent's words, with everything that it came from.
pub(super) fn usage(error: &dyn Error) -> ErrorBody {
    let mut message = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let words = cause.to_string();
        // An error that only passes another one on has said it already.
        if !message.ends_with(&words) {
            message = format!("{message}: {words}");
        }
        source = cause.source();
    }
    ErrorBody { error: "usage".to_owned(), message, line: None, field: None, job: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{said}")]
    struct Chained {
        said: &'static str,
        source: Option<Box<Chained>>,
    }

    #[test]
    fn a_failure_says_everything_that_it_came_from_once() {
        let locked = Chained { said: "the folder is locked", source: None };
        let passed_on = Chained { said: "the folder is locked", source: Some(Box::new(locked)) };
        let failed = Chained { said: "failed to start the host", source: Some(Box::new(passed_on)) };
        assert_eq!(usage(&failed).message, "failed to start the host: the folder is locked");
    }
}
