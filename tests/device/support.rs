//! A sandbox with a device on it, and the way for root to run a test as an ordinary user.

use std::path::{Path, PathBuf};
use std::time::Duration;

use belay_agent::config::settings::{Packages, Scripts, Undo};
use belay_agent::durable;
use belay_agent::host::apt::{AptDevice, AptSettings};
use belay_agent::host::device::{Archive, Device, PackageRef, Rung, Transaction};
use belay_protocol::plan::Change;
use belay_protocol::{Failure, PackageId, PackageList, Version};
use belay_testkit::command::{command, output, transcript};
use belay_testkit::tools::reachable_copy;
use belay_testkit::{Deb, Sandbox};

/// Defines a test that runs as an ordinary user: maintainer scripts outside a root must never have root rights.
macro_rules! ordinary {
    (fn $name:ident() $body:block) => {
        $crate::support::ordinary! { with None, fn $name() $body }
    };
    (with $tools:expr, fn $name:ident() $body:block) => {
        #[test]
        fn $name() {
            $crate::support::run(module_path!(), stringify!($name), $tools, || $body);
        }
    };
}
pub(crate) use ordinary;

/// Runs a test in a process of its own, with an ordinary user's rights and with dpkg-repack within reach where `tools`
/// names its folder.
#[track_caller]
pub(crate) fn run(module: &str, name: &str, tools: Option<PathBuf>, body: fn()) {
    if std::env::var_os(INSIDE).is_some() {
        return body();
    }
    let path = format!("{}::{name}", module.split_once("::").map_or(module, |(_, rest)| rest));
    let program = reachable_copy(&std::env::current_exe().unwrap());
    let mut child = command(program);
    child.args(["--exact", &path, "--nocapture"]).env(INSIDE, "1").env("BELAY_AGENT_PROGRAM", agent());
    if let Some(folder) = std::env::var_os("BELAY_TEST_DIR") {
        child.env("BELAY_TEST_DIR", folder);
    }
    if let Some(folder) = tools {
        child.env("PATH", format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", folder.display()));
    }
    let finished = output(&mut child);
    let text = transcript(&finished);
    assert!(finished.status.success(), "{text}");
    assert!(text.contains("1 passed"), "{path} was not found:\n{text}");
}

const INSIDE: &str = "BELAY_DEVICE_TEST";

/// The built agent, where the ordinary user can run it.
pub(crate) fn agent() -> PathBuf {
    std::env::var_os("BELAY_AGENT_PROGRAM")
        .map_or_else(|| reachable_copy(Path::new(env!("CARGO_BIN_EXE_belay-agent"))), PathBuf::from)
}

pub(crate) struct World {
    pub(crate) sandbox: Sandbox,
    pub(crate) device: AptDevice,
}

impl World {
    /// A sandbox whose repository offers these packages, and a device on it.
    pub(crate) fn offering(debs: &[Deb]) -> Self {
        let sandbox = Sandbox::new();
        sandbox.repository().publish(debs);
        let device = device(&sandbox);
        Self { sandbox, device }
    }

    pub(crate) fn resolve(&self, list: &str) -> Result<Vec<Change>, Failure> {
        self.device.resolve(&list.parse::<PackageList>().unwrap(), &|_, _| ())
    }

    /// The changes that a list leads to, a line each.
    pub(crate) fn plan(&self, list: &str) -> Vec<String> {
        self.resolve(list).unwrap().iter().map(Change::describe).collect()
    }

    /// The archive of a published package as a transaction takes it: a copy in a vault.
    pub(crate) fn archive(&self, name: &str, version: &str) -> Archive {
        let published = self.sandbox.repository().deb(name, version);
        let sha256 = durable::digest_of_file(&published).unwrap();
        let folder = self.sandbox.dir().join("vault");
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join(format!("{sha256}.deb"));
        std::fs::copy(&published, &path).unwrap();
        let architecture = published.to_str().unwrap().rsplit(['_', '.']).nth(1).unwrap().parse().unwrap();
        Archive { package: id(name), version: version.parse::<Version>().unwrap(), architecture, path, sha256 }
    }

    /// A transaction that installs these versions.
    pub(crate) fn install(&self, rung: Rung, packages: &[(&str, &str)]) -> Transaction {
        let install = packages.iter().map(|(name, version)| self.archive(name, version)).collect();
        Transaction { install, remove: Vec::new(), purge: Vec::new(), status: None, rung }
    }

    /// Rewrites a package's status behind dpkg's back, as a crash leaves it.
    pub(crate) fn set_status(&self, name: &str, status: &str) {
        let path = self.sandbox.path("var/lib/dpkg/status");
        let text = std::fs::read_to_string(&path).unwrap();
        let mut inside = false;
        let lines = text.lines().map(|line| {
            if let Some(found) = line.strip_prefix("Package: ") {
                inside = found == name;
            }
            if inside && line.starts_with("Status: ") { format!("Status: {status}\n") } else { format!("{line}\n") }
        });
        durable::write_atomic(&path, lines.collect::<String>().as_bytes(), 0o644).unwrap();
    }

    /// `name version status`, a line each.
    pub(crate) fn packages(&self) -> Vec<String> {
        let text = self.sandbox.dpkg_query("${Package} ${Version} ${db:Status-Abbrev}\\n");
        text.lines().map(|line| line.trim().to_owned()).collect()
    }
}

pub(crate) fn device(sandbox: &Sandbox) -> AptDevice {
    AptDevice::new(settings(sandbox)).unwrap()
}

pub(crate) fn settings(sandbox: &Sandbox) -> AptSettings {
    AptSettings {
        reboot_command: vec!["/bin/true".to_owned()],
        root: sandbox.root(),
        scripts: Scripts::Chrootless,
        work: sandbox.state_dir().join("work"),
        packages: Packages {
            install_recommends: false,
            undo: Undo::Required,
            lock_timeout: Duration::from_secs(1),
            fetch_timeout: Duration::from_secs(3),
            apt_timeout: Duration::from_secs(60),
        },
        program: agent(),
    }
}

pub(crate) fn id(name: &str) -> PackageId {
    name.parse().unwrap()
}

pub(crate) fn reference(name: &str) -> PackageRef {
    PackageRef { package: id(name), architecture: "all".parse().unwrap() }
}
