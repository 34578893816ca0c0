//! What is done on a device that is to be enrolled, and what its answer means. Pure but for the scripts' doing.

use belay_protocol::local::{ErrorBody, ServerLink, Status};
use reqwest::Url;
use serde_json::Value;

use super::Outcome;
use crate::arguments::Sudo;
use crate::ssh::{Said, quoted, sentence};

/// Reads the token, then certificates, from standard input, and enrols the device. Where it says no, it says how it
/// stands too. `printf` is the shell's own: the token is in nobody's arguments.
const ENROL: &str = r#"set -eu
as_root=
if [ "$1" = auto ] && [ "$(id -u)" -ne 0 ]; then as_root="sudo -n"; fi
shift
IFS= read -r token
certificates=$(mktemp)
trap 'rm -f "$certificates"' EXIT
cat >"$certificates"
if [ -s "$certificates" ]; then set -- "$@" --ca-file "$certificates"; fi
code=0
printf '%s\n' "$token" | $as_root belay-agent --json enrol --token-file /dev/stdin "$@" || code=$?
if [ "$code" -ne 0 ]; then $as_root belay-agent --json status || :; fi
exit "$code""#;

/// Reads a package from standard input and installs it, whatever it needs with it.
const INSTALL: &str = r#"set -eu
as_root=
if [ "$1" = auto ] && [ "$(id -u)" -ne 0 ]; then as_root="sudo -n"; fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
chmod 755 "$folder"
cat >"$folder/package.deb"
$as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-remove -o DPkg::Lock::Timeout=120 install "$folder/package.deb" >&2"#;

/// The command line that enrols a device.
pub(super) fn enrol(sudo: Sudo, arguments: &[&str]) -> String {
    script(ENROL, sudo, arguments)
}

/// The command line that installs a package.
pub(super) fn install(sudo: Sudo) -> String {
    script(INSTALL, sudo, &[])
}

fn script(script: &str, sudo: Sudo, arguments: &[&str]) -> String {
    let sudo = match sudo {
        Sudo::Auto => "auto",
        Sudo::Never => "never",
    };
    let words = ["belay-enrol", sudo].into_iter().chain(arguments.iter().copied()).map(quoted);
    let words: Vec<String> = words.collect();
    format!("sh -c {} {}", quoted(script), words.join(" "))
}

/// What an installation came to; nothing where it is well.
pub(super) fn installed(said: &Said) -> Option<Outcome> {
    (said.code != 0).then(|| Outcome::failed(&format!("the package was not installed: {}", words(said))))
}

/// What an enrolment came to.
pub(super) fn enrolled(said: &Said, server: &Url) -> Outcome {
    let mut answers = serde_json::Deserializer::from_str(&said.stdout).into_iter::<Value>().flatten();
    let (first, second) = (answers.next(), answers.next());
    if said.code == 0 {
        let link = first.and_then(|answer| serde_json::from_value::<ServerLink>(answer).ok());
        return match link.and_then(|link| Some((link.device?, link.authorized))) {
            Some((device, authorized)) => Outcome::enrolled(device, authorized != Some(false)),
            None => Outcome::failed("its agent answered something that belayctl cannot read"),
        };
    }
    let refusal = first.and_then(|answer| serde_json::from_value::<ErrorBody>(answer).ok());
    let Some(refusal) = refusal else { return Outcome::failed(&advice(said)) };
    let link = second.and_then(|answer| serde_json::from_value::<Status>(answer).ok()).and_then(|status| status.server);
    match link {
        Some(ServerLink { url, device: Some(device), .. }) if refusal.error == ALREADY => {
            if Url::parse(&url).is_ok_and(|url| url == *server) {
                Outcome::was_enrolled(device, None)
            } else {
                Outcome::failed(&format!("it is {device} at {url}; `belay-agent enrol --again` there makes it another"))
            }
        }
        Some(_) | None => Outcome::failed(&refusal.message),
    }
}

/// What was said, with what to do where that is known.
fn advice(said: &Said) -> String {
    let words = words(said);
    if said.code == NOT_FOUND || words.contains("belay-agent: command not found") {
        return "belay-agent is not installed there: give --install FILE.deb".to_owned();
    }
    if words.starts_with("sudo: ") {
        return format!("{words}; log in as root, or let the user call sudo without a password");
    }
    words
}

fn words(said: &Said) -> String {
    let words = sentence(&said.stderr);
    if words.is_empty() { format!("exit code {}", said.code) } else { words }
}

/// The agent's code for a device that has a name.
const ALREADY: &str = "already_enrolled";

/// A shell's code for a program that is not there.
const NOT_FOUND: i32 = 127;

#[cfg(test)]
mod tests;
