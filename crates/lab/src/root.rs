//! A throw-away root: a Debian that nothing has booted, in which commands run.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Arc, Mutex, PoisonError};

use belay_testkit::command::{output, transcript};

use crate::archive::Archive;
use crate::site::Site;

/// A root in a place apart. Clones are the same one.
#[derive(Clone, Debug)]
pub struct Root {
    site: Site,
    name: String,
    folder: PathBuf,
    shown: Arc<Mutex<Vec<(PathBuf, PathBuf)>>>,
}

impl Root {
    pub(crate) fn new(site: Site, name: &str, folder: PathBuf) -> Self {
        Self { site, name: name.to_owned(), folder, shown: Arc::default() }
    }

    /// Its name: what the system calls its machine.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The place that it is in.
    pub fn site(&self) -> &Site {
        &self.site
    }

    /// A path of the root as this process reaches it, whether it is booted or not; absolute links lead elsewhere.
    pub fn path(&self, path: &str) -> PathBuf {
        self.site.outside(&self.folder().join(path.trim_start_matches('/')))
    }

    /// Shows a folder of the machine at a path of the root, to be read; changes outside show inside.
    pub fn show(&self, folder: &Path, at: &str) {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner).push((folder.to_owned(), PathBuf::from(at)));
    }

    /// Runs a program in a chroot, with /proc, a /dev of its own and the place's network; returns how it ended.
    pub fn run<S: AsRef<OsStr>>(&self, words: &[S]) -> Output {
        output(self.command().args(words))
    }

    /// Runs a shell's script that has to succeed, and returns what it said on standard output.
    ///
    /// # Panics
    /// When it fails; the message holds everything it said.
    #[track_caller]
    pub fn sh(&self, script: &str) -> String {
        let said = self.run(&["sh", "-ec", script]);
        assert!(said.status.success(), "`{script}` failed:\n{}", transcript(&said));
        String::from_utf8_lossy(&said.stdout).into_owned()
    }

    /// Writes a file of root's, mode 644; 755 where it begins with `#!`.
    ///
    /// # Panics
    /// When it cannot be written.
    #[expect(clippy::disallowed_methods, reason = "a test's files need not survive a power cut")]
    pub fn write(&self, path: &str, contents: impl AsRef<[u8]>) {
        let mode = if contents.as_ref().starts_with(b"#!") { 0o755 } else { 0o644 };
        let target = self.path(path);
        let parent = target.parent().expect("an absolute path of a file has a folder");
        fs::create_dir_all(parent)
            .and_then(|()| fs::write(&target, contents))
            .and_then(|()| fs::set_permissions(&target, fs::Permissions::from_mode(mode)))
            .unwrap_or_else(|error| panic!("cannot write {path}: {error}"));
    }

    /// Reads a file.
    ///
    /// # Panics
    /// When there is none.
    #[track_caller]
    pub fn read(&self, path: &str) -> String {
        let bytes = fs::read(self.path(path)).unwrap_or_else(|error| panic!("cannot read {path}: {error}"));
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Makes an archive the root's only package source, and shows it there.
    pub fn offer(&self, archive: &Archive) {
        self.show(archive.folder(), archive.at());
        for entry in fs::read_dir(self.path("/etc/apt/sources.list.d")).into_iter().flatten().flatten() {
            fs::remove_file(entry.path()).expect("a copy's file can be removed");
        }
        self.write("/etc/apt/sources.list", format!("{}\n", archive.source_line()));
    }

    /// Installs packages with apt as a person would, from the root's sources.
    ///
    /// # Panics
    /// When apt does not succeed.
    #[track_caller]
    pub fn install(&self, packages: &[&str]) -> String {
        self.sh(&format!("{UPDATE}; {INSTALL} {}", packages.join(" ")))
    }

    /// The root's folder, as processes in the place see it.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// What it is shown of the machine: from where, at what path.
    pub(crate) fn shown(&self) -> Vec<(PathBuf, PathBuf)> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The beginning of a command line that runs in the chroot.
    fn command(&self) -> Command {
        let mut command = self.site.command("--mount --net --pid", "unshare");
        command.args(["--mount", "--propagation", "private", "--pid", "--fork", "--kill-child"]);
        command.args(["sh", "-ec", ENTER, "enter"]).arg(self.folder());
        for (folder, at) in self.shown() {
            command.arg(folder).arg(at);
        }
        command.arg("--");
        command
    }
}

/// apt as it is safe without a terminal.
pub(crate) const UPDATE: &str = "apt-get -q -o APT::Update::Error-Mode=any update";
pub(crate) const INSTALL: &str =
    "apt-get -y -q -o Dpkg::Use-Pty=0 -o Dpkg::Options::=--force-confold --no-install-recommends --no-remove install";

/// Mounts what programs expect, all of it in the namespace that ends with them, and goes into the root.
const ENTER: &str = r#"root=$1; shift
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t tmpfs -o mode=755,size=8m tmpfs "$root/run"
mount -t tmpfs -o mode=755,size=1m tmpfs "$root/dev"
for node in null:1:3 zero:1:5 full:1:7 random:1:8 urandom:1:9 tty:5:0; do
    numbers=${node#*:}
    mknod -m 666 "$root/dev/${node%%:*}" c "${numbers%:*}" "${numbers#*:}"
done
ln -s /proc/self/fd "$root/dev/fd"; ln -s fd/0 "$root/dev/stdin"; ln -s fd/1 "$root/dev/stdout"; ln -s fd/2 "$root/dev/stderr"
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
while [ "$1" != -- ]; do
    mkdir -p "$root$2"
    mount --bind "$1" "$root$2"
    mount -o remount,bind,ro "$root$2"
    shift 2
done
shift
exec chroot "$root" "$@""#;
