//! Writing to the terminal. Whoever closes the pipe early, as `| head` does, has seen enough.

mod answer;
mod flat;

use std::borrow::Cow;
use std::io::{self, IsTerminal, Write, stderr};

use belay_protocol::admin::ApiError;
use belay_terminal::{Page, Paint, printable};
use clap::ValueEnum;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

use self::answer::Answer;
use crate::clock;
use crate::error::CtlError;
use crate::exit::Exit;

/// How an answer is written to standard output.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    #[default]
    Text,
    /// One JSON document, refusals included
    Json,
    /// A line for each thing, under the names of its fields; refusals go to standard error
    Csv,
}

/// Where answers and news go.
#[derive(Debug, Clone)]
pub(crate) struct Output {
    format: Format,
    page: Page,
}

impl Output {
    /// Standard output, at the present instant.
    pub(crate) fn new(format: Format) -> Self {
        Self { format, page: Page::of_stdout(clock::now()) }
    }

    /// Writes one answer: for people as `text` makes it, else as it is.
    pub(crate) fn answer<T: Answer>(&self, value: &T, text: impl FnOnce(&T, &Page) -> String) {
        match self.format {
            Format::Text => say(&printable(&text(value, &self.page))),
            Format::Json => say_json(value),
            Format::Csv => {
                let lines = flat::csv(&value.things());
                if !lines.is_empty() {
                    say(&lines);
                }
            }
        }
    }

    /// Tells a person what happens meanwhile: a line on standard error, so that the answer can be piped.
    pub(crate) fn tell(&self, line: &str) {
        if self.is_for_people() {
            let _ = writeln!(stderr().lock(), "{}", printable(line));
        }
    }

    /// What everything shown depends on.
    pub(crate) fn page(&self) -> &Page {
        &self.page
    }

    /// The same for news on standard error: colours where a person looks on.
    pub(crate) fn page_of_news(&self) -> Page {
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Page { paint: Paint { colour: self.is_watched() && wanted }, ..self.page.clone() }
    }

    /// Whether people read the answer.
    pub(crate) fn is_for_people(&self) -> bool {
        self.format == Format::Text
    }

    /// Whether a person looks on, who can be shown bars and asked.
    pub(crate) fn is_watched(&self) -> bool {
        self.is_for_people() && stderr().is_terminal()
    }

    /// A bar on standard error where a person looks on, else one that nobody sees.
    pub(crate) fn bar(&self, length: u64, template: &str) -> ProgressBar {
        let target = if self.is_watched() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        ProgressBar::with_draw_target(Some(length), target).with_style(style.progress_chars("=> "))
    }
}

/// Writes text to standard output.
fn say(text: &str) {
    let _ = writeln!(io::stdout().lock(), "{}", text.trim_end_matches('\n'));
}

fn say_json(value: &impl Serialize) {
    let text = serde_json::to_string_pretty(value).expect("the protocol has only text keys and finite numbers");
    say(&harmless(&text));
}

/// JSON in which nothing moves a terminal: it lets through what old terminals obey, which can only stand in its texts.
fn harmless(json: &str) -> Cow<'_, str> {
    let obeyed = |letter: &char| matches!(letter, '\u{7f}'..='\u{9f}');
    if !json.chars().any(|letter| obeyed(&letter)) {
        return Cow::Borrowed(json);
    }
    let escaped = |letter: char| match obeyed(&letter) {
        true => format!("\\u{:04x}", u32::from(letter)),
        false => letter.to_string(),
    };
    Cow::Owned(json.chars().map(escaped).collect())
}

/// Says why nothing was done, as JSON where the answer would have been, else on standard error.
pub fn failed(error: &CtlError, format: Format) -> Exit {
    match format {
        Format::Text | Format::Csv => {
            let _ = writeln!(stderr().lock(), "belayctl: {}", printable(&error.to_string()));
        }
        Format::Json => say_json(&refusal(error)),
    }
    error.exit()
}

/// In the server's words where it has said why.
fn refusal(error: &CtlError) -> ApiError {
    if let CtlError::Refused(said) | CtlError::Broken(said) | CtlError::Away { said: Some(said), .. } = error {
        return said.clone();
    }
    ApiError { error: error.code().to_owned(), message: error.to_string(), field: None }
}

#[cfg(test)]
mod tests;
