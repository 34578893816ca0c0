//! Options of systemctl, and what each means where a script is captured.

use super::super::asked::Asked;

/// The options of a command line, by whom they concern, and its other words.
#[derive(Debug, Default)]
pub(super) struct Options {
    /// The verb and what follows it.
    pub(super) words: Vec<String>,
    /// For a question, as systemctl takes them.
    pub(super) of_query: Vec<String>,
    /// For work on unit files, as systemctl takes them.
    pub(super) of_files: Vec<String>,
    pub(super) now: bool,
    pub(super) runtime: bool,
    pub(super) dry_run: bool,
    /// When a restart of the device is to be.
    pub(super) when: Option<String>,
    /// A job mode that cannot be recorded.
    pub(super) job_mode: Option<String>,
    /// `--help` or `--version`.
    pub(super) only_about_itself: bool,
}

/// What an option means here.
#[derive(Debug, Clone, Copy)]
enum Means {
    /// Handed on to a question.
    Query,
    /// Handed on to work on unit files.
    Files,
    /// Handed on to either.
    Both,
    /// Nothing: calls are recorded, and systemd decides.
    Nothing,
    Now,
    Runtime,
    DryRun,
    When,
    JobMode,
    Itself,
    Refused,
}

impl Options {
    /// Reads them as getopt does: anywhere before `--`, short ones together, values attached or after.
    pub(super) fn read(args: &[&str]) -> Result<Self, Asked> {
        let mut options = Self::default();
        let mut rest = args.iter();
        while let Some(arg) = rest.next() {
            if *arg == "--" {
                options.words.extend(rest.map(|word| (*word).to_owned()));
                break;
            }
            if let Some(long) = arg.strip_prefix("--") {
                options.long(long, &mut rest)?;
            } else if let Some(short) = arg.strip_prefix('-').filter(|short| !short.is_empty()) {
                options.short(short, &mut rest)?;
            } else {
                options.words.push((*arg).to_owned());
            }
        }
        Ok(options)
    }

    fn long<'a>(&mut self, text: &str, rest: &mut impl Iterator<Item = &'a &'a str>) -> Result<(), Asked> {
        let (name, attached) = text.split_once('=').map_or((text, None), |(name, value)| (name, Some(value)));
        let Some((_, long, takes, means)) = TABLE.iter().find(|(_, long, ..)| *long == name) else {
            return Err(Asked::Wrong(1, format!("systemctl: option '--{}' is not known here", name.escape_default())));
        };
        let value = match (takes, attached) {
            (false, None) => None,
            (false, Some(_)) => {
                return Err(Asked::Wrong(1, format!("systemctl: option '--{name}' doesn't allow an argument")));
            }
            (true, Some(value)) => Some(value.to_owned()),
            (true, None) => Some(following(&format!("--{name}"), rest)?),
        };
        self.take(long, value, *means)
    }

    fn short<'a>(&mut self, text: &str, rest: &mut impl Iterator<Item = &'a &'a str>) -> Result<(), Asked> {
        let mut letters = text.chars();
        while let Some(letter) = letters.next() {
            let attached = |after: &str| (!after.is_empty()).then(|| after.to_owned());
            if letter == 'P' {
                let name = attached(letters.as_str()).map_or_else(|| following("-P", rest), Ok)?;
                self.take("property", Some(name), Means::Query)?;
                return self.take("value", None, Means::Query);
            }
            let Some((_, long, takes, means)) = TABLE.iter().find(|(short, ..)| *short == Some(letter)) else {
                return Err(Asked::Wrong(
                    1,
                    format!("systemctl: option '-{}' is not known here", letter.escape_default()),
                ));
            };
            if *takes {
                let value = attached(letters.as_str()).map_or_else(|| following(&format!("-{letter}"), rest), Ok)?;
                return self.take(long, Some(value), *means);
            }
            self.take(long, None, *means)?;
        }
        Ok(())
    }

    fn take(&mut self, name: &str, value: Option<String>, means: Means) -> Result<(), Asked> {
        let word = value.as_ref().map_or_else(|| format!("--{name}"), |value| format!("--{name}={value}"));
        match means {
            Means::Query => self.of_query.push(word),
            Means::Files => self.of_files.push(word),
            Means::Both => {
                self.of_query.push(word.clone());
                self.of_files.push(word);
            }
            Means::Nothing => {}
            Means::Now => self.now = true,
            Means::Runtime => self.runtime = true,
            Means::DryRun => self.dry_run = true,
            Means::When => self.when = value,
            Means::JobMode => self.job_mode = value.filter(|mode| mode != "replace" && mode != "fail"),
            Means::Itself => self.only_about_itself = true,
            Means::Refused => {
                let why = "an update concerns the system manager of this device and no other, and its own root";
                return Err(Asked::refused(1, format!("systemctl --{name}"), why));
            }
        }
        Ok(())
    }
}

fn following<'a>(option: &str, rest: &mut impl Iterator<Item = &'a &'a str>) -> Result<String, Asked> {
    let missing = || Asked::Wrong(1, format!("systemctl: option '{option}' requires an argument"));
    rest.next().map(|value| (*value).to_owned()).ok_or_else(missing)
}

/// Short name, long name, whether it takes a value, what it means.
const TABLE: [(Option<char>, &str, bool, Means); 57] = [
    (Some('a'), "all", false, Means::Query),
    (Some('l'), "full", false, Means::Both),
    (None, "failed", false, Means::Query),
    (None, "reverse", false, Means::Query),
    (None, "after", false, Means::Query),
    (None, "before", false, Means::Query),
    (None, "with-dependencies", false, Means::Query),
    (None, "value", false, Means::Query),
    (None, "show-types", false, Means::Query),
    (None, "plain", false, Means::Both),
    (None, "no-legend", false, Means::Both),
    (None, "legend", true, Means::Both),
    (Some('t'), "type", true, Means::Both),
    (None, "state", true, Means::Both),
    (Some('p'), "property", true, Means::Query),
    (Some('n'), "lines", true, Means::Query),
    (Some('o'), "output", true, Means::Both),
    (None, "timestamp", true, Means::Query),
    (Some('q'), "quiet", false, Means::Both),
    (Some('f'), "force", false, Means::Files),
    (None, "no-reload", false, Means::Files),
    (None, "global", false, Means::Files),
    (None, "preset-mode", true, Means::Files),
    (None, "no-warn", false, Means::Files),
    (None, "now", false, Means::Now),
    (None, "runtime", false, Means::Runtime),
    (None, "dry-run", false, Means::DryRun),
    (None, "when", true, Means::When),
    (None, "job-mode", true, Means::JobMode),
    (Some('h'), "help", false, Means::Itself),
    (None, "version", false, Means::Itself),
    (None, "system", false, Means::Nothing),
    (None, "no-pager", false, Means::Nothing),
    (None, "no-block", false, Means::Nothing),
    (None, "no-wall", false, Means::Nothing),
    (None, "no-ask-password", false, Means::Nothing),
    (None, "wait", false, Means::Nothing),
    (Some('r'), "recursive", false, Means::Nothing),
    (Some('T'), "show-transaction", false, Means::Nothing),
    (Some('i'), "ignore-inhibitors", false, Means::Nothing),
    (Some('v'), "verbose", false, Means::Nothing),
    (None, "check-inhibitors", true, Means::Nothing),
    (None, "message", true, Means::Nothing),
    (None, "reboot-argument", true, Means::Nothing),
    (Some('s'), "signal", true, Means::Nothing),
    (None, "kill-whom", true, Means::Nothing),
    (None, "kill-who", true, Means::Nothing),
    (None, "what", true, Means::Nothing),
    (None, "irreversible", false, Means::Nothing),
    (None, "user", false, Means::Refused),
    (None, "root", true, Means::Refused),
    (None, "image", true, Means::Refused),
    (Some('H'), "host", true, Means::Refused),
    (Some('M'), "machine", true, Means::Refused),
    (None, "marked", false, Means::Refused),
    (None, "firmware-setup", false, Means::Refused),
    (None, "boot-loader-entry", true, Means::Refused),
];
