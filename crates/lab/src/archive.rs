//! A signed package repository in a folder.

use std::path::{Path, PathBuf};

use belay_testkit::command::{output, succeed};
use belay_testkit::ownership::{base_dir, temp_dir_in};
use belay_testkit::root_tier::root;
use belay_testkit::{Deb, Repository};
use tempfile::TempDir;

/// A repository with a key of its own, which is removed when this value is dropped.
#[derive(Debug)]
pub struct Archive {
    repository: Repository,
    keys: TempDir,
    folder: TempDir,
}

impl Archive {
    /// An empty one.
    ///
    /// # Panics
    /// When gpg makes no key.
    pub fn new() -> Self {
        let folder = temp_dir_in(&base_dir(), "belay-archive-");
        // gpg's agent has its socket in there: the path must be short.
        let keys = tempfile::Builder::new().prefix("belay-keys-").tempdir().expect("there is a temporary folder");
        let archive = Self { repository: Repository::new(folder.path()), keys, folder };
        let make =
            ["--passphrase", "", "--quick-generate-key", "Belay lab <lab@example.invalid>", "ed25519", "sign", "never"];
        succeed(archive.gpg().args(make));
        succeed(archive.gpg().args(["--output"]).arg(archive.folder().join(KEY)).arg("--export"));
        archive.repository.publish(&[]);
        archive.sign();
        archive
    }

    /// Where it lies on this machine.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Where roots see it.
    pub fn at(&self) -> &'static str {
        AT
    }

    /// The line of sources.list that names it, with the key that it is trusted by.
    pub fn source_line(&self) -> String {
        format!("deb [signed-by={AT}/{KEY}] file:{AT} ./")
    }

    /// Publishes packages that are described.
    ///
    /// # Panics
    /// When one cannot be built.
    pub fn publish(&self, debs: &[Deb]) {
        self.repository.publish(debs);
        self.sign();
    }

    /// Publishes packages that are files.
    ///
    /// # Panics
    /// When one cannot be read.
    pub fn take_in(&self, debs: &[&Path]) {
        self.repository.take_in(debs);
        self.sign();
    }

    /// The pool's file of a published package.
    ///
    /// # Panics
    /// When it was never published.
    pub fn deb(&self, name: &str, version: &str) -> PathBuf {
        self.repository.deb(name, version)
    }

    fn sign(&self) {
        let (release, signed) = (self.folder().join("Release"), self.folder().join("InRelease"));
        succeed(self.gpg().arg("--output").arg(&signed).arg("--clearsign").arg(&release));
    }

    fn gpg(&self) -> std::process::Command {
        let mut gpg = root("gpg");
        gpg.arg("--homedir").arg(self.keys.path()).args(["--batch", "--quiet", "--yes", "--pinentry-mode", "loopback"]);
        gpg
    }
}

impl Default for Archive {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Archive {
    fn drop(&mut self) {
        let _ = output(root("gpgconf").arg("--homedir").arg(self.keys.path()).args(["--kill", "all"]));
    }
}

const AT: &str = "/srv/archive";
const KEY: &str = "archive.gpg";
