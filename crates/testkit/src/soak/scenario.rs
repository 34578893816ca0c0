//! What is under way when everything is killed: the jobs, and the packages that they need.

use crate::deb::{Deb, Script};

/// A job on a device that has two updates behind it (generation 2 in force).
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
    /// One generation back.
    BackOne,
    /// Two generations back, to the state before the first update.
    BackTwo,
}

/// A job as it is posted to the agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// The route.
    pub path: &'static str,
    /// The JSON body.
    pub body: &'static str,
}

impl Scenario {
    /// Every scenario.
    pub const ALL: &'static [Self] = &[
        Self::Upgrade,
        Self::Install,
        Self::Removal,
        Self::FailingPostinst,
        Self::Unhealthy,
        Self::BackOne,
        Self::BackTwo,
    ];

    /// Returns the name for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Upgrade => "upgrade",
            Self::Install => "new install",
            Self::Removal => "removal",
            Self::FailingPostinst => "failing postinst",
            Self::Unhealthy => "health failure",
            Self::BackOne => "rollback by one",
            Self::BackTwo => "rollback by two",
        }
    }

    /// Returns what the agent is asked.
    pub fn request(self) -> Request {
        let update = |body| Request { path: "/update", body };
        let rollback = |body| Request { path: "/rollback", body };
        match self {
            Self::Upgrade => update(r#"{"packages": ["soak-app=4.0", "soak-lib=4.0"]}"#),
            Self::Install => update(r#"{"packages": ["soak-tool"]}"#),
            Self::Removal => update(r#"{"packages": ["soak-new"], "approve": ["guard_removal"]}"#),
            Self::FailingPostinst => update(r#"{"packages": ["soak-app=5.0", "soak-lib=5.0"]}"#),
            Self::Unhealthy => update(r#"{"packages": ["soak-app=6.0", "soak-lib=6.0"]}"#),
            Self::BackOne => rollback("{}"),
            Self::BackTwo => rollback(r#"{"to": 0}"#),
        }
    }

    /// Returns the generation in force when the job ended as asked. Failing ones end where they began.
    pub fn target(self) -> u64 {
        match self {
            Self::Upgrade | Self::Install | Self::Removal => 3,
            Self::FailingPostinst | Self::Unhealthy => 2,
            Self::BackOne => 1,
            Self::BackTwo => 0,
        }
    }

    /// Tells whether this goes back.
    pub fn is_rollback(self) -> bool {
        self.request().path == "/rollback"
    }

    /// Tells whether the job cannot end as asked.
    pub fn fails(self) -> bool {
        matches!(self, Self::FailingPostinst | Self::Unhealthy)
    }
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
