//! The command line of systemctl: options anywhere, one verb, names. Pure.

mod options;

use super::asked::{Asked, Query};
use super::power::NO_OFF;
use super::unit;

use options::Options;

/// Reads the command line of systemctl.
pub(super) fn read(args: &[&str]) -> Asked {
    let options = match Options::read(args) {
        Ok(options) => options,
        Err(asked) => return asked,
    };
    if options.only_about_itself {
        return Asked::Real;
    }
    let (verb, names) = match options.words.split_first() {
        Some((verb, names)) => (verb.as_str(), names.to_vec()),
        None => ("list-units", Vec::new()),
    };
    if let Some(verb) = known(&QUERIES, verb) {
        return Asked::Query(Query { verb, options: options.of_query, names });
    }
    if let Some(verb) = known(&UNIT_FILES, verb) {
        return offline(verb, names, &options);
    }
    if let Some((_, meant)) = CALLS.iter().find(|(name, _)| *name == verb) {
        return record(meant, names, &options);
    }
    about_the_device(verb, names, &options)
}

fn known(verbs: &[&'static str], verb: &str) -> Option<&'static str> {
    verbs.iter().find(|known| **known == verb).copied()
}

/// What changes or shows unit files, which are files like others.
fn offline(verb: &'static str, names: Vec<String>, options: &Options) -> Asked {
    if verb == "cat" {
        return Asked::Cat(names);
    }
    if options.runtime {
        let why = "what --runtime asks for lasts until the next restart only, and cannot be captured";
        return Asked::refused(1, format!("systemctl {verb} --runtime"), why);
    }
    let after = match verb {
        "enable" | "reenable" => Some("start"),
        "disable" | "mask" => Some("stop"),
        _ => None,
    };
    let then = after.filter(|_| options.now).map(|after| {
        // A unit file may be enabled by its path, and is started by its name.
        let name = |unit: &String| unit.rsplit('/').next().unwrap_or(unit).to_owned();
        (after, names.iter().map(name).collect::<Vec<String>>())
    });
    if let Some((after, units)) = &then
        && let Some(refused) = untouchable(after, units)
    {
        return refused;
    }
    let mut args = vec!["--no-pager".to_owned()];
    args.extend(options.of_files.iter().cloned());
    args.extend([verb.to_owned(), "--".to_owned()]);
    args.extend(names);
    Asked::Offline { args, then }
}

/// What is done to running units, and so later.
fn record(verb: &'static str, units: Vec<String>, options: &Options) -> Asked {
    if let Some(mode) = &options.job_mode {
        let why = "only the job modes replace and fail can be recorded";
        return Asked::refused(1, format!("systemctl {verb} --job-mode={mode}"), why);
    }
    if verb == "daemon-reload" {
        return if units.is_empty() {
            Asked::Record(verb, units)
        } else {
            Asked::Wrong(1, "Too many arguments.".to_owned())
        };
    }
    if units.is_empty() && verb != "reset-failed" {
        return Asked::Wrong(1, "Too few arguments.".to_owned());
    }
    if let Some(wrong) = units.iter().find(|unit| !unit::is_valid(unit)) {
        return Asked::Wrong(1, format!("Invalid unit name \"{}\".", wrong.escape_default()));
    }
    if units.iter().any(|unit| RESTARTS.contains(&unit.as_str())) && verb == "start" {
        return reboot(options);
    }
    untouchable(verb, &units).unwrap_or(Asked::Record(verb, units))
}

/// Why one of these units cannot be started or stopped by an update.
fn untouchable(verb: &str, units: &[String]) -> Option<Asked> {
    let what = |unit: &String| format!("systemctl {verb} {unit}");
    if verb == "reset-failed" {
        return None;
    }
    if let Some(unit) = units.iter().find(|unit| unit::is_own(unit)) {
        return Some(Asked::refused(1, what(unit), "Belay carries this update out, and restarts itself where it must"));
    }
    let ends = |unit: &&String| ENDS.contains(&unit.as_str()) || RESTARTS.contains(&unit.as_str());
    let starts = verb != "stop";
    units.iter().find(|unit| starts && ends(unit)).map(|unit| Asked::refused(1, what(unit), NO_OFF))
}

fn about_the_device(verb: &str, names: Vec<String>, options: &Options) -> Asked {
    match verb {
        "reboot" | "soft-reboot" | "kexec" => reboot(options),
        _ if OFF.contains(&verb) => Asked::refused(1, format!("systemctl {verb}"), NO_OFF),
        _ if OTHERS.contains(&verb) => {
            let what = std::iter::once(format!("systemctl {verb}")).chain(names).collect::<Vec<_>>().join(" ");
            Asked::refused(1, what, "this cannot be captured, recorded or undone")
        }
        _ => Asked::Wrong(1, format!("Unknown command verb {}.", verb.escape_default())),
    }
}

fn reboot(options: &Options) -> Asked {
    match options.when.as_deref() {
        Some("cancel") => Asked::NoReboot,
        Some("show" | "") => Asked::Nothing(0),
        Some(_) | None if options.dry_run => Asked::Nothing(0),
        Some(_) | None => Asked::Reboot,
    }
}

/// Answered from the live system.
const QUERIES: [&str; 14] = [
    "is-active",
    "is-failed",
    "is-system-running",
    "status",
    "show",
    "list-units",
    "list-automounts",
    "list-paths",
    "list-sockets",
    "list-timers",
    "list-dependencies",
    "list-jobs",
    "show-environment",
    "list-machines",
];

/// Done to files, in the overlay.
const UNIT_FILES: [&str; 16] = [
    "enable",
    "disable",
    "reenable",
    "preset",
    "preset-all",
    "mask",
    "unmask",
    "link",
    "revert",
    "add-wants",
    "add-requires",
    "set-default",
    "get-default",
    "is-enabled",
    "list-unit-files",
    "cat",
];

/// Recorded, as what they mean: systemctl keeps old names of some.
const CALLS: [(&str, &str); 17] = [
    ("start", "start"),
    ("stop", "stop"),
    ("restart", "restart"),
    ("reload", "reload"),
    ("try-restart", "try-restart"),
    ("reload-or-restart", "reload-or-restart"),
    ("try-reload-or-restart", "try-reload-or-restart"),
    ("reset-failed", "reset-failed"),
    ("daemon-reload", "daemon-reload"),
    // The manager that is executed anew reads everything anew.
    ("daemon-reexec", "daemon-reload"),
    ("condstop", "stop"),
    ("condrestart", "try-restart"),
    ("condreload", "try-reload-or-restart"),
    ("force-reload", "try-reload-or-restart"),
    ("reload-or-try-restart", "try-reload-or-restart"),
    ("try-reload", "try-reload-or-restart"),
    ("reload-or-start", "reload-or-restart"),
];

const OFF: [&str; 13] = [
    "poweroff",
    "halt",
    "suspend",
    "hibernate",
    "hybrid-sleep",
    "suspend-then-hibernate",
    "sleep",
    "emergency",
    "rescue",
    "default",
    "isolate",
    "exit",
    "switch-root",
];

const OTHERS: [&str; 22] = [
    "kill",
    "edit",
    "clean",
    "freeze",
    "thaw",
    "set-property",
    "bind",
    "mount-image",
    "service-log-level",
    "service-log-target",
    "service-watchdogs",
    "cancel",
    "set-environment",
    "unset-environment",
    "import-environment",
    "log-level",
    "log-target",
    "help",
    "whoami",
    "list-memory",
    "start-limit-reset",
    "enqueue-marked-jobs",
];

/// To start one of these is to restart the device.
const RESTARTS: [&str; 7] = [
    "reboot.target",
    "kexec.target",
    "soft-reboot.target",
    "ctrl-alt-del.target",
    "systemd-reboot.service",
    "systemd-kexec.service",
    "runlevel6.target",
];

const ENDS: [&str; 15] = [
    "poweroff.target",
    "halt.target",
    "shutdown.target",
    "umount.target",
    "final.target",
    "exit.target",
    "rescue.target",
    "emergency.target",
    "suspend.target",
    "hibernate.target",
    "sleep.target",
    "systemd-poweroff.service",
    "systemd-halt.service",
    "runlevel0.target",
    "runlevel1.target",
];
