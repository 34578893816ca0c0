//! The Debian mirror that this machine itself uses, read from its apt sources.

use std::fs;
use std::path::{Path, PathBuf};

/// Where Debian's packages come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mirror {
    /// The archive's address.
    pub(crate) uri: String,
    /// The keys that sign it, as the machine's sources name them.
    pub(crate) signed_by: Option<String>,
}

impl Mirror {
    /// The mirror in `/etc/apt`.
    ///
    /// # Panics
    /// When this machine has no source of Debian's own packages.
    pub(crate) fn of_machine() -> Self {
        let own = fs::read_to_string("/etc/os-release").unwrap_or_default();
        let own = own.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME=")).unwrap_or_default().to_owned();
        let files = source_files();
        files
            .iter()
            .filter_map(|path| Some((path, fs::read_to_string(path).ok()?)))
            .find_map(|(path, text)| match path.extension().is_some_and(|extension| extension == "sources") {
                true => in_stanzas(&text, &own),
                false => in_lines(&text, &own),
            })
            .unwrap_or_else(|| panic!("this machine's apt has no source of Debian {own}: {files:?}"))
    }

    /// The line of sources.list for a suite's main component.
    pub(crate) fn line(&self, suite: &str) -> String {
        let signed = self.signed_by.as_ref().map(|keys| format!("[signed-by={keys}] ")).unwrap_or_default();
        format!("deb {signed}{} {suite} main", self.uri)
    }
}

fn source_files() -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        fs::read_dir("/etc/apt/sources.list.d").into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    files.sort();
    files.insert(0, Path::new("/etc/apt/sources.list").to_owned());
    files
}

/// The first stanza that serves the suite, in the format of `*.sources` files.
fn in_stanzas(text: &str, suite: &str) -> Option<Mirror> {
    text.split("\n\n").find_map(|stanza| {
        let field = |name: &str| {
            let value = stanza.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
            Some(value.trim().to_owned()).filter(|value| !value.is_empty())
        };
        let has = |name: &str, word: &str| field(name).is_some_and(|words| words.split(' ').any(|one| one == word));
        let serves = has("Types", "deb") && has("Suites", suite) && has("Components", "main");
        let uri = field("URIs").filter(|_| serves)?.split(' ').next()?.to_owned();
        Some(Mirror { uri, signed_by: field("Signed-By") })
    })
}

/// The first line that serves the suite, in the format of sources.list.
fn in_lines(text: &str, suite: &str) -> Option<Mirror> {
    text.lines().find_map(|line| {
        let rest = line.trim().strip_prefix("deb ")?.trim();
        let (options, rest) = match rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((options, rest)) => (options, rest),
            None => ("", rest),
        };
        let mut words = rest.split_whitespace();
        let uri = words.next()?.to_owned();
        let serves = words.next() == Some(suite) && words.any(|component| component == "main");
        let signed_by = options.split_whitespace().find_map(|option| option.strip_prefix("signed-by="));
        serves.then(|| Mirror { uri, signed_by: signed_by.map(str::to_owned) })
    })
}

#[cfg(test)]
mod tests;
