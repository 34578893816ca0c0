//! apt's and dpkg's command lines: what only looks is let through, the rest is for belay.toml. Pure.

use super::asked::Asked;

/// Reads the command line of dpkg.
pub(super) fn dpkg(args: &[&str]) -> Asked {
    for arg in args {
        // Two actions in one call are refused by dpkg itself, so the first one decides.
        let (name, _) = arg.split_once('=').unwrap_or((arg, ""));
        if LOOKS.contains(&name) || UNPACKS.contains(&name) {
            return Asked::Real;
        }
        let letter = name.strip_prefix('-').filter(|rest| !rest.starts_with('-')).and_then(|rest| rest.get(..1));
        if letter.is_some_and(|letter| LETTERS.contains(letter)) {
            return Asked::Real;
        }
        if !HARMLESS.contains(&name) {
            return Asked::refused(2, called("dpkg", arg), PACKAGES);
        }
    }
    Asked::Real
}

/// Reads the command line of apt, apt-get or aptitude.
pub(super) fn apt(program: &str, args: &[&str]) -> Asked {
    // aptitude's `-v` is no question.
    if args.iter().any(|arg| ["--version", "--help", "-h"].contains(arg)) || args == ["-v"] {
        return Asked::Real;
    }
    match verb(args) {
        None | Some("help") => Asked::Real,
        Some(verb) if program != "apt-get" && QUESTIONS.contains(&verb) => Asked::Real,
        Some(verb) => Asked::refused(100, called(program, verb), PACKAGES),
    }
}

/// The first word that is neither an option nor what one takes.
fn verb<'a>(args: &[&'a str]) -> Option<&'a str> {
    let mut rest = args.iter();
    while let Some(arg) = rest.next() {
        if ["-o", "--option", "-t", "--target-release", "--default-release", "-c", "--config-file"].contains(arg) {
            rest.next();
        } else if !arg.starts_with('-') {
            return Some(arg);
        }
    }
    None
}

fn called(program: &str, word: &str) -> String {
    let word: String = word.chars().take(40).collect();
    format!("{program} {word}")
}

const PACKAGES: &str = "packages are installed by the bundle's belay.toml: packages = [\"...\"]";

const LOOKS: [&str; 26] = [
    "--list",
    "--status",
    "--listfiles",
    "--search",
    "--print-avail",
    "--print-architecture",
    "--print-foreign-architectures",
    "--compare-versions",
    "--get-selections",
    "--audit",
    "--verify",
    "--yet-to-unpack",
    "--predep-package",
    "--validate-pkgname",
    "--validate-trigname",
    "--validate-archname",
    "--validate-version",
    "--assert-support-predepends",
    "--assert-working-epoch",
    "--assert-long-filenames",
    "--assert-multi-conrep",
    "--assert-multi-arch",
    "--assert-versioned-provides",
    "--assert-protected-field",
    "--version",
    "--help",
];

/// These read a .deb, and write nothing but files, which are captured.
const UNPACKS: [&str; 8] =
    ["--contents", "--info", "--field", "--show", "--extract", "--vextract", "--control", "--fsys-tarfile"];

/// The short forms of the two above.
const LETTERS: &str = "lsLSpCV?cIfWxXe";

const HARMLESS: [&str; 4] = ["--no-pager", "--admindir", "--log", "--robot"];

const QUESTIONS: [&str; 9] = ["list", "show", "search", "policy", "depends", "rdepends", "showsrc", "why", "versions"];
