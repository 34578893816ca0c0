//! What the device is asked to do while its disk is recorded: packages forth and back, then a bundle forth and back.
//!
//! The packages bring what undo has to care for: files that change, come and go, conffiles, one of them edited,
//! maintainer scripts, a dependency, a folder of their own. The bundle replaces, adds, deletes, links and changes modes.

use std::path::Path;

use belay_testkit::{Bundle, Deb, Repository, Script};

/// One job of the recorded story.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Job {
    /// Three packages go up, one of them new.
    Update,
    /// And back.
    Rollback,
    /// A bundle is installed.
    Bundle,
    /// And withdrawn.
    Withdrawal,
}

impl Job {
    /// All of them, in their order.
    pub const ALL: [Self; 4] = [Self::Update, Self::Rollback, Self::Bundle, Self::Withdrawal];

    /// The name in results.
    pub fn name(self) -> &'static str {
        match self {
            Self::Update => "update",
            Self::Rollback => "rollback",
            Self::Bundle => "bundle",
            Self::Withdrawal => "bundle-rollback",
        }
    }

    /// What is typed on the device, without `belay-agent`.
    pub fn arguments(self) -> &'static str {
        match self {
            Self::Update => "update cut-app=2.0",
            Self::Bundle => "update --bundle /srv/recorder-2.0.tar.gz",
            Self::Rollback | Self::Withdrawal => "rollback",
        }
    }

    /// Tells whether it goes back.
    pub fn is_rollback(self) -> bool {
        match self {
            Self::Update | Self::Bundle => false,
            Self::Rollback | Self::Withdrawal => true,
        }
    }

    /// The generation in force before and after it.
    pub fn generations(self) -> (u64, u64) {
        match self {
            Self::Update => (0, 1),
            Self::Rollback => (1, 0),
            Self::Bundle => (0, 2),
            Self::Withdrawal => (2, 0),
        }
    }

    /// How the job ends when nobody interferes, in the agent's words.
    pub fn end(self) -> &'static str {
        match self {
            Self::Update | Self::Bundle => "committed",
            Self::Rollback | Self::Withdrawal => "rolled_back",
        }
    }
}

/// The packages that the device has before the story begins.
pub const INSTALLED: [&str; 2] = ["cut-app=1.0", "cut-lib=1.0"];

/// Publishes every package and builds the bundle, below a device's `/srv`.
pub fn publish(srv: &Path) {
    let debs = ["1.0", "2.0"].into_iter().flat_map(|version| [app(version), library(version)]);
    let debs: Vec<Deb> = debs.chain([addition()]).collect();
    Repository::new(&srv.join("repository")).publish(&debs);
    bundle().write(srv, "recorder-2.0.tar.gz");
}

/// Says on the console, where there is one, what dpkg is doing, so that a cut can be aimed at it; `more` is what the
/// package does itself when it is configured.
fn speaking(deb: Deb, more: &str) -> Deb {
    let scripts = [(Script::Preinst, "unpacking"), (Script::Postinst, "configuring"), (Script::Prerm, "removing")];
    let name = deb.name().to_owned();
    scripts.into_iter().fold(deb, |deb, (script, doing)| {
        let more = if script == Script::Postinst { more } else { "" };
        let say = format!("if [ -c /dev/ttyS0 ]; then echo \"dpkg: {doing} {name} ($1)\" >/dev/ttyS0; fi");
        deb.script(script, &format!("{say}\n{more}"))
    })
}

fn app(version: &str) -> Deb {
    let (only, folder) = if version == "1.0" { ("old", "first") } else { ("new", "second") };
    let app = Deb::new("cut-app", version)
        .file("/usr/bin/cut-app", format!("#!/bin/sh\necho {version}\n"))
        .file("/usr/share/cut-app/data", version.repeat(20_000))
        .file(&format!("/usr/share/cut-app/{only}"), only)
        .file(&format!("/usr/share/cut-app/{folder}/only"), version)
        .symlink("/usr/share/cut-app/current", folder)
        .conffile("/etc/cut/app.conf", format!("version = {version}\n"))
        .conffile("/etc/cut/kept.conf", "never changed\n");
    let app = if version == "1.0" { app } else { app.depends("cut-lib (>= 2.0), cut-addition") };
    let app = if version == "1.0" { app } else { app.conffile("/etc/cut/new.conf", "new in 2.0\n") };
    speaking(app, "")
}

fn library(version: &str) -> Deb {
    let library = Deb::new("cut-lib", version)
        .file("/usr/lib/cut/lib", format!("lib {version}\n"))
        .file(&format!("/usr/lib/cut/lib.{version}"), version)
        .conffile("/etc/cut/lib.conf", format!("lib = {version}\n"))
        .size(600_000);
    speaking(library, &format!("mkdir -p /etc/cut/made\necho {version} >/etc/cut/made/by-postinst"))
}

fn addition() -> Deb {
    let addition = Deb::new("cut-addition", "1.0")
        .file("/usr/bin/cut-addition", "#!/bin/sh\n")
        .conffile("/etc/cut/addition.conf", "added\n")
        .size(200_000);
    speaking(addition, "")
}

fn bundle() -> Bundle {
    let script = "cp -r new /opt/recorder/new\n\
                  cp program /opt/recorder/program.next\n\
                  mv /opt/recorder/program.next /opt/recorder/program\n\
                  echo 'rate = 2' >/opt/recorder/settings\n\
                  rm /opt/recorder/old\n\
                  rm -r /opt/recorder/gone\n\
                  ln -sfn data-2 /opt/recorder/current\n\
                  chmod 0700 /opt/recorder/secret\n\
                  echo 'recorder = 2' >/etc/recorder.conf\n\
                  mkdir -p /opt/recorder/empty";
    Bundle::new(script)
        .file("program", 0o755, format!("#!/bin/sh\necho 2.0\n# {}\n", "x".repeat(100_000)))
        .file("new/one", 0o644, "one\n")
        .file("new/two", 0o640, "two\n".repeat(5_000))
        .toml("version = \"2.0\"\n")
}

/// What the story finds on the device, as shell commands: what the bundle will change, and a conffile that somebody edited.
pub const FOUND: &str = "echo 'a line of my own' >>/etc/cut/lib.conf\n\
    mkdir -p /opt/recorder/data-1 /opt/recorder/gone/deep\n\
    echo 'echo 1.0' >/opt/recorder/program; chmod 755 /opt/recorder/program\n\
    echo 'rate = 1' >/opt/recorder/settings\n\
    echo old >/opt/recorder/old\n\
    echo gone >/opt/recorder/gone/deep/file; chown 1:1 /opt/recorder/gone/deep/file\n\
    ln -s data-1 /opt/recorder/current\n\
    echo secret >/opt/recorder/secret; chmod 0644 /opt/recorder/secret\n\
    echo 'recorder = 1' >/etc/recorder.conf\n";
