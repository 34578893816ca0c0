//! The one device that every case begins with a copy of: two updates and a bundle behind it, a conffile edited.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use crate::agent::{Agent, Launch};
use crate::bundle::{self, Bundle};
use crate::http::Endpoint;
use crate::ownership::write;
use crate::root_snapshot::RootSnapshot;
use crate::sandbox::Sandbox;
use crate::snapshot::Snapshot;
use crate::userland;
use crate::wait::wait_until;

use super::follower::Follower;
use super::scenario::{self, Request, recorder};

/// How long a job, or a recovery, may take on a machine that is busy with others.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// The generation that is in force on the template.
pub const GENERATION: u64 = 3;

/// What must be the same for a device to be called the same: its exact tier, what dpkg knows of each package's files
/// and scripts, the rollback file, and all that bundles change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    snapshot: Snapshot,
    info: BTreeMap<OsString, Vec<u8>>,
    rollback_file: Option<String>,
    files: RootSnapshot,
}

/// The prepared device, with its condition at each generation.
#[derive(Debug)]
pub struct Template {
    /// The device.
    pub sandbox: Sandbox,
    /// The agent's program.
    pub binary: PathBuf,
    /// What it was at generations 0 to 3.
    pub conditions: Vec<Condition>,
}

impl Condition {
    /// Measures a device without any code of the agent.
    ///
    /// # Panics
    /// When it cannot be read.
    pub fn of(sandbox: &Sandbox) -> Self {
        let rollback_file = fs::read_to_string(sandbox.state_dir().join("rollbackFile")).ok();
        let info = fs::read_dir(sandbox.path("var/lib/dpkg/info")).expect("dpkg's folder can be listed").map(|entry| {
            let entry = entry.expect("dpkg's folder can be listed");
            (entry.file_name(), fs::read(entry.path()).unwrap_or_default())
        });
        // Times are compared where a bundle goes back in the agent's own tests: two installations have two.
        let files = RootSnapshot::of_folders(&sandbox.root(), &["opt", "usr/share/soak-app"]).without("mtime");
        Self { snapshot: Snapshot::of(sandbox), info: info.collect(), rollback_file, files }
    }

    /// Says in sentences what is different in `new`; empty when nothing is.
    pub fn diff(&self, new: &Self) -> Vec<String> {
        let mut differences = self.snapshot.diff(&new.snapshot);
        differences.extend(self.files.diff(&new.files));
        let names: BTreeSet<&OsString> = self.info.keys().chain(new.info.keys()).collect();
        let changed = names.into_iter().filter(|name| self.info.get(*name) != new.info.get(*name));
        differences.extend(changed.map(|name| {
            let word = match (self.info.contains_key(name), new.info.contains_key(name)) {
                (false, _) => "is new",
                (true, false) => "is gone",
                (true, true) => "has other contents",
            };
            format!("dpkg's info/{} {word}", name.to_string_lossy())
        }));
        if self.rollback_file != new.rollback_file {
            differences.push(format!("rollbackFile was {:?}, is {:?}", self.rollback_file, new.rollback_file));
        }
        differences
    }
}

impl Template {
    /// Prepares the device with the agent itself, in a folder that will hold its copies as well.
    ///
    /// # Panics
    /// When the agent does not do plain updates: then there is nothing to kill.
    pub fn prepare(binary: &Path, folder: &Path) -> Self {
        let sandbox = Sandbox::new_in(folder);
        userland::install(&sandbox.root());
        sandbox.repository().publish(&scenario::packages());
        sandbox.install(&["soak-lib=1.0", "soak-app=1.0", "soak-old"]);
        write(&sandbox.path("etc/soak/app.conf"), "version = 1.0\nplace = roof\n");
        let mut conditions = vec![Condition::of(&sandbox)];
        let mut agent = launch(&sandbox, binary).start();
        let bundle = recorder("1.0", "good", "");
        let digest = bundle::digest(&bundle.gzip());
        put(&agent, Some(&bundle));
        for body in [
            r#"{"packages": ["soak-app=2.0", "soak-lib=2.0"]}"#,
            r#"{"packages": ["soak-app=3.0", "soak-lib=3.0"]}"#,
            &format!(r#"{{"bundle": {{"uploaded": "{digest}"}}}}"#),
        ] {
            let job = post(&agent, &Request { path: "/update", body: body.to_owned() });
            let (ended, _) = to_the_end(&agent, job);
            assert_eq!(ended["state"], "committed", "the template's own update did not end well: {ended:#}");
            conditions.push(Condition::of(&sandbox));
        }
        agent.stop();
        drop(agent);
        Self { sandbox, binary: binary.to_owned(), conditions }
    }
}

impl Template {
    /// Returns what the device is like as it is.
    ///
    /// # Panics
    /// Never: a prepared device has been measured.
    pub fn current(&self) -> &Condition {
        self.conditions.last().expect("a prepared device was measured")
    }
}

/// Describes how the agent is started on a copy.
pub fn launch<'a>(sandbox: &'a Sandbox, binary: &Path) -> Launch<'a> {
    let health = sandbox.path("usr/share/soak-app/health");
    Launch::new(sandbox, binary).toml(&format!(
        "[health]\nsettle_s = 0\n\n[[health.check]]\nname = \"app\"\ncommand = [\"/bin/grep\", \"-q\", \"good\", {health:?}]\n\
         grace_s = 0\ninterval_s = 0.05\nretries = 1\nsettle_s = 0.1\n"
    ))
}

/// Puts a bundle on the device, where there is one.
///
/// # Panics
/// When the agent does not take it.
pub fn put(agent: &Agent<'_>, bundle: Option<&Bundle>) {
    let Some(archive) = bundle.map(Bundle::gzip) else { return };
    let head = format!(
        "PUT /bundles HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/octet-stream\r\n\
         Content-Length: {}\r\n\r\n",
        archive.len()
    );
    let answer = Endpoint::Unix(agent.socket()).exchange([head.as_bytes(), &archive].concat());
    assert_eq!(answer.status, 201, "the agent did not take the bundle: {}", answer.text());
}

/// Asks for a job and returns its number once the agent has made it durable.
///
/// # Panics
/// When the agent does not take it.
pub fn post(agent: &Agent<'_>, request: &Request) -> u64 {
    let answer = Endpoint::Unix(agent.socket()).post(request.path, "application/json", &request.body);
    let job = answer.json();
    match job["id"].as_u64() {
        Some(id) if answer.status < 300 => id,
        Some(_) | None => panic!("the agent refused {}: {} {job}", request.body, answer.status),
    }
}

/// Waits for a job's end and returns it as the agent shows it, with what was heard on the way.
///
/// # Panics
/// When it takes too long.
pub fn to_the_end(agent: &Agent<'_>, job: u64) -> (Value, Follower) {
    let follower = Follower::of(&agent.socket(), job);
    let endpoint = Endpoint::Unix(agent.socket());
    wait_until(&format!("the end of job {job}"), PATIENCE, || {
        let status = endpoint.get("/status").json();
        status["job"].is_null().then_some(())
    });
    (endpoint.get(&format!("/jobs/{job}")).json(), follower)
}
