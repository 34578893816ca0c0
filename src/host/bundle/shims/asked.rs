//! What a command line asks for, whichever program's it is. Pure.

use super::{dpkg, kernel, power, systemctl, sysv};

/// What a command line asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Asked {
    /// A question to the live system.
    Query(Query),
    /// Work on unit files, by the real systemctl in the overlay.
    Offline {
        /// Its arguments, from the verb on.
        args: Vec<String>,
        /// What follows from it for the live system: a verb and units.
        then: Option<(&'static str, Vec<String>)>,
    },
    /// The text of unit files.
    Cat(Vec<String>),
    /// A call for later: a verb and units.
    Record(&'static str, Vec<String>),
    /// A restart of the device.
    Reboot,
    /// No restart of the device after all.
    NoReboot,
    /// What cannot be had here.
    Refused {
        /// The exit code that the real program would use.
        code: u8,
        /// What was called, as far as that matters.
        what: String,
        /// Why it cannot be had, and what to do instead.
        why: String,
    },
    /// A mistake, told as the real program would.
    Wrong(u8, String),
    /// Nothing that has to be done.
    Nothing(u8),
    /// What the real program can answer here.
    Real,
    /// The table of mounts.
    Mounts,
}

/// A question to the live system: a verb of systemctl, options that are known to be harmless, and names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Query {
    pub(super) verb: &'static str,
    pub(super) options: Vec<String>,
    pub(super) names: Vec<String>,
}

impl Query {
    /// The question as arguments of systemctl.
    pub(super) fn args(&self) -> Vec<String> {
        let mut args = vec!["--no-pager".to_owned()];
        args.extend(self.options.iter().cloned());
        args.push(self.verb.to_owned());
        args.push("--".to_owned());
        args.extend(self.names.iter().cloned());
        args
    }
}

impl Asked {
    /// Something that cannot be had here.
    pub(super) fn refused(code: u8, what: impl Into<String>, why: impl Into<String>) -> Self {
        Self::Refused { code, what: what.into(), why: why.into() }
    }
}

/// Reads the command line of a program.
pub(super) fn read(program: &str, args: &[String]) -> Asked {
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match program {
        "systemctl" => systemctl::read(&args),
        "service" => sysv::service(&args),
        "invoke-rc.d" => sysv::invoke(&args),
        "shutdown" => power::shutdown(&args),
        "reboot" | "poweroff" | "halt" => power::halt(program, &args),
        "init" | "telinit" => power::telinit(program, &args),
        "mount" => kernel::mount(&args),
        "umount" => Asked::refused(1, "umount", kernel::NO_MOUNTS),
        "modprobe" => kernel::modprobe(&args),
        "insmod" | "rmmod" => Asked::refused(1, program, kernel::NO_MODULES),
        "dpkg" => dpkg::dpkg(&args),
        "apt" | "apt-get" | "aptitude" => dpkg::apt(program, &args),
        "snap" => Asked::refused(1, "snap", "snaps cannot be captured, and a bundle cannot declare any"),
        other => Asked::Wrong(127, format!("{other}: not known here")),
    }
}

#[cfg(test)]
mod tests;
