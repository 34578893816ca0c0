//! What a script sees: the root and its file systems as layers, and everything that would reach the live system as a
//! private one.

use std::fs;
use std::path::{Component, Path, PathBuf};

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::unistd::pivot_root;

use super::layer::{attach, bind, bind_file, copy, folder, freeze, link, overlay};
use super::mounts::{self, Mount, PRIVATE, Treatment};
use super::{Mounted, Refused, Sees, Spec, place, refused};
use crate::host::bundle::capture::LayerKind;
use crate::host::bundle::shims;

/// What was built.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// The file systems that can be written to.
    pub(super) layers: Vec<Mounted>,
    /// What a person should know.
    pub(super) notes: Vec<String>,
}

/// A view that is being built.
struct View<'a> {
    spec: &'a Spec,
    /// Where it is mounted until this process moves into it.
    stage: PathBuf,
    table: Vec<Mount>,
    /// Whether this is a user namespace.
    plain: bool,
    seen: Seen,
}

/// Builds what the script sees, and moves this process into it. The mount namespace is this process's own.
pub(super) fn enter(spec: &Spec) -> Result<Seen, Refused> {
    let root = Path::new("/");
    mount(None::<&str>, root, None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None::<&str>)
        .map_err(|error| refused("make private", root, &error.into()))?;
    let stage = spec.scratch.join("root");
    folder(&stage, 0o755)?;
    let table = mounts::parse(&read("/proc/self/mountinfo")?);
    // Only the first user namespace holds all users there are.
    let plain = !String::from_utf8_lossy(&read("/proc/self/uid_map")?).split_whitespace().eq(["0", "0", "4294967295"]);
    let mut view = View { spec, stage, table, plain, seen: Seen::default() };
    match spec.sees {
        Sees::Overlay => view.layers()?,
        Sees::Root | Sees::System => bind(&spec.root, &view.stage)?,
    }
    view.hide_scratch()?;
    view.kernel()?;
    view.devices()?;
    view.memory()?;
    view.own()?;
    view.shims()?;
    view.move_in()?;
    Ok(view.seen)
}

impl View<'_> {
    /// The root and what is mounted below it.
    fn layers(&mut self) -> Result<(), Refused> {
        let folder_of = |number: usize| self.spec.scratch.join("layers").join(number.to_string());
        let skeleton = self.skeleton()?;
        let mut lowers = vec![self.spec.root.as_path()];
        lowers.extend(skeleton.as_deref());
        let upper = overlay(&lowers, &folder_of(0), &self.stage, self.plain)?;
        self.seen.layers.push(Mounted { at: PathBuf::new(), upper, kind: LayerKind::Overlay });
        for (number, (at, mount)) in mounts::below(&self.spec.root, &self.table).into_iter().enumerate() {
            let folder = folder_of(number + 1);
            let place = self.stage.join(&at);
            if fs::symlink_metadata(&place).is_err() {
                self.seen.notes.push(format!("the script did not see {}, which lies in a hidden folder", at.display()));
                continue;
            }
            let treatment = if place.is_dir() { mount.treatment() } else { Treatment::ReadOnly };
            match treatment {
                Treatment::Layer(kind) => {
                    let upper = match kind {
                        LayerKind::Overlay => overlay(&[mount.place.as_path()], &folder, &place, self.plain)?,
                        LayerKind::Copy => copied(&mount.place, &folder, &place)?,
                    };
                    self.seen.layers.push(Mounted { at, upper, kind });
                }
                Treatment::ReadOnly => {
                    bind(&mount.place, &place)?;
                    freeze(&place)?;
                }
                Treatment::Hidden => {
                    // Not even looked at: a server that does not answer would hold up everything.
                    attach("tmpfs", &place, MsFlags::MS_RDONLY | NOTHING, "size=4k,mode=555")?;
                    let text = format!("the script did not see {}, which is {}", mount.place.display(), mount.kind);
                    self.seen.notes.push(text);
                }
            }
        }
        Ok(())
    }

    /// A folder with what the root lacks to be mounted on, below all layers; none where it lacks nothing.
    fn skeleton(&self) -> Result<Option<PathBuf>, Refused> {
        let missing = |name: &&str| fs::symlink_metadata(self.spec.root.join(name)).is_err();
        let missing: Vec<_> = PRIVATE.into_iter().filter(missing).collect();
        if missing.is_empty() {
            return Ok(None);
        }
        let skeleton = self.spec.scratch.join("skeleton");
        for name in missing {
            folder(&skeleton.join(name), 0o755)?;
        }
        Ok(Some(skeleton))
    }

    /// Where the layers themselves lie is no place for a script.
    fn hide_scratch(&self) -> Result<(), Refused> {
        let Ok(at) = self.spec.scratch.strip_prefix(&self.spec.root) else { return Ok(()) };
        let place = self.stage.join(at);
        if !place.is_dir() {
            return Ok(());
        }
        attach("tmpfs", &place, MsFlags::MS_RDONLY | NOTHING, "size=4k,mode=500")
    }

    /// `/proc` and `/sys`. What changes the kernel through them changes the live one: it is read-only.
    fn kernel(&self) -> Result<(), Refused> {
        let proc = self.folder("proc")?;
        attach("proc", &proc, NOTHING, "")?;
        for name in ["sys", "sysrq-trigger", "irq", "bus"] {
            let path = proc.join(name);
            if path.exists() {
                bind(&path, &path)?;
                freeze(&path)?;
            }
        }
        let sys = self.folder("sys")?;
        if attach("sysfs", &sys, MsFlags::MS_RDONLY | NOTHING, "").is_ok() {
            return Ok(());
        }
        // A user namespace without a network of its own gets the live one, with what is mounted in it.
        bind(Path::new("/sys"), &sys)?;
        freeze(&sys)?;
        for mount in &self.table {
            if let Ok(at) = mount.place.strip_prefix("/sys") {
                // Some of these nobody but root may even look at.
                let _ = freeze(&sys.join(at));
            }
        }
        Ok(())
    }

    /// A `/dev` with the nodes that every program expects, and no disk.
    fn devices(&self) -> Result<(), Refused> {
        let dev = self.folder("dev")?;
        attach("tmpfs", &dev, MsFlags::MS_NOSUID | MsFlags::MS_NOEXEC, "size=64k,mode=755")?;
        for name in ["null", "zero", "full", "random", "urandom", "tty"] {
            let node = Path::new("/dev").join(name);
            if node.exists() {
                bind_file(&node, &dev.join(name))?;
            }
        }
        for (name, target) in
            [("fd", "/proc/self/fd"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2"), ("ptmx", "pts/ptmx")]
        {
            link(target, &dev.join(name))?;
        }
        folder(&dev.join("pts"), 0o755)?;
        // A script without a terminal can do without one.
        let _ = attach("devpts", &dev.join("pts"), QUIET, "newinstance,ptmxmode=0666,mode=620");
        folder(&dev.join("shm"), 0o1777)?;
        attach("tmpfs", &dev.join("shm"), QUIET, "mode=1777")
    }

    /// `/run` and `/tmp`. No socket of the live system is in them: that is what keeps a script from it.
    fn memory(&self) -> Result<(), Refused> {
        let run = self.folder("run")?;
        let systemd = self.spec.root.join("run/systemd/system").is_dir();
        attach("tmpfs", &run, QUIET, "mode=755")?;
        folder(&run.join("lock"), 0o1777)?;
        if systemd {
            // Programs look here to learn whether they may call systemctl.
            folder(&run.join("systemd/system"), 0o755)?;
        }
        if let Some(at) = self.resolver() {
            let (source, place) = (self.spec.root.join(&at), self.stage.join(&at));
            if let Some(parent) = place.parent().filter(|_| source.is_file()) {
                folder(parent, 0o755)?;
                bind_file(&source, &place)?;
                freeze(&place)?;
            }
        }
        if fs::symlink_metadata(self.stage.join("tmp")).is_ok_and(|found| found.is_symlink()) {
            return Ok(());
        }
        attach("tmpfs", &self.folder("tmp")?, QUIET, "mode=1777")
    }

    /// Where `/etc/resolv.conf` points, below the root, if that is in `/run`.
    fn resolver(&self) -> Option<PathBuf> {
        let target = Path::new("/etc").join(fs::read_link(self.stage.join("etc/resolv.conf")).ok()?);
        let mut path = PathBuf::new();
        for part in target.components() {
            match part {
                Component::Normal(name) => path.push(name),
                Component::ParentDir => drop(path.pop()),
                Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
            }
        }
        path.starts_with("run").then_some(path)
    }

    /// Belay's own folder: the program, its socket and the bundle, which the script may change without changing it.
    fn own(&self) -> Result<(), Refused> {
        folder(&self.inner(place::BELAY), 0o755)?;
        bind_file(&self.spec.program, &self.inner(place::PROGRAM))?;
        if self.spec.socket.exists() {
            bind_file(&self.spec.socket, &self.inner(place::SOCKET))?;
        }
        let bundle = self.inner(place::BUNDLE);
        folder(&bundle, 0o755)?;
        overlay(&[self.spec.bundle.as_path()], &self.spec.scratch.join("bundle"), &bundle, self.plain).map(drop)
    }

    /// Programs that stand in for others: first in PATH, and over the ones that are called by their path.
    fn shims(&self) -> Result<(), Refused> {
        let shims = self.inner(place::SHIMS);
        folder(&shims, 0o755)?;
        for name in shims::NAMES {
            link(place::PROGRAM, &shims.join(name))?;
        }
        let folders = ["usr/bin", "usr/sbin", "bin", "sbin"].map(|folder| self.stage.join(folder));
        let is_folder = |path: &&PathBuf| fs::symlink_metadata(path).is_ok_and(|found| found.is_dir());
        let is_file = |path: &PathBuf| fs::symlink_metadata(path).is_ok_and(|found| found.is_file());
        // Some of what they stand in for they ask themselves.
        let real = self.inner(place::REAL);
        folder(&real, 0o755)?;
        for name in shims::NAMES {
            let places = folders.iter().filter(is_folder).map(|folder| folder.join(name));
            if let Some(path) = places.into_iter().find(is_file) {
                bind_file(&path, &real.join(name))?;
            }
        }
        for folder in folders.iter().filter(is_folder) {
            // A link is left alone: it may lead to a program that is much else besides.
            for path in shims::NAMES.iter().map(|name| folder.join(name)).filter(is_file) {
                bind(&self.spec.program, &path)?;
            }
        }
        Ok(())
    }

    /// Makes the view this process's root and lets go of the old one.
    fn move_in(&self) -> Result<(), Refused> {
        let failed = |error: std::io::Error| refused("move into", &self.stage, &error);
        std::env::set_current_dir(&self.stage).map_err(failed)?;
        pivot_root(".", ".").map_err(|error| failed(error.into()))?;
        umount2(".", MntFlags::MNT_DETACH).map_err(|error| failed(error.into()))?;
        std::env::set_current_dir("/").map_err(failed)
    }

    /// A folder of the root that something is mounted on.
    fn folder(&self, name: &str) -> Result<PathBuf, Refused> {
        let path = self.stage.join(name);
        if fs::symlink_metadata(&path).is_ok_and(|found| found.is_dir()) {
            return Ok(path);
        }
        let message = format!("/{name} is no folder on this device");
        Err(Refused { message, full: false })
    }

    /// Where a path of the view is until this process moves into it.
    fn inner(&self, path: &str) -> PathBuf {
        self.stage.join(path.trim_start_matches('/'))
    }
}

/// A whole copy of a file system, shown in its place.
fn copied(from: &Path, folder: &Path, place: &Path) -> Result<PathBuf, Refused> {
    let whole = folder.join("copy");
    copy(from, &whole)?;
    bind(&whole, place)?;
    Ok(whole)
}

fn read(path: &str) -> Result<Vec<u8>, Refused> {
    fs::read(path).map_err(|error| refused("read", Path::new(path), &error))
}

/// Neither devices nor setuid programs.
const QUIET: MsFlags = MsFlags::MS_NOSUID.union(MsFlags::MS_NODEV);

/// Nor any program.
const NOTHING: MsFlags = QUIET.union(MsFlags::MS_NOEXEC);
