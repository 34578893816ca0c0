//! One page for one program: every command that a person may give, with its options, on one sheet.

use clap::Command;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use crate::program::Program;

/// The page's source.
pub(crate) fn of(program: &Program) -> String {
    let mut page = head(program.name, "1", program.command.get_version().unwrap_or_default());
    let about = program.command.get_about().map(ToString::to_string).unwrap_or_default();
    page.control("SH", ["NAME"]);
    page.text([roman(format!("{} - {}", program.name, lower_first(&about)))]);
    page.control("SH", ["SYNOPSIS"]);
    page.text([bold(program.name), roman(" [OPTIONS] COMMAND")]);
    page.control("SH", ["DESCRIPTION"]);
    page.text([roman(program.description)]);
    let mut text = page.render();
    text.push_str(".SH OPTIONS\n");
    text.push_str(&options(&program.command));
    text.push_str(".SH COMMANDS\n");
    for leaf in leaves(&program.command, program.name) {
        text.push_str(&command(&leaf));
    }
    let mut end = Roff::new();
    exit_codes(&mut end, &program.command);
    entries(&mut end, "ENVIRONMENT", program.environment);
    entries(&mut end, "FILES", program.files);
    end.control("SH", ["SEE ALSO"]);
    end.text([roman(program.see_also)]);
    text.push_str(&end.to_roff());
    text
}

/// Title and preamble of a page.
pub(crate) fn head(name: &str, section: &str, version: &str) -> Roff {
    let mut page = Roff::new();
    // Without a date: an empty word would be lost, and those behind it take its place.
    page.control("TH", [name, section, " ", &format!("Belay {version}"), "Belay"]);
    page
}

/// Every command that can be given and is not hidden, with the words before it, in the order of `--help`.
pub(crate) fn leaves(command: &Command, path: &str) -> Vec<Command> {
    let below = command.get_subcommands().filter(|below| !below.is_hide_set());
    let mut found = Vec::new();
    for below in below {
        let path = format!("{path} {}", below.get_name());
        if below.get_subcommands().next().is_some() {
            found.extend(leaves(below, &path));
        } else {
            found.push(below.clone().bin_name(path).disable_help_flag(true));
        }
    }
    found
}

fn command(leaf: &Command) -> String {
    let mut leaf = leaf.clone();
    let usage = leaf.render_usage().to_string();
    let usage: Vec<&str> = usage.trim_start_matches("Usage: ").split_whitespace().collect();
    let mut part = Roff::new();
    part.control("SS", [&*usage.join(" ").replace('-', "\\-")]);
    if let Some(about) = leaf.get_about() {
        part.text([roman(about.to_string())]);
    }
    part.to_roff() + &options(&leaf)
}

/// The options of one command, without a heading.
fn options(command: &Command) -> String {
    let mut written = Vec::new();
    let shown = Man::new(command.clone()).render_options_section(&mut written);
    let text = String::from_utf8_lossy(&written);
    let (Ok(()), Some((_, options))) = (shown, text.split_once(".SH OPTIONS\n")) else { return String::new() };
    options.to_owned()
}

/// The exit codes, which stand at the end of the help: a number and what it means on each line.
fn exit_codes(page: &mut Roff, command: &Command) {
    let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let codes: Vec<(&str, &str)> = help.lines().filter_map(|line| line.trim().split_once("  ")).collect();
    entries(page, "EXIT STATUS", &codes);
}

fn entries(page: &mut Roff, heading: &str, entries: &[(&str, &str)]) {
    if entries.is_empty() {
        return;
    }
    page.control("SH", [heading]);
    for (name, meaning) in entries {
        page.control("TP", []);
        page.text([bold(*name)]);
        page.text([roman(*meaning)]);
    }
}

fn lower_first(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_lowercase().chain(letters).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests;
