//! What is under way when everything is killed: the jobs, and the packages that they need.

use crate::bundle::{self, Bundle};
use crate::deb::{Deb, Script};

/// A job on a device that has two updates and a bundle behind it (generation 3 in force).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scenario {
    /// Two packages that depend on one another go up, with conffiles, one of them edited.
    Upgrade,
    /// A package comes that was never there, with one that it depends on.
    Install,
    /// A package comes, and another one that stands in its way goes.
    Removal,
    /// The second of two packages fails in its postinst.
    FailingPostinst,
    /// Everything installs well, and the health check fails.
    Unhealthy,
    /// A bundle's script runs over an overlay; it brings a package as well.
    Bundle,
    /// A bundle's script runs on the root.
    DirectBundle,
    /// A bundle's script fails half-way.
    FailingScript,
    /// A bundle is installed well, and the health check fails.
    UnhealthyBundle,
    /// One generation back: a bundle goes.
    BackOne,
    /// To the state before the first update: a bundle goes, and two lists.
    BackAll,
}

/// A job as it is posted to the agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The route.
    pub path: &'static str,
    /// The JSON body.
    pub body: String,
}

impl Scenario {
    /// Every scenario.
    pub const ALL: &'static [Self] = &[
        Self::Upgrade,
        Self::Install,
        Self::Removal,
        Self::FailingPostinst,
        Self::Unhealthy,
        Self::Bundle,
        Self::DirectBundle,
        Self::FailingScript,
        Self::UnhealthyBundle,
        Self::BackOne,
        Self::BackAll,
    ];

    /// Returns the name for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Upgrade => "upgrade",
            Self::Install => "new install",
            Self::Removal => "removal",
            Self::FailingPostinst => "failing postinst",
            Self::Unhealthy => "health failure",
            Self::Bundle => "bundle",
            Self::DirectBundle => "direct bundle",
            Self::FailingScript => "failing script",
            Self::UnhealthyBundle => "unhealthy bundle",
            Self::BackOne => "rollback by one",
            Self::BackAll => "rollback to 0",
        }
    }

    /// Returns what the agent is asked.
    pub fn request(self) -> Request {
        let update = |body: &str| Request { path: "/update", body: body.to_owned() };
        let rollback = |body: &str| Request { path: "/rollback", body: body.to_owned() };
        if let Some(bundle) = self.bundle() {
            let digest = bundle::digest(&bundle.gzip());
            return update(&format!(r#"{{"bundle": {{"uploaded": "{digest}"}}}}"#));
        }
        match self {
            Self::Upgrade => update(r#"{"packages": ["soak-app=4.0", "soak-lib=4.0"]}"#),
            Self::Install => update(r#"{"packages": ["soak-tool"]}"#),
            Self::Removal => update(r#"{"packages": ["soak-new"], "approve": ["guard_removal"]}"#),
            Self::FailingPostinst => update(r#"{"packages": ["soak-app=5.0", "soak-lib=5.0"]}"#),
            Self::Unhealthy => update(r#"{"packages": ["soak-app=6.0", "soak-lib=6.0"]}"#),
            Self::BackOne => rollback("{}"),
            Self::BackAll => rollback(r#"{"to": 0}"#),
            Self::Bundle | Self::DirectBundle | Self::FailingScript | Self::UnhealthyBundle => update("{}"),
        }
    }

    /// Returns the bundle that has to be on the device before it is asked.
    pub fn bundle(self) -> Option<Bundle> {
        match self {
            Self::Bundle => Some(recorder("2.0", "good", "packages = [\"soak-tool\"]\n")),
            Self::DirectBundle => Some(recorder(
                "2.1",
                "good",
                "mode = \"direct\"\npaths = [\"/opt/soak\", \"/usr/share/soak-app/health\"]\n",
            )),
            Self::FailingScript => Some(recorder("2.2", "", "")),
            Self::UnhealthyBundle => Some(recorder("2.3", "bad", "")),
            Self::Upgrade
            | Self::Install
            | Self::Removal
            | Self::FailingPostinst
            | Self::Unhealthy
            | Self::BackOne
            | Self::BackAll => None,
        }
    }

    /// Returns the generation in force when the job ended as asked. Failing ones end where they began.
    pub fn target(self) -> u64 {
        match self {
            Self::Upgrade | Self::Install | Self::Removal | Self::Bundle | Self::DirectBundle => 4,
            Self::FailingPostinst | Self::Unhealthy | Self::FailingScript | Self::UnhealthyBundle => 3,
            Self::BackOne => 2,
            Self::BackAll => 0,
        }
    }

    /// Tells whether this goes back.
    pub fn is_rollback(self) -> bool {
        matches!(self, Self::BackOne | Self::BackAll)
    }

    /// Tells whether the job cannot end as asked.
    pub fn fails(self) -> bool {
        matches!(self, Self::FailingPostinst | Self::Unhealthy | Self::FailingScript | Self::UnhealthyBundle)
    }

    /// Returns how the job ends when nobody interferes.
    pub fn end(self) -> &'static str {
        match self {
            // Over an overlay: the device was never touched.
            Self::FailingScript => "refused",
            Self::FailingPostinst | Self::Unhealthy | Self::UnhealthyBundle | Self::BackOne | Self::BackAll => {
                "rolled_back"
            }
            Self::Upgrade | Self::Install | Self::Removal | Self::Bundle | Self::DirectBundle => "committed",
        }
    }
}

/// Returns a version of the bundle; `health` is what the device's check will read, and without it the script fails.
pub fn recorder(version: &str, health: &str, more: &str) -> Bundle {
    let end = match health {
        "" => "exit 4".to_owned(),
        health => format!("echo {health} > /usr/share/soak-app/health"),
    };
    let script = format!(
        "mkdir -p /opt/soak/data\necho half > /opt/soak/half\nsleep 0.1\ncp program /opt/soak/program.new\n\
         mv /opt/soak/program.new /opt/soak/program\nln -sfn data-{version} /opt/soak/current\n\
         echo {version} > /opt/soak/data/{version}\nrm /opt/soak/half\nsleep 0.1\n{end}"
    );
    Bundle::new(&script)
        .file("program", 0o755, format!("#!/bin/sh\necho {version}\n"))
        .toml(&format!("version = \"{version}\"\n{more}"))
}

/// Returns every package of the repository.
pub fn packages() -> Vec<Deb> {
    let mut debs = Vec::new();
    for version in ["1.0", "2.0", "3.0", "4.0", "5.0", "6.0"] {
        // Large enough where it is fetched under a cut that fetching takes a time worth cutting.
        let size = if version < "4.0" { 40_000 } else { 6_000_000 };
        debs.push(slow(
            Deb::new("soak-lib", version)
                .file("/usr/lib/soak/lib", format!("lib {version}\n"))
                .conffile("/etc/soak/lib.conf", format!("lib = {version}\n"))
                .size(size),
        ));
        debs.push(app(version));
    }
    debs.push(slow(Deb::new("soak-tool", "1.0").depends("soak-data").file("/usr/bin/soak-tool", "#!/bin/sh\n")));
    debs.push(slow(Deb::new("soak-data", "1.0").conffile("/etc/soak/data.conf", "data = 1\n").size(6_000_000)));
    debs.push(slow(
        Deb::new("soak-old", "1.0").file("/usr/share/soak-old/x", "x").conffile("/etc/soak/old.conf", "old\n"),
    ));
    debs.push(slow(
        Deb::new("soak-new", "1.0").conflicts("soak-old").replaces("soak-old").file("/usr/share/soak-new/x", "x"),
    ));
    debs
}

fn app(version: &str) -> Deb {
    let health = if version == "6.0" { "bad\n" } else { "good\n" };
    let app = Deb::new("soak-app", version)
        .depends(&format!("soak-lib (= {version})"))
        .file("/usr/bin/soak-app", format!("#!/bin/sh\necho {version}\n"))
        .file("/usr/share/soak-app/health", health)
        // Of this version alone: what dpkg did not write down before it was killed stays behind here.
        .file(&format!("/usr/share/soak-app/{version}/only"), version)
        .conffile("/etc/soak/app.conf", format!("version = {version}\n"));
    let app = slow(app);
    if version == "5.0" { app.script(Script::Postinst, "sleep 0.05; echo 'no sensor found' >&2; exit 1") } else { app }
}

/// Gives a package maintainer scripts that take long enough to be killed in.
fn slow(deb: Deb) -> Deb {
    [Script::Preinst, Script::Postinst, Script::Prerm, Script::Postrm]
        .into_iter()
        .fold(deb, |deb, script| deb.script(script, "sleep 0.05"))
}
