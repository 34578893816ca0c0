//! A place apart from the machine: its own mounts, processes and network, and memory to keep roots in.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use belay_testkit::command::succeed;
use belay_testkit::root_tier::root;
use belay_testkit::wait_until;
use tempfile::TempDir;

use crate::base::Base;
use crate::need::missing;
use crate::process::{children, inside_of, is_alive};
use crate::root::Root;

/// A place apart. Clones are the same one; it ends with the last of them, and with this process however that ends.
///
/// All containers in it share one network of their own, in which they meet on the loopback.
#[derive(Clone, Debug)]
pub struct Site {
    keeper: Arc<Keeper>,
}

/// The first process of the namespaces. When it ends, so does everything in them.
#[derive(Debug)]
struct Keeper {
    unshare: Child,
    /// It ends when the other end of this is gone.
    _tie: Option<ChildStdin>,
    first: i32,
    folder: TempDir,
    /// How many roots were made.
    roots: AtomicU32,
}

impl Site {
    /// Makes a place.
    ///
    /// # Panics
    /// When the machine lacks what [`missing`] names.
    pub fn new() -> Self {
        if let Some(what) = missing() {
            panic!("this test {what}");
        }
        let folder = tempfile::Builder::new().prefix("belay-lab-").tempdir().expect("there is a temporary folder");
        let mut unshare = root("unshare");
        unshare
            .args(["--mount", "--propagation", "private", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"])
            .args(["sh", "-ec", KEEPER, "keeper"])
            .arg(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut unshare = unshare.spawn().unwrap_or_else(|error| panic!("cannot start unshare: {error}"));
        let tie = unshare.stdin.take();
        let mut word = String::new();
        let mut said = BufReader::new(unshare.stdout.take().expect("standard output is a pipe"));
        said.read_line(&mut word).expect("a pipe can be read");
        assert!(word == "ready\n", "no place apart could be made (does this machine allow mounts?): {word:?}");
        let outer = i32::try_from(unshare.id()).expect("a process number fits");
        let first = *children(outer).first().expect("the keeper said that it is there");
        Self { keeper: Arc::new(Keeper { unshare, _tie: tie, first, folder, roots: AtomicU32::new(0) }) }
    }

    /// A throw-away copy of a base.
    ///
    /// # Panics
    /// When it cannot be copied, such as for lack of memory.
    pub fn root(&self, name: &str, base: &Base) -> Root {
        self.copy(name, base.folder())
    }

    /// A copy of another root in this place or another one; nothing may run on that.
    ///
    /// # Panics
    /// When it cannot be copied.
    pub fn copy_of(&self, name: &str, other: &Root) -> Root {
        self.copy(name, &other.path(""))
    }

    fn copy(&self, name: &str, from: &Path) -> Root {
        let number = self.keeper.roots.fetch_add(1, Ordering::Relaxed);
        let folder = self.folder().join(format!("{number}-{name}"));
        let from = from.join(".");
        let mut copy = self.command("--mount --pid", "cp");
        // The source is named as this process sees it, and is opened before the namespace is left.
        copy.args(["--archive", "--one-file-system", "--"]).arg("/proc/self/fd/0/.").arg(&folder);
        copy.stdin(Stdio::from(File::open(&from).unwrap_or_else(|error| panic!("no {}: {error}", from.display()))));
        succeed(&mut copy);
        Root::new(self.clone(), name, folder)
    }

    /// Starts a command line in some of the place's namespaces.
    pub(crate) fn command(&self, namespaces: &str, program: &str) -> Command {
        let namespaces: Vec<&str> = namespaces.split(' ').collect();
        inside_of(self.keeper.first, &namespaces, program)
    }

    /// The folder of roots, as processes in the place see it. Outside it holds logs.
    pub(crate) fn folder(&self) -> &Path {
        self.keeper.folder.path()
    }

    /// A path of the place, as this process reaches it.
    pub(crate) fn outside(&self, path: &Path) -> PathBuf {
        let path = path.strip_prefix("/").expect("paths in a place are absolute");
        Path::new("/proc").join(self.keeper.first.to_string()).join("root").join(path)
    }

    /// The network that all containers of the place share: the file that stands for it.
    pub fn network(&self) -> PathBuf {
        Path::new("/proc").join(self.keeper.first.to_string()).join("ns/net")
    }
}

impl Default for Site {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        let _ = self.unshare.kill();
        let _ = self.unshare.wait();
        // Its memory is free again, and the folder can be removed, only when the last process is gone.
        wait_until("the end of a place", Duration::from_secs(20), || (!is_alive(self.first)).then_some(()));
        // Only logs lie in it here: what is mounted on it is in other namespaces.
        for entry in fs::read_dir(self.folder.path()).into_iter().flatten().flatten() {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Memory for roots and a loopback; then it waits until nobody holds its standard input any more.
const KEEPER: &str =
    "mount -t tmpfs -o size=75%,nr_inodes=0,mode=755 belay-lab \"$1\"; ip link set lo up; echo ready; exec cat";
