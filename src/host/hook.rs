//! The check that apt runs under its own lock, right before dpkg: what it is about to do must be exactly what was
//! planned, from exactly the files that were judged. `belay-agent apt-hook FILE`; a failure makes apt stop.
//!
//! The answer is left beside the expectation: it is renamed to `passed.json` (which needs no room on the disk), or
//! `refusal.json` is written.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::{Path, PathBuf};

use belay_protocol::{Architecture, Failure, Reason, Sha256};
use serde::{Deserialize, Serialize};

use crate::durable;

use super::device::{Archive, PackageRef};

/// What apt must be about to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expectation {
    /// The device's own architecture.
    pub native: Architecture,
    /// dpkg's status file.
    pub status_file: PathBuf,
    /// The digest that it must have; not checked where there is none.
    pub status: Option<Sha256>,
    /// Archives that are unpacked, no more and no fewer.
    pub install: Vec<Archive>,
    /// Packages that go, no more and no fewer.
    pub remove: Vec<PackageRef>,
}

/// Where an expectation lies, and where the answer to it is left.
#[derive(Debug, Clone)]
pub(crate) struct Exchange {
    folder: PathBuf,
}

impl Exchange {
    /// The exchange in this folder.
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// The file that the hook is given.
    pub(crate) fn expectation(&self) -> PathBuf {
        self.folder.join("expectation.json")
    }

    /// Forgets earlier answers and states an expectation.
    pub(crate) fn state(&self, expectation: &Expectation) -> std::io::Result<()> {
        std::fs::create_dir_all(&self.folder)?;
        durable::remove(&self.passed())?;
        durable::remove(&self.refusal())?;
        let text = serde_json::to_vec(expectation).map_err(std::io::Error::other)?;
        durable::write_atomic(&self.expectation(), &text, 0o600)
    }

    /// Whether the hook let apt go on.
    pub(crate) fn has_passed(&self) -> bool {
        self.passed().exists()
    }

    /// Why the hook did not let apt go on, where it did not.
    pub(crate) fn refused(&self) -> Option<Failure> {
        serde_json::from_slice(&std::fs::read(self.refusal()).ok()?).ok()
    }

    fn passed(&self) -> PathBuf {
        self.folder.join("passed.json")
    }

    fn refusal(&self) -> PathBuf {
        self.folder.join("refusal.json")
    }
}

/// Compares what apt says on `stdin`, in version 3 of its hook protocol, with the expectation in that file.
pub fn run(expectation: &Path, stdin: impl Read) -> Result<(), Failure> {
    let folder = expectation.parent().unwrap_or(Path::new("/"));
    let exchange = Exchange::new(folder.to_owned());
    let judged = judge(expectation, stdin).and_then(|()| {
        std::fs::rename(expectation, exchange.passed()).map_err(|error| unreadable(expectation, &error))
    });
    if let Err(failure) = &judged {
        // The exit code alone stops apt; this file only says why.
        if let Ok(text) = serde_json::to_vec(failure) {
            let _ = durable::write_atomic(&exchange.refusal(), &text, 0o600);
        }
    }
    judged
}

fn judge(path: &Path, mut stdin: impl Read) -> Result<(), Failure> {
    let mut said = String::new();
    stdin.read_to_string(&mut said).map_err(|error| unreadable(Path::new("what apt says"), &error))?;
    let text = std::fs::read(path).map_err(|error| unreadable(path, &error))?;
    let expectation: Expectation =
        serde_json::from_slice(&text).map_err(|error| unreadable(path, &std::io::Error::other(error)))?;
    check_status(&expectation.status_file, expectation.status)?;
    compare(&expectation, &said)?;
    check_archives(&expectation.install)
}

/// Whether dpkg's status file is still the one that was planned on.
pub(crate) fn check_status(path: &Path, expected: Option<Sha256>) -> Result<(), Failure> {
    let Some(expected) = expected else { return Ok(()) };
    let found = durable::digest_of_file(path).map_err(|error| unreadable(path, &error))?;
    if found == expected {
        return Ok(());
    }
    Err(Failure::new(Reason::PlanChanged, "packages were changed by others after the update was planned"))
}

/// Whether every archive has the digest that it must have.
pub(crate) fn check_archives(archives: &[Archive]) -> Result<(), Failure> {
    for archive in archives {
        let found = durable::digest_of_file(&archive.path).map_err(|error| mismatch(archive, &error.to_string()))?;
        if found != archive.sha256 {
            return Err(mismatch(archive, &format!("it has the digest {found}, not {}", archive.sha256)));
        }
    }
    Ok(())
}

/// Whether apt is about to do exactly what is expected.
fn compare(expectation: &Expectation, said: &str) -> Result<(), Failure> {
    let native = &expectation.native;
    let expected = expected_steps(expectation);
    let (_, lines) = said.split_once("\n\n").ok_or_else(|| not_understood(said))?;
    if !said.starts_with("VERSION 3\n") {
        return Err(not_understood(said));
    }
    let mut announced = BTreeSet::new();
    for line in lines.lines().filter(|line| !line.is_empty()) {
        announced.extend(step(line, native).ok_or_else(|| not_understood(line))?);
    }
    let more = announced.difference(&expected).map(|step| format!("apt would {step}, which is not planned"));
    let fewer = expected.difference(&announced).map(|step| format!("apt would not {step}"));
    let differences: Vec<String> = more.chain(fewer).collect();
    if differences.is_empty() {
        return Ok(());
    }
    let message = format!("apt would do something else than planned, so nothing was done: {}", differences.join("; "));
    Err(Failure::new(Reason::ResultDiffers, message))
}

fn expected_steps(expectation: &Expectation) -> BTreeSet<String> {
    let native = &expectation.native;
    let install = expectation.install.iter().map(|archive| {
        let (name, version, path) = (archive.package.name(), &archive.version, archive.path.display());
        format!("install {name}:{}={version} from {path}", archive.architecture)
    });
    let remove = expectation.remove.iter().map(|package| {
        let name = belay_protocol::PackageId::new(package.package.name().clone(), &package.architecture, native);
        format!("remove {name}")
    });
    install.chain(remove).collect()
}

/// One line of apt's announcement as a step; an inner none for a line that changes no version.
#[expect(clippy::option_option, reason = "not understood and nothing to do are different things")]
fn step(line: &str, native: &Architecture) -> Option<Option<String>> {
    let fields: Vec<&str> = line.splitn(9, ' ').collect();
    let [name, _, old_architecture, _, _, version, architecture, _, what] = fields[..] else { return None };
    match what {
        "**CONFIGURE**" => Some(None),
        "**REMOVE**" => {
            let architecture = old_architecture.parse().ok()?;
            let package = belay_protocol::PackageId::new(name.parse().ok()?, &architecture, native);
            Some(Some(format!("remove {package}")))
        }
        path if path.starts_with('/') => Some(Some(format!("install {name}:{architecture}={version} from {path}"))),
        _ => None,
    }
}

fn mismatch(archive: &Archive, why: &str) -> Failure {
    let Archive { package, version, path, .. } = archive;
    let message =
        format!("the archive of {package} {version} ({}) is not the one that was judged: {why}", path.display());
    Failure::new(Reason::DigestMismatch, message)
}

fn not_understood(text: &str) -> Failure {
    let text: String = text.chars().take(200).collect();
    Failure::new(
        Reason::ResultDiffers,
        format!("apt announced what cannot be understood, so nothing was done: {text:?}"),
    )
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(Reason::State, format!("cannot check what apt is about to do: {}: {error}", path.display()))
}

#[cfg(test)]
mod tests;
