//! Writing to the terminal. Whoever closes the pipe early, as `| head` does, has seen enough.

use std::io::{self, Write};

use belay_protocol::admin::ApiError;
use serde::Serialize;

use crate::error::CtlError;
use crate::exit::Exit;

/// Writes one answer to standard output: as JSON where that is asked for, else as `text` makes it.
pub(crate) fn answer<T: Serialize>(json: bool, value: &T, text: impl FnOnce(&T) -> String) {
    if json { say_json(value) } else { say(&text(value)) }
}

/// Writes text to standard output.
pub(crate) fn say(text: &str) {
    let _ = writeln!(io::stdout().lock(), "{}", text.trim_end_matches('\n'));
}

fn say_json(value: &impl Serialize) {
    say(&serde_json::to_string_pretty(value).expect("the protocol has only text keys and finite numbers"));
}

/// Says why nothing was done, as JSON where the answer would have been, else on standard error.
pub fn failed(error: &CtlError, json: bool) -> Exit {
    if json {
        let body = if let CtlError::Refused(refusal) = error {
            refusal.clone()
        } else {
            ApiError { error: error.code().to_owned(), message: error.to_string(), field: None }
        };
        say_json(&body);
    } else {
        let _ = writeln!(io::stderr().lock(), "belayctl: {error}");
    }
    error.exit()
}
