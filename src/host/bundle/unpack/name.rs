//! Names in an archive: which may be written below a folder, and where a link may point.

use belay_protocol::{Failure, Reason};

/// A name of an entry, judged: parts joined by `/`, none of them empty, `.` or `..`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Name {
    text: String,
    folder: bool,
}

impl Name {
    /// Judges a name as it stands in the archive.
    pub(super) fn parse(written: &[u8]) -> Result<Self, Failure> {
        let refuse = |reason, problem: &str| Err(refusal(written, reason, problem));
        let Ok(text) = std::str::from_utf8(written) else {
            return refuse(Reason::UnpackName, "is no UTF-8; rename it, or pack it where names are UTF-8");
        };
        if text.is_empty() {
            return refuse(Reason::UnpackName, "is no name at all; pack the archive anew");
        }
        if text.chars().any(char::is_control) {
            return refuse(Reason::UnpackName, "has control characters; rename it");
        }
        if text.starts_with('/') {
            return refuse(
                Reason::UnpackAbsolute,
                "is an absolute path; pack it from inside its folder, `tar -C folder .`",
            );
        }
        if text.split('/').any(|part| part == "..") {
            return refuse(Reason::UnpackParent, "holds `..`; pack it from inside its folder, `tar -C folder .`");
        }
        if text.split('/').any(|part| part.len() > LONGEST_PART) {
            return refuse(Reason::UnpackName, &format!("has a part of more than {LONGEST_PART} bytes; shorten it"));
        }
        if text.len() > LONGEST {
            return refuse(Reason::UnpackName, &format!("has more than {LONGEST} bytes; shorten it"));
        }
        let parts: Vec<&str> = text.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
        Ok(Self { text: parts.join("/"), folder: text.ends_with('/') })
    }

    /// The path below the tree; empty for the tree itself.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Whether it was written as that of a folder, with a slash at its end.
    pub(super) fn is_folder(&self) -> bool {
        self.folder
    }

    /// The path of the folder that holds it, and its own name in it; none for the tree itself.
    pub(super) fn split(&self) -> Option<(&str, &str)> {
        split(&self.text)
    }

    /// Number of folders above it.
    pub(super) fn depth(&self) -> usize {
        self.text.matches('/').count()
    }

    /// Where a link of this name may point: never out of the tree, whatever other links there are.
    ///
    /// `..` may stand only at the beginning: there it goes up real folders. Behind a name that is itself a link, it would
    /// go up from wherever that leads.
    pub(super) fn target(&self, written: &[u8]) -> Result<String, Failure> {
        let refuse = |problem: &str| {
            let shown = shown(written);
            Err(self.refuse(Reason::UnpackLink, &format!("is a link to {shown}, which {problem}")))
        };
        let Ok(text) = std::str::from_utf8(written) else { return refuse("is no UTF-8; change the link") };
        if text.is_empty() || text.len() > LONGEST || text.chars().any(char::is_control) {
            return refuse("is empty, too long or has control characters; change the link");
        }
        if text.starts_with('/') {
            return refuse("is an absolute path; make it relative, or let install.sh make the link");
        }
        let parts = text.split('/').filter(|part| !matches!(*part, "" | "."));
        let up = parts.take_while(|part| *part == "..").count();
        if up > self.depth() {
            return refuse("leads out of the archive; let install.sh make the link");
        }
        if text.split('/').skip_while(|part| matches!(*part, "" | "." | "..")).any(|part| part == "..") {
            return refuse("holds `..` behind a name; write the shortest path, with `..` only at its beginning");
        }
        Ok(text.to_owned())
    }

    /// A refusal of the entry of this name.
    pub(super) fn refuse(&self, reason: Reason, problem: &str) -> Failure {
        refusal(self.text.as_bytes(), reason, problem)
    }
}

/// The folder's path and the last part of a path; none for the tree itself.
pub(super) fn split(path: &str) -> Option<(&str, &str)> {
    match path.rsplit_once('/') {
        Some(split) => Some(split),
        None if path.is_empty() => None,
        None => Some(("", path)),
    }
}

fn refusal(written: &[u8], reason: Reason, problem: &str) -> Failure {
    Failure::new(reason, format!("the archive's entry {} {problem}", shown(written)))
}

/// A name as a person may see it: escaped, and not longer than a line.
fn shown(written: &[u8]) -> String {
    let text = String::from_utf8_lossy(written);
    let mut short: String = text.chars().take(LONGEST_SHOWN).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    format!("{short:?}")
}

/// Bytes of one part of a name, as every file system of Linux has it.
const LONGEST_PART: usize = 255;

/// Bytes of a name. The kernel takes paths of 4096, and the tree lies below a folder with a path of its own.
const LONGEST: usize = 2048;

const LONGEST_SHOWN: usize = 120;
