//! The command lines of what would reach through to the kernel: mounts and modules. Pure.

use super::asked::Asked;

pub(super) const NO_MOUNTS: &str =
    "a captured script cannot mount; change /etc/fstab and ask for a restart in belay.toml";

pub(super) const NO_MODULES: &str =
    "a captured script cannot change the running kernel; name the module in /etc/modules-load.d and ask for a restart";

/// Reads the command line of mount.
pub(super) fn mount(args: &[&str]) -> Asked {
    let is = |arg: &&str, words: &[&str]| words.contains(arg);
    if args.iter().any(|arg| is(arg, &["-V", "--version", "-h", "--help"])) {
        return Asked::Real;
    }
    let mut rest = args.iter();
    while let Some(arg) = rest.next() {
        if is(arg, &["-t", "--types"]) {
            rest.next();
        } else if !is(arg, &["-l", "--show-labels", "-v", "--verbose"]) && !arg.starts_with("--types=") {
            return Asked::refused(1, "mount", NO_MOUNTS);
        }
    }
    Asked::Mounts
}

/// Reads the command line of modprobe.
pub(super) fn modprobe(args: &[&str]) -> Asked {
    let looks = |arg: &&str| LOOKS.contains(arg);
    if args.iter().any(looks) { Asked::Real } else { Asked::refused(1, "modprobe", NO_MODULES) }
}

const LOOKS: [&str; 12] = [
    "-n",
    "--dry-run",
    "--show",
    "-D",
    "--show-depends",
    "-c",
    "--showconfig",
    "-R",
    "--resolve-alias",
    "-V",
    "--version",
    "--help",
];
