//! Words to a shell, and what ssh says for people. Pure.

use super::SshError;

/// One word of a shell's command line, whatever is in it.
pub(crate) fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// What a program said last, as one sentence; what ssh remarks in passing is left out.
pub(crate) fn sentence(stderr: &str) -> String {
    let lines = stderr.lines().map(str::trim).filter(|line| !line.is_empty());
    let mut said = lines.filter(|line| !line.starts_with("Warning: ") && !line.starts_with("@@"));
    said.next_back().unwrap_or_default().chars().filter(|letter| !letter.is_control()).take(LONGEST).collect()
}

/// What a failure of ssh itself means, and what to do about it.
pub(super) fn failure(stderr: &str) -> SshError {
    let said = sentence(stderr);
    let said = if said.is_empty() { "ssh failed without a word".to_owned() } else { said };
    if stderr.contains("REMOTE HOST IDENTIFICATION HAS CHANGED") {
        return SshError::Denied("its host key is another one than before: somebody else may be answering".to_owned());
    }
    if said.contains("Host key verification failed") {
        let advice = "connect once by hand, or give --accept-new-host-keys";
        return SshError::Denied(format!("its host key is not known here: {advice}"));
    }
    let denied =
        ["Permission denied", "Too many authentication failures", "no matching", "Load key", "Bad configuration"];
    if denied.iter().any(|word| stderr.contains(word)) { SshError::Denied(said) } else { SshError::Unreachable(said) }
}

/// How many letters of another program's words are shown.
const LONGEST: usize = 300;
