//! The device's disk before the story begins: a small Debian with the agent installed, as one ext4 file system.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use belay_lab::{Base, Suite};

use crate::command::{command, run};
use crate::payload;

/// What an image is made from.
#[derive(Clone, Debug)]
pub struct Recipe {
    /// The agent's package.
    pub deb: PathBuf,
}

/// Bytes of the whole disk.
pub const SIZE: u64 = 600 << 20;

/// Of `/usr/share`: keeps the disk small, and its copies quick.
const LEFT_OUT: [&str; 5] = ["doc", "locale", "man", "info", "zoneinfo"];

impl Recipe {
    /// Makes the image, at a place where none is.
    ///
    /// # Errors
    /// What could not be fetched, installed or written.
    pub fn make(&self, image: &Path) -> Result<(), String> {
        let folder = tempfile::tempdir().map_err(|error| format!("cannot make a temporary folder: {error}"))?;
        let tree = folder.path().join("tree");
        run(command("cp").args(["-a", "--no-target-directory"]).arg(Base::of(Suite::Bookworm).folder()).arg(&tree))?;
        for name in LEFT_OUT {
            run(command("rm").args(["-rf", "--one-file-system"]).arg(tree.join("usr/share").join(name)))?;
        }
        self.install(&tree)?;
        prepare(&tree)?;
        let file = fs::File::create(image).and_then(|file| file.set_len(SIZE));
        file.map_err(|error| format!("cannot make {}: {error}", image.display()))?;
        // Everything that a first mount would do in the background is done now: it would only fill the log.
        let options = ["-q", "-t", "ext4", "-E", "lazy_itable_init=0,lazy_journal_init=0,nodiscard", "-d"];
        run(command("mke2fs").args(options).arg(&tree).arg(image))?;
        run(command("rm").args(["-r", "--one-file-system"]).arg(&tree)).map(drop)
    }

    fn install(&self, tree: &Path) -> Result<(), String> {
        let inside = tree.join("srv/belay-agent.deb");
        fs::copy(&self.deb, &inside).map_err(|error| format!("cannot read {}: {error}", self.deb.display()))?;
        payload::publish(&tree.join("srv"));
        let sources = "deb [trusted=yes] file:/srv/repository ./\n";
        let script = format!(
            "set -e\n\
             chown -R root:root /srv\n\
             rm -f /etc/apt/sources.list /etc/apt/sources.list.d/*\n\
             printf '{sources}' >/etc/apt/sources.list.d/powercut.list\n\
             dpkg -i /srv/belay-agent.deb\n\
             rm /srv/belay-agent.deb\n\
             apt-get -q -o APT::Sandbox::User=root update\n\
             apt-get -q -y --no-install-recommends install {installed}\n\
             {found}",
            sources = sources.replace('\n', "\\n"),
            installed = payload::INSTALLED.join(" "),
            found = payload::FOUND,
        );
        run(command("chroot").arg(tree).args(["/bin/sh", "-c", &script])).map(drop)
    }
}

/// What makes a device of the tree: settings, and a shell on the serial console.
fn prepare(tree: &Path) -> Result<(), String> {
    let units = tree.join("etc/systemd/system");
    let wants = units.join("multi-user.target.wants");
    let settings = tree.join("etc/belay/agent.toml.d");
    for folder in [&units, &wants, &settings] {
        fs::create_dir_all(folder).map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
    }
    put(&tree.join("etc/hostname"), "powercut\n")?;
    put(&tree.join("etc/machine-id"), "5f1b9f2f6e4b4c0e9a3d1c2b3a495867\n")?;
    // The device is judged some thousand times: one second of watching is enough where nothing is wrong.
    put(&settings.join("powercut.toml"), "[health]\nsettle_s = 1\n")?;
    put(&units.join("powercut.service"), CONSOLE)?;
    link("/etc/systemd/system/powercut.service", &wants.join("powercut.service"))?;
    // The console is the unit's above.
    for unit in SILENCED {
        link("/dev/null", &units.join(unit))?;
    }
    Ok(())
}

/// What only costs time in a thousand containers, or writes when it likes.
const SILENCED: [&str; 7] = [
    "serial-getty@.service",
    "getty@.service",
    "systemd-logind.service",
    "e2scrub_reap.service",
    "apt-daily.timer",
    "apt-daily-upgrade.timer",
    "dpkg-db-backup.timer",
];

/// A shell that reads commands from the serial console and says after each how it ended. In a container there is none.
const CONSOLE: &str = r#"[Unit]
Description=Commands from the serial console
ConditionPathExists=/dev/ttyS0
After=belay-agent.service

[Service]
StandardInput=tty-force
StandardOutput=tty
StandardError=tty
TTYPath=/dev/ttyS0
ExecStart=/bin/bash -c 'stty -echo; systemctl is-system-running --wait; echo "@@ ready"; while read -r line; do eval "$line"; echo "@@ $?"; done'
"#;

fn put(path: &Path, text: &str) -> Result<(), String> {
    #[expect(clippy::disallowed_methods, reason = "the tree is thrown away after the image was made from it")]
    fs::write(path, text).map_err(|error| format!("cannot write {}: {error}", path.display()))
}

fn link(target: &str, path: &Path) -> Result<(), String> {
    symlink(target, path).map_err(|error| format!("cannot link {}: {error}", path.display()))
}
