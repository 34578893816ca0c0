//! What is cut: an update, one that fails, one that is unhealthy, a rollback, an exchange of packages.

use std::time::Duration;

use belay_agent::config::Settings;
use belay_agent::durable::digest_of_file;
use belay_agent::host::device::{Archive, Device, Rung, Transaction};
use belay_agent::machine::rules::{CheckSpec, Probe};
use belay_protocol::job::{JobState, Request};
use belay_protocol::sync::Action;
use belay_protocol::{PackageList, Reason, ReleaseOrder};

use super::server::Server;
use crate::model::{ModelDeb, ModelDevice};

/// A device, what happened on it, and the request that is cut.
pub(super) struct Scenario {
    /// Settings beside the folders.
    pub(super) settings: Settings,
    /// Installs the old packages.
    pub(super) prepare: fn(&ModelDevice),
    /// Jobs that came before.
    pub(super) history: Vec<Request>,
    /// Offers the new packages.
    pub(super) publish: fn(&ModelDevice),
    /// The request, where no server orders something else.
    pub(super) request: Request,
    /// What a server orders instead.
    pub(super) order: Option<Action>,
    /// How it ends when nothing is cut.
    pub(super) ends: JobState,
}

/// Who asks, in one life.
#[derive(Debug, Clone)]
pub(super) enum Ask {
    /// Nobody.
    Nobody,
    /// Somebody on the device.
    Locally(Request),
    /// A server, at each poll.
    Server(Server),
}

/// Two packages that depend on one another, a conffile each, a new dependency.
pub(super) fn update() -> Scenario {
    Scenario {
        settings: Settings::default(),
        prepare: |device| install(device, &[app("1.0"), lib("1.0")]),
        history: Vec::new(),
        publish: |device| device.publish(&[app("2.0"), lib("2.0"), ModelDeb::new("demo-extra", "1.0")]),
        request: list("demo-app"),
        order: None,
        ends: JobState::Committed,
    }
}

/// The new version's postinst fails.
pub(super) fn failing_postinst() -> Scenario {
    Scenario {
        publish: |device| {
            let app = app("2.0").failing("postinst configure");
            device.publish(&[app, lib("2.0"), ModelDeb::new("demo-extra", "1.0")]);
        },
        ends: JobState::RolledBack,
        ..update()
    }
}

/// The update succeeds and the health gate says no.
pub(super) fn unhealthy() -> Scenario {
    let mut settings = Settings::default();
    settings.health.checks = vec![CheckSpec {
        name: "never".to_owned(),
        probe: Probe::Command(vec!["/bin/false".to_owned()]),
        required: true,
        grace: Duration::ZERO,
        interval: Duration::from_millis(1),
        retries: 0,
        timeout: Duration::from_secs(5),
        settle: Duration::ZERO,
    }];
    Scenario { settings, ends: JobState::RolledBack, ..update() }
}

/// One generation back.
pub(super) fn rollback() -> Scenario {
    Scenario {
        prepare: |device| {
            install(device, &[app("1.0"), lib("1.0")]);
            device.publish(&[app("2.0"), lib("2.0"), ModelDeb::new("demo-extra", "1.0")]);
        },
        history: vec![list("demo-app")],
        publish: |_| {},
        request: Request::Rollback { to: None, approve: Vec::new(), from: None },
        ends: JobState::RolledBack,
        ..update()
    }
}

/// A package takes the place of another one.
pub(super) fn exchange() -> Scenario {
    Scenario {
        prepare: |device| {
            let old =
                ModelDeb::new("old-tool", "1.0").conffile("/etc/old-tool.conf", "old\n").file("/usr/bin/old", "old\n");
            install(device, &[old]);
        },
        publish: |device| {
            let new = ModelDeb::new("new-tool", "1.0").conflicts("old-tool").conffile("/etc/new-tool.conf", "new\n");
            device.publish(&[new]);
        },
        request: Request::Update {
            packages: packages("new-tool"),
            dry_run: false,
            approve: vec![Reason::GuardRemoval],
            release: None,
            bundle: None,
        },
        ..update()
    }
}

fn app(version: &str) -> ModelDeb {
    let deb = ModelDeb::new("demo-app", version)
        .depends(&format!("demo-lib (= {version})"))
        .conffile("/etc/demo-app.conf", &format!("app {version}\n"))
        .file("/usr/bin/demo-app", &format!("program {version}\n"))
        .file(&format!("/usr/share/demo-app/{version}"), "only here\n");
    if version == "1.0" { deb } else { deb.depends("demo-extra") }
}

fn lib(version: &str) -> ModelDeb {
    ModelDeb::new("demo-lib", version)
        .conffile("/etc/demo-lib.conf", &format!("lib {version}\n"))
        .file("/usr/lib/demo", &format!("library {version}\n"))
}

fn list(text: &str) -> Request {
    Request::Update { packages: packages(text), dry_run: false, approve: Vec::new(), release: None, bundle: None }
}

/// The same as a release.
pub(super) fn release(version: &str) -> Request {
    let release = Some(ReleaseOrder { version: version.parse().expect("a version"), closure: None, manifest: None });
    Request::Update { packages: packages("demo-app"), dry_run: false, approve: Vec::new(), release, bundle: None }
}

fn packages(text: &str) -> PackageList {
    text.parse().expect("it is a list")
}

/// Puts packages on the device, and leaves them in its sources so that their .debs can be had.
fn install(device: &ModelDevice, debs: &[ModelDeb]) {
    device.publish(debs);
    let archive = |deb: &ModelDeb| {
        let path = device.repository().join(deb.file_name());
        Archive {
            package: deb.name.parse().expect("a name"),
            version: deb.version.parse().expect("a version"),
            architecture: deb.architecture.parse().expect("an architecture"),
            sha256: digest_of_file(&path).expect("it can be read"),
            path,
        }
    };
    let install = debs.iter().map(archive).collect();
    let transaction = Transaction { install, remove: vec![], purge: vec![], status: None, rung: Rung::Apply };
    device.transact(&transaction, &|_, _| {}).expect("an empty device takes packages");
}
