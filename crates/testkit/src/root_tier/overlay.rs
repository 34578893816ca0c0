//! Mounts the copy and moves this process into it. Nothing here is ever unmounted or removed: it ends with the
//! namespace.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use nix::mount::{MsFlags, mount};
use nix::sys::stat::{Mode, SFlag, makedev, mknod};

use crate::command::output;

use super::device::root;

/// The device nodes that programs expect, with their numbers. They are made anew; the machine's own are not in the copy.
const NODES: [(&str, u64, u64); 6] =
    [("null", 1, 3), ("zero", 1, 5), ("full", 1, 7), ("random", 1, 8), ("urandom", 1, 9), ("tty", 5, 0)];

/// Mounts a copy of this machine on `folder` and makes it this process's root.
///
/// # Errors
/// What the system refused, in words.
pub(super) fn enter(folder: &Path, agent: &Path, megabytes: u32) -> Result<(), String> {
    tmpfs(folder, &format!("size={megabytes}m,mode=755"))?;
    for half in ["upper", "work", "root"] {
        make_folder(&folder.join(half))?;
    }
    let root = folder.join("root");
    let (upper, work) = (folder.join("upper"), folder.join("work"));
    let halves = format!("lowerdir=/,upperdir={},workdir={}", upper.display(), work.display());
    attach("overlay", &root, "overlay", &halves)?;
    // From here on the machine's own files are out of reach of whatever goes wrong.
    let program = root.join("usr/bin/belay-agent");
    fs::File::create(&program).map_err(|error| format!("cannot make {}: {error}", program.display()))?;
    mount(Some(agent), &program, None::<&str>, MsFlags::MS_BIND, None::<&str>)
        .map_err(|error| format!("cannot show {} in the copy: {error}", agent.display()))?;
    attach("proc", &root.join("proc"), "proc", "")?;
    for (place, options) in [("dev", "mode=755,size=1m"), ("run", "mode=755,size=8m"), ("tmp", "mode=1777")] {
        tmpfs(&root.join(place), options)?;
    }
    make_nodes(&root.join("dev")).map_err(|error| format!("cannot make device nodes: {error}"))?;
    attach("devpts", &root.join("dev/pts"), "devpts", "newinstance,ptmxmode=0666,mode=620")?;
    nix::unistd::chroot(&root).map_err(|error| format!("cannot move into the copy: {error}"))?;
    std::env::set_current_dir("/").map_err(|error| format!("cannot move into the copy: {error}"))?;
    bring_loopback_up();
    Ok(())
}

fn make_nodes(dev: &Path) -> io::Result<()> {
    for (name, major, minor) in NODES {
        let path = dev.join(name);
        mknod(&path, SFlag::S_IFCHR, Mode::empty(), makedev(major, minor))?;
        fs::set_permissions(&path, Permissions::from_mode(0o666))?;
    }
    for (name, target) in
        [("fd", "/proc/self/fd"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2"), ("ptmx", "pts/ptmx")]
    {
        symlink(target, dev.join(name))?;
    }
    fs::create_dir(dev.join("pts"))?;
    fs::create_dir(dev.join("shm"))?;
    fs::set_permissions(dev.join("shm"), Permissions::from_mode(0o1777))
}

/// Without iproute2 the loopback stays down, and a test that needs it sees that nobody listens.
fn bring_loopback_up() {
    if Path::new("/usr/sbin/ip").exists() || Path::new("/sbin/ip").exists() {
        let _ = output(root("ip").args(["link", "set", "lo", "up"]));
    }
}

fn tmpfs(place: &Path, options: &str) -> Result<(), String> {
    attach("belay", place, "tmpfs", options)
}

fn attach(source: &str, place: &Path, kind: &str, options: &str) -> Result<(), String> {
    mount(Some(source), place, Some(kind), MsFlags::empty(), Some(options))
        .map_err(|error| format!("cannot mount {kind} at {}: {error}", place.display()))
}

fn make_folder(path: &Path) -> Result<(), String> {
    fs::create_dir(path).map_err(|error| format!("cannot make {}: {error}", path.display()))
}
