//! Debian trees: made once by mmdebstrap from the machine's own mirror, and cached.

use std::fs;
use std::path::{Path, PathBuf};

use belay_testkit::bundle::digest;
use belay_testkit::command::succeed;
use belay_testkit::deb::native_architecture;
use belay_testkit::root_tier::root;
use nix::fcntl::{Flock, FlockArg};

use crate::mirror::Mirror;
use crate::need::lab_folder;

/// A Debian release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Suite {
    /// Debian 12.
    Bookworm,
    /// Debian 13.
    Trixie,
}

/// A Debian tree that is only read: what roots are copied from.
#[derive(Clone, Debug)]
pub struct Base {
    folder: PathBuf,
}

impl Suite {
    /// Its code name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bookworm => "bookworm",
            Self::Trixie => "trixie",
        }
    }
}

impl Base {
    /// The tree of a release for this machine's architecture, made now if it was never made. It has systemd as a device
    /// has it, apt, and nothing of ours.
    ///
    /// # Panics
    /// When mmdebstrap cannot make it.
    pub fn of(suite: Suite) -> Self {
        let line = Mirror::of_machine().line(suite.name());
        let recipe = format!("{line}\n{}\n{PACKAGES}", native_architecture());
        let name = format!("{}-{}", suite.name(), &digest(recipe.as_bytes())[..12]);
        Self::cached(&name, |folder| {
            let mut make = root("mmdebstrap");
            pass_proxies(&mut make);
            make.args(["--quiet", "--mode=root", "--variant=apt", "--format=directory"]);
            succeed(make.arg(format!("--include={PACKAGES}")).arg(suite.name()).arg(folder).arg(&line));
        })
    }

    /// A tree that others made.
    pub fn at(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    /// The tree of this name in the cache, made now if it was never made; whoever comes meanwhile waits.
    ///
    /// # Panics
    /// When the cache cannot be written.
    pub fn cached(name: &str, make: impl FnOnce(&Path)) -> Self {
        let roots = lab_folder().join("roots");
        fs::create_dir_all(&roots).unwrap_or_else(|error| panic!("cannot make {}: {error}", roots.display()));
        let folder = roots.join(name);
        let lock = roots.join(format!("{name}.lock"));
        let lock = fs::File::create(&lock).unwrap_or_else(|error| panic!("cannot make {}: {error}", lock.display()));
        let _held = Flock::lock(lock, FlockArg::LockExclusive).expect("a file just opened can be locked");
        if !folder.is_dir() {
            let half = roots.join(format!("{name}.half"));
            if half.exists() {
                succeed(root("rm").args(["-rf", "--one-file-system", "--"]).arg(&half));
            }
            make(&half);
            fs::rename(&half, &folder).unwrap_or_else(|error| panic!("cannot name {}: {error}", folder.display()));
        }
        Self { folder }
    }

    /// Where the tree lies.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

/// A mirror may be reached by a proxy alone.
fn pass_proxies(command: &mut std::process::Command) {
    for name in ["http_proxy", "https_proxy", "no_proxy"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
}

/// What a small device has: a booting system, apt, and the tools that tests look with.
const PACKAGES: &str = "systemd,systemd-sysv,dbus,udev,iproute2,passwd,gpgv,util-linux,procps";
