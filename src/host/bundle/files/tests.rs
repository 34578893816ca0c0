//! Scripts run over real overlays; what comes of their plans is compared with the same script on a real root.

mod crash;
mod others;
mod refused;
mod scripts;

use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};

use belay_protocol::Failure;
use belay_testkit::RootSnapshot;
use belay_testkit::command::{command, ordinary_user, succeed};
use belay_testkit::ownership::{base_dir, create_dir, write};

use super::FilePlan;
use crate::host::bundle::capture::{Layer, LayerKind, Rehearsal};

/// What every root holds before a script runs.
const ROOT: &str = r"
umask 022
mkdir -p etc/app.d opt/app/v1/deep/er opt/app/v2 usr/bin var/lib/dpkg var/lib/belay var/log home tmp run
echo old > etc/app.conf; echo other > etc/other.conf; echo part > etc/app.d/part
printf program-1 > usr/bin/app; chmod 4755 usr/bin/app
printf linked > usr/bin/one; ln usr/bin/one usr/bin/two
echo a > opt/app/v1/a; echo b > opt/app/v1/deep/er/b; echo a2 > opt/app/v2/a
ln -s v1 opt/app/current
mkfifo var/pipe; echo status > var/lib/dpkg/status; echo secret > etc/secret; chmod 600 etc/secret
setcap cap_net_raw=ep etc/other.conf 2>/dev/null || true
attr etc/app.d note old; attr etc/app.conf note old
find . -exec touch -h -d '2020-02-02 02:02:02.123456789' {} +
";

/// Sets an attribute in a script: `attr path name value`.
const ATTR: &str = r#"attr() { perl -e 'syscall(188, $ARGV[0], "user.$ARGV[1]", $ARGV[2], length $ARGV[2], 0) == 0 or die $!' "$@"; }
"#;

/// A root, what a script made of it over an overlay, and a twin of the root on which the same script ran.
pub(super) struct World {
    folder: tempfile::TempDir,
    pub(super) old: RootSnapshot,
    pub(super) rehearsal: Rehearsal,
}

impl World {
    pub(super) fn new(script: &str) -> Self {
        Self::on("", script)
    }

    /// With more in the root than every root holds.
    pub(super) fn on(more: &str, script: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("belay-files-").tempdir_in(base_dir()).unwrap();
        for name in ["root", "upper", "work", "merged", "point"] {
            create_dir(&folder.path().join(name));
        }
        let mut world = Self { old: RootSnapshot::of(&folder.path().join("root")), folder, rehearsal: nothing() };
        world.run(&format!("cd root\n{ATTR}{ROOT}\n{more}"));
        world.run("cp -a root twin");
        world.old = RootSnapshot::of(&world.root());
        world.rehearsal.began = world.tick();
        world.run(&format!(
            "mount -t overlay overlay -o lowerdir=root,upperdir=upper,workdir=work,redirect_dir=nofollow,metacopy=off,\
             index=off{} merged\ncd merged\n{ATTR}{script}",
            if ordinary_user().is_some() { "" } else { ",userxattr" }
        ));
        world.run(&format!("cd twin\n{ATTR}{script}"));
        let upper = world.at("upper");
        world.rehearsal.layers = vec![Layer { at: PathBuf::new(), upper, kind: LayerKind::Overlay }];
        world
    }

    /// Runs a script in namespaces of its own, as somebody who is root there.
    pub(super) fn run(&self, script: &str) {
        let mut unshare = command("unshare");
        if ordinary_user().is_some() {
            unshare.uid(0).gid(0).args(["--mount", "--propagation", "private"]);
        } else {
            unshare.args(["--user", "--map-root-user", "--mount"]);
        }
        succeed(unshare.args(["sh", "-ec", script]).current_dir(self.folder.path()));
    }

    pub(super) fn at(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    pub(super) fn root(&self) -> PathBuf {
        self.at("root")
    }

    pub(super) fn point(&self) -> PathBuf {
        self.at("point")
    }

    pub(super) fn now(&self) -> RootSnapshot {
        RootSnapshot::of(&self.root())
    }

    pub(super) fn plan(&self) -> Result<FilePlan, Failure> {
        FilePlan::of(&self.root(), &self.rehearsal, &self.root().join("var/lib/state"))
    }

    /// Plans, archives and applies.
    pub(super) fn update(&self) -> FilePlan {
        let plan = self.plan().unwrap();
        plan.archive(&self.root(), &self.rehearsal, &self.point()).unwrap();
        plan.apply(&self.root(), &self.rehearsal).unwrap();
        plan
    }

    pub(super) fn undo(&self, committed: bool) -> Result<Vec<String>, Failure> {
        FilePlan::load(&self.point()).unwrap().unwrap().undo(&self.root(), &self.point(), committed)
    }

    /// Waits for the file system's clock to go on, and tells its time.
    pub(super) fn tick(&self) -> (i64, u32) {
        let probe = || {
            write(&self.at("probe"), "");
            let seen = self.at("probe").metadata().unwrap();
            let time = (seen.ctime(), u32::try_from(seen.ctime_nsec()).unwrap());
            std::fs::remove_file(self.at("probe")).unwrap();
            time
        };
        let first = probe();
        belay_testkit::wait_until("the clock to go on", std::time::Duration::from_secs(5), || {
            Some(probe()).filter(|now| *now > first)
        })
    }
}

pub(super) fn nothing() -> Rehearsal {
    Rehearsal { layers: Vec::new(), calls: Vec::new(), reboot: None, began: (0, 0), notes: Vec::new() }
}

/// Every path with only its owner, for [`RootSnapshot::fact`].
pub(super) fn same_time(one: &RootSnapshot, other: &RootSnapshot, path: &Path) -> bool {
    one.fact(path, "mtime") == other.fact(path, "mtime")
}

/// Runs the tests of this folder once more as an ordinary user, whose overlays live in a user namespace.
#[test]
fn an_ordinary_user_sees_the_same() {
    let Some((uid, gid)) = ordinary_user() else { return };
    let mut again = command(std::env::current_exe().unwrap());
    again.uid(uid).gid(gid).current_dir(base_dir()).args(["host::bundle::files::tests", "--test-threads=2"]);
    let said = succeed(&mut again);
    assert!(said.contains("test result: ok") && !said.contains(" 0 passed"), "{said}");
}
