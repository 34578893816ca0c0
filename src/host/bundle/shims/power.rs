//! The command lines of what ends or restarts the device. Pure.

use super::asked::Asked;

/// Why a device is not switched off.
pub(super) const NO_OFF: &str = "an update may restart the device, but not end it or leave it where nobody reaches it";

/// Reads the command line of reboot, poweroff or halt.
pub(super) fn halt(program: &str, args: &[&str]) -> Asked {
    let mut way = program;
    for letter in letters(args) {
        match letter {
            Letter::Word("help") => return Asked::Real,
            Letter::Char('w') | Letter::Word("wtmp-only") => return Asked::Nothing(0),
            Letter::Char('p') | Letter::Word("poweroff") => way = "poweroff",
            Letter::Word("halt") => way = "halt",
            Letter::Word("reboot") => way = "reboot",
            Letter::Char(_) | Letter::Word(_) => {}
        }
    }
    if way == "reboot" { Asked::Reboot } else { Asked::refused(1, way, NO_OFF) }
}

/// Reads the command line of shutdown.
pub(super) fn shutdown(args: &[&str]) -> Asked {
    let mut asked = Asked::refused(1, "shutdown", NO_OFF);
    for letter in letters(args) {
        match letter {
            Letter::Word("help") => return Asked::Real,
            Letter::Char('c') => return Asked::NoReboot,
            Letter::Char('k') | Letter::Word("show") => return Asked::Nothing(0),
            Letter::Char('r') | Letter::Word("reboot") => asked = Asked::Reboot,
            Letter::Char('h' | 'H' | 'P') | Letter::Word("halt" | "poweroff") => {
                asked = Asked::refused(1, "shutdown", NO_OFF);
            }
            Letter::Char(_) | Letter::Word(_) => {}
        }
    }
    asked
}

/// Reads the command line of init or telinit.
pub(super) fn telinit(program: &str, args: &[&str]) -> Asked {
    match args.iter().find(|arg| !arg.starts_with('-')).copied() {
        Some("6") => Asked::Reboot,
        Some("q" | "Q" | "u" | "U") => Asked::Record("daemon-reload", Vec::new()),
        Some(level) => Asked::refused(1, format!("{program} {}", level.chars().take(8).collect::<String>()), NO_OFF),
        None if args.contains(&"--help") => Asked::Real,
        None => Asked::Wrong(1, format!("{program}: required argument missing.")),
    }
}

/// An option: a letter, or a word after two dashes.
enum Letter<'a> {
    Char(char),
    Word(&'a str),
}

/// Every option, those in one word apart: `-rf` is `-r` and `-f`.
fn letters<'a>(args: &'a [&'a str]) -> impl Iterator<Item = Letter<'a>> {
    args.iter().flat_map(|arg| {
        let word = arg.strip_prefix("--");
        let chars = if word.is_some() { "" } else { arg.strip_prefix('-').unwrap_or_default() };
        word.map(Letter::Word).into_iter().chain(chars.chars().map(Letter::Char))
    })
}
