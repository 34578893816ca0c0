//! A private root on which real apt-get and dpkg run as an ordinary user, with a repository beside it.
//!
//! ```text
//! belay-XXXXXX/   readable by all, the ordinary user's
//!   apt.conf      points apt and dpkg at root/ (the environment variable APT_CONFIG names it)
//!   root/         the device's root: etc, usr, var/lib/dpkg, ...
//!   repo/         the repository that root/etc/apt/sources.list names
//!   state/        the agent's state_dir
//!   run/          sockets, logs and configuration of the agent's processes
//! ```

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

use crate::command::{command, output, succeed, transcript};
use crate::ownership::{base_dir, create_dir, temp_dir_in, write};
use crate::process_tree::{Marker, Tree};
use crate::repository::Repository;

/// The folders that apt and dpkg expect on an empty system.
const FOLDERS: [&str; 13] = [
    "etc/apt/apt.conf.d",
    "etc/apt/preferences.d",
    "etc/apt/sources.list.d",
    "var/lib/dpkg/info",
    "var/lib/dpkg/updates",
    "var/lib/dpkg/triggers",
    "var/lib/dpkg/alternatives",
    "var/lib/apt/lists/partial",
    "var/cache/apt/archives/partial",
    "var/log/apt",
    "usr",
    "run",
    "tmp",
];

/// A private root, its repository and the agent's folders. Removed when dropped, unless `BELAY_KEEP=1` is set.
#[derive(Debug)]
pub struct Sandbox {
    dir: PathBuf,
    repository: Repository,
}

impl Sandbox {
    /// Makes an empty sandbox under `BELAY_TEST_DIR`, else the system's temporary folder.
    ///
    /// # Panics
    /// When the folder cannot be made.
    // A sandbox is a folder on disk; a default value should not make one.
    #[expect(clippy::new_without_default, reason = "making a sandbox writes to the disk")]
    pub fn new() -> Self {
        Self::new_in(&base_dir())
    }

    /// Makes an empty sandbox in a given folder, such as a small tmpfs.
    ///
    /// # Panics
    /// When the folder cannot be made.
    pub fn new_in(parent: &Path) -> Self {
        let sandbox = Self::at(keep(temp_dir_in(parent, "belay-")));
        for folder in FOLDERS {
            create_dir(&sandbox.path(folder));
        }
        write(&sandbox.path("var/lib/dpkg/status"), "");
        for folder in ["state", "run", "repo"] {
            create_dir(&sandbox.dir.join(folder));
        }
        write(&sandbox.apt_config(), apt_config(&sandbox.root()));
        write(&sandbox.path("etc/apt/sources.list"), sandbox.repository.source_line() + "\n");
        sandbox.repository.publish(&[]);
        sandbox
    }

    /// Copies a sandbox with its packages, its repository and the agent's state, beside the template.
    ///
    /// apt's and the agent's configuration is rewritten to the new place, apt's downloaded lists are dropped: the copy
    /// needs an `update` first. What the agent recorded in its state is copied as it is.
    ///
    /// # Panics
    /// When the folder cannot be copied.
    pub fn copy_of(template: &Self) -> Self {
        let parent = template.dir.parent().expect("a sandbox lies in a folder");
        let copy = Self::at(keep(temp_dir_in(parent, "belay-")));
        let mut source = template.dir.clone().into_os_string();
        source.push("/.");
        succeed(command("cp").args(["-a", "--reflink=auto"]).arg(source).arg(&copy.dir));
        copy.rewrite_paths(&template.dir);
        copy.forget_lists();
        copy
    }

    /// Returns a path on the device, given without its leading slash.
    pub fn path(&self, relative: impl AsRef<Path>) -> PathBuf {
        let relative = relative.as_ref();
        assert!(relative.is_relative(), "{} is not relative to the root", relative.display());
        self.root().join(relative)
    }

    /// Returns the sandbox's own folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Returns the device's root.
    pub fn root(&self) -> PathBuf {
        self.dir.join("root")
    }

    /// Returns the agent's state folder.
    pub fn state_dir(&self) -> PathBuf {
        self.dir.join("state")
    }

    /// Returns the folder of the agent's sockets, logs and configuration.
    pub fn run_dir(&self) -> PathBuf {
        self.dir.join("run")
    }

    /// Returns the file that `APT_CONFIG` names.
    pub fn apt_config(&self) -> PathBuf {
        self.dir.join("apt.conf")
    }

    /// Returns the repository that the root's sources.list names.
    pub fn repository(&self) -> &Repository {
        &self.repository
    }

    /// Returns the mark that processes of the agent carry in their environment on this sandbox.
    pub fn marker(&self) -> Marker {
        Marker::new(&self.root())
    }

    /// Returns the processes of the agent on this sandbox: daemons, command lines and whatever they started.
    pub fn processes(&self) -> Tree {
        Tree::marked(self.marker())
    }

    /// Returns a command that runs as an ordinary user with apt and dpkg pointed at this root.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = command(program);
        command.env("APT_CONFIG", self.apt_config()).current_dir(&self.dir);
        command
    }

    /// Runs `apt-get` on the root and returns what it said.
    pub fn apt<S: AsRef<OsStr>>(&self, args: &[S]) -> Output {
        output(
            self.command("apt-get")
                .args(["-y", "-q", "-o", "Dpkg::Use-Pty=0"])
                .args(["-o", "Dpkg::Options::=--force-confdef", "-o", "Dpkg::Options::=--force-confold"])
                .args(args),
        )
    }

    /// Runs `dpkg` on the root and returns what it said.
    pub fn dpkg<S: AsRef<OsStr>>(&self, args: &[S]) -> Output {
        output(
            self.command("dpkg")
                .arg(format!("--root={}", self.root().display()))
                .args(["--force-not-root", "--force-script-chrootless"])
                // The log does not move with the root: without this dpkg tries the machine's own.
                .arg(format!("--log={}", self.path("var/log/dpkg.log").display()))
                .args(args),
        )
    }

    /// Asks dpkg's database about all packages, in a format of `dpkg-query --showformat`.
    ///
    /// # Panics
    /// When dpkg-query fails for another reason than an empty database.
    pub fn dpkg_query(&self, format: &str) -> String {
        succeed(
            self.command("dpkg-query")
                .arg(format!("--admindir={}", self.path("var/lib/dpkg").display()))
                .args(["--show", "--showformat"])
                .arg(format),
        )
    }

    /// Installs packages such as `demo-app=1.0` straight with apt, up or down, to set up an old state.
    ///
    /// # Panics
    /// When apt does not succeed.
    #[track_caller]
    pub fn install(&self, packages: &[&str]) {
        self.update();
        let mut args = vec!["--allow-downgrades", "--allow-change-held-packages", "--no-install-recommends", "install"];
        args.extend_from_slice(packages);
        let output = self.apt(&args);
        assert!(output.status.success(), "cannot install {packages:?}:\n{}", transcript(&output));
    }

    /// Lets apt read the repository's index.
    ///
    /// # Panics
    /// When apt does not succeed.
    #[track_caller]
    pub fn update(&self) {
        let output = self.apt(&["-o", "APT::Update::Error-Mode=any", "update"]);
        assert!(output.status.success(), "cannot update the lists:\n{}", transcript(&output));
    }

    /// Returns the installed version of a package, or `None` when dpkg does not have it as installed.
    pub fn installed_version(&self, name: &str) -> Option<String> {
        self.dpkg_query("${Package} ${db:Status-Status} ${Version}\\n").lines().find_map(|line| {
            let (package, rest) = line.split_once(' ')?;
            let version = rest.strip_prefix("installed ")?;
            (package == name).then(|| version.to_owned())
        })
    }

    /// Ends the agent's processes and leaves the folder on the disk, to be looked at; returns where.
    pub fn keep(self) -> PathBuf {
        let _ = self.processes().kill();
        let dir = self.dir.clone();
        // The drop would remove it.
        std::mem::forget(self);
        dir
    }

    fn at(dir: PathBuf) -> Self {
        Self { repository: Repository::new(&dir.join("repo")), dir }
    }

    fn rewrite_paths(&self, old: &Path) {
        let old = old.to_str().expect("a sandbox's path is text");
        let new = self.dir.to_str().expect("a sandbox's path is text");
        let mut files = vec![self.apt_config()];
        for folder in [self.path("etc/apt"), self.run_dir()] {
            files.extend(files_below(&folder));
        }
        for file in files {
            let Ok(text) = fs::read_to_string(&file) else { continue };
            if text.contains(old) {
                write(&file, text.replace(old, new));
            }
        }
    }

    fn forget_lists(&self) {
        succeed(command("find").arg(self.path("var/lib/apt/lists")).args([
            "-mindepth",
            "1",
            "!",
            "-type",
            "d",
            "-delete",
        ]));
        succeed(command("find").arg(self.path("var/cache/apt")).args(["-name", "*.bin", "-delete"]));
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        let stubborn = self.processes().kill();
        if !stubborn.is_empty() {
            report(&format!("still running: {stubborn:?}"));
        }
        if std::env::var_os("BELAY_KEEP").is_some_and(|value| value == "1") {
            report(&format!("kept the sandbox {}", self.dir.display()));
            return;
        }
        // One file system only: a mount that a test left inside must not lose what it shows.
        let mut remove = command("rm");
        remove.args(["-r", "-f", "--one-file-system", "--"]).arg(&self.dir);
        match remove.output() {
            Ok(output) if output.status.success() || !self.dir.exists() => {}
            Ok(output) => report(&format!("cannot remove {}: {}", self.dir.display(), transcript(&output))),
            Err(error) => report(&format!("cannot remove {}: {error}", self.dir.display())),
        }
        // The parent's sticky bit or mode may keep the ordinary user from removing the empty folder itself.
        let _ = fs::remove_dir(&self.dir);
    }
}

/// Keeps a temporary folder: the sandbox removes it by its own rule.
fn keep(dir: TempDir) -> PathBuf {
    dir.keep()
}

fn apt_config(root: &Path) -> String {
    let root = root.display();
    format!(
        "Dir \"{root}/\";\nDir::State::status \"{root}/var/lib/dpkg/status\";\nDir::Bin::dpkg \"/usr/bin/dpkg\";\n\
         APT::Sandbox::User \"\";\nAcquire::Languages \"none\";\nDPkg::Options {{\n  \"--root={root}\";\n  \
         \"--force-not-root\";\n  \"--force-script-chrootless\";\n  \"--log={root}/var/log/dpkg.log\";\n}};\n"
    )
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut files = Vec::new();
    for entry in entries.flatten() {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => files.extend(files_below(&entry.path())),
            Ok(kind) if kind.is_file() => files.push(entry.path()),
            Ok(_) | Err(_) => {}
        }
    }
    files
}

#[expect(clippy::print_stderr, reason = "a test's reader needs to know what stayed on disk")]
fn report(message: &str) {
    eprintln!("belay-testkit: {message}");
}
