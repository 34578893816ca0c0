//! apt's words, recorded from apt 2.6 and dpkg 1.21, and what is made of them.

use std::path::Path;
use std::time::Duration;

use belay_protocol::Reason;
use proptest::prelude::*;

use crate::config::settings::{Packages, Scripts, Undo};
use crate::host::device::{Archive, Inventory, PackageRecord, PackageRef, Rung, Transaction};

use super::config::{self, Hook, Removals};
use super::parse::{self, Step};
use super::status_fd::{self, Report};
use super::transact::Run;
use super::{complaint, preflight};

const SIMULATION: &str = "Reading package lists...
The following packages will be REMOVED:
   ep* (1:1.0)
Inst dep [1.0] (2.0 Demo:12/stable, Other:1.2/x [amd64]) [app:amd64 ]
Inst lib:armhf (1:2.0 Demo:12/stable [armhf])
Inst volatile [1.0] (2.0 local-deb [all])
Remv gone [1.0]
Purg ep [1:1.0]
Conf dep (2.0 Demo:12/stable [amd64])
Conf half (1.0  [all])
";

#[test]
fn a_simulation_is_read_step_by_step() {
    let install = |package: &str, old: Option<&str>, new: &str, architecture: &str, origins: &[&str]| Step::Install {
        package: package.into(),
        old: old.map(|old| old.parse().unwrap()),
        new: new.parse().unwrap(),
        architecture: architecture.parse().unwrap(),
        origins: origins.iter().map(|&origin| origin.into()).collect(),
    };
    let expected = [
        install("dep", Some("1.0"), "2.0", "amd64", &["Demo:12/stable", "Other:1.2/x"]),
        install("lib:armhf", None, "1:2.0", "armhf", &["Demo:12/stable"]),
        install("volatile", Some("1.0"), "2.0", "all", &["local-deb"]),
        Step::Remove { package: "gone".into(), purge: false },
        Step::Remove { package: "ep".into(), purge: true },
        Step::Configure { package: "dep".into() },
        Step::Configure { package: "half".into() },
    ];
    assert_eq!(parse::simulation(SIMULATION).unwrap(), expected);
}

#[test]
fn a_step_that_cannot_be_understood_is_no_step_left_out() {
    for line in ["Inst demo", "Inst demo [1.0] (", "Inst demo (2.0 [all]", "Remv ", "Inst demo [x (2.0 D [all])"] {
        assert_eq!(parse::simulation(line), Err(line.to_owned()));
    }
}

#[test]
fn addresses_are_read_with_size_and_digest() {
    let hex = "f6af89ac571a8093bff61e2850ec3601663a0a4f6cd932967226376ff9138cda";
    let text = format!(
        "Need to get 0 B\n'file:/r/ep_1%253a2.0_all.deb' ep_1%3a2.0_all.deb 20672 SHA256:{hex}\n'http://r/a.deb' a.deb 1 MD5Sum:0\n"
    );
    let found = parse::addresses(&text).unwrap();
    assert_eq!((found[0].file_name.as_str(), found[0].size), ("ep_1%3a2.0_all.deb", 20672));
    assert_eq!(found[0].sha256.unwrap().to_string(), hex);
    assert_eq!(found[1].sha256, None);
    assert_eq!(parse::local_path(&found[0].uri).unwrap(), Path::new("/r/ep_1%3a2.0_all.deb"));
    assert_eq!(parse::local_path(&found[1].uri), None);
    let name = parse::file_name("ep", &"1:2.0".parse().unwrap(), &"all".parse().unwrap());
    assert_eq!(name, found[0].file_name);
    assert_eq!(parse::addresses("'file:/x' x many\n"), Err("'file:/x' x many".to_owned()));
}

proptest! {
    #[test]
    fn no_text_makes_the_parsers_panic(text in "\\PC*(\nInst \\PC*|\n'\\PC*)?") {
        let _ = parse::simulation(&text);
        let _ = parse::addresses(&text);
        let _ = parse::local_path(&format!("file:{text}"));
        let _ = status_fd::parse(&text);
        let _ = complaint::script(&text);
        let _ = complaint::of_planning(&text, &text);
        let _ = complaint::of_transaction(&text, &text);
    }
}

#[test]
fn planning_errors_get_their_reasons() {
    let unmet = "The following packages have unmet dependencies:\n nodep : Depends: missing (>= 3) but it is not installable\n         Depends: dep (>= 9) but it is not going to be installed\nE: x\n";
    for (stdout, stderr, reason) in [
        ("", "E: Unable to locate package nope\nE: Version '9' for 'app' was not found\n", Reason::UnknownPackage),
        ("", "E: Package 'missing' has no installation candidate\n", Reason::UnknownPackage),
        ("", "E: Version '9' for 'app' was not found\n", Reason::VersionUnavailable),
        (unmet, "E: Unable to correct problems, you have held broken packages.\n", Reason::UnmetDependency),
        (
            "",
            "E: Unmet dependencies. Try 'apt --fix-broken install' with no packages (or specify a solution).\n",
            Reason::DeviceBroken,
        ),
        (
            "",
            "E: dpkg was interrupted, you must manually run 'dpkg --configure -a' to correct the problem. \n",
            Reason::DeviceBroken,
        ),
        ("", "E: The package app needs to be reinstalled, but I can't find an archive for it.\n", Reason::DeviceBroken),
        ("", "E: Something else\n", Reason::AptFailed),
        ("", "", Reason::AptFailed),
    ] {
        assert_eq!(complaint::of_planning(stdout, stderr).reason, reason, "{stderr}");
    }
    let failure = complaint::of_planning(unmet, "E: Unable to correct problems, you have held broken packages.\n");
    assert_eq!(
        failure.message,
        "dependencies cannot be met: nodep : Depends: missing (>= 3) but it is not installable; \
         Depends: dep (>= 9) but it is not going to be installed"
    );
}

#[test]
fn the_script_that_failed_first_is_the_one_named() {
    for (text, package, script) in [
        (" installed bad package post-installation script subprocess returned error exit status 7", "bad", "postinst"),
        (" new badpre package pre-installation script subprocess returned error exit status 5", "badpre", "preinst"),
        (
            " installed lib:armhf package pre-removal script subprocess was killed by signal (Killed)",
            "lib:armhf",
            "prerm",
        ),
        (
            "dpkg: warning: old rm package pre-removal script subprocess returned error exit status 3\n\
             dpkg: trying script from the new package instead ...\n\
             dpkg: error processing archive /v/rm.deb (--unpack):\n \
             new rm package pre-removal script subprocess returned error exit status 3\n\
             dpkg: error while cleaning up:\n \
             installed other package post-installation script subprocess returned error exit status 1",
            "rm",
            "prerm",
        ),
    ] {
        let (found, which) = complaint::script(text).unwrap();
        assert_eq!((found.to_string().as_str(), which.as_str()), (package, script));
    }
    assert_eq!(complaint::script("dpkg: error: unable to write: No space left on device"), None);
}

#[test]
fn a_failed_transaction_repeats_what_dpkg_said() {
    let stderr = "dpkg: error processing package bad (--configure):\n installed bad package post-installation script \
                  subprocess returned error exit status 7\nErrors were encountered while processing:\n bad\n\
                  E: Sub-process /usr/bin/dpkg returned an error code (1)\n";
    let failure = complaint::of_transaction("", stderr);
    assert_eq!(failure.reason, Reason::ApplyFailed);
    assert_eq!(
        failure.message,
        "the packages could not be installed: dpkg: error processing package bad (--configure): installed bad package \
         post-installation script subprocess returned error exit status 7"
    );
    let stdout = "Waiting for cache lock: Could not get lock /x/lock-frontend. It is held by process 12 (apt)...\n";
    let failure = complaint::of_transaction(
        stdout,
        "E: Unable to acquire the dpkg frontend lock (/x/lock-frontend), is another process using it?\n",
    );
    assert_eq!(failure.reason, Reason::LockTimeout);
    assert!(failure.message.starts_with("process 12 (apt) is at work"), "{failure}");
    let failure = complaint::of_transaction(
        "The following packages will be REMOVED:\n  demo-plugin other\nThe following packages will be DOWNGRADED:\n  demo\n",
        "E: Packages need to be removed but remove is disabled.\n",
    );
    assert_eq!(failure.reason, Reason::UnmetDependency);
    assert!(failure.message.ends_with("demo-plugin, other"), "{failure}");
}

#[test]
fn archives_that_differ_from_the_index_are_named() {
    let stderr = "E: Failed to fetch file:/r/pool/badpre_2.0_all.deb  Hash Sum mismatch\n   Hashes of expected file:\n\
                  E: Failed to fetch http://r/other_1_all.deb  404  Not Found\n";
    assert_eq!(complaint::mismatches(stderr), ["badpre_2.0_all.deb"]);
}

#[test]
fn progress_is_read_from_the_status_descriptor() {
    for (line, expected) in [
        ("dlstatus:1:12.5000:Retrieving file 1 of 2", Some(Report::Download(12.5, "Retrieving file 1 of 2".into()))),
        (
            "pmstatus:lib:armhf:50.0000:Unpacking lib:armhf (armhf)",
            Some(Report::Package(50.0, "Unpacking lib:armhf (armhf)".into())),
        ),
        ("pmerror:bad:50.0000:installed bad package", None),
        ("status: bad: half-configured", None),
        ("", None),
    ] {
        assert_eq!(status_fd::parse(line), expected, "{line}");
    }
}

#[test]
fn a_transaction_has_no_sources_no_pins_and_no_removals_unless_named() {
    let hook = Hook { program: Path::new("/usr/bin/belay-agent"), expectation: Path::new("/w/hook/expectation.json") };
    let text = config::transaction(Path::new("/w"), &packages(), &hook, Removals::Forbidden).text().to_owned();
    for line in [
        "Dir::Etc::sourcelist \"/dev/null\";",
        "Dir::Etc::preferencesparts \"/dev/null\";",
        "APT::Default-Release \"\";",
        "APT::Get::Remove \"false\";",
        "APT::Get::AutomaticRemove \"false\";",
        "DPkg::Lock::Timeout \"7\";",
        "DPkg::Options { \"--no-force-unsafe-io\"; };",
        "DPkg::Pre-Install-Pkgs { \"/usr/bin/belay-agent apt-hook /w/hook/expectation.json\"; };",
        "DPkg::Tools::Options::/usr/bin/belay-agent::Version \"3\";",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is missing in\n{text}");
    }
    for key in ["APT::Get::AllowUnauthenticated", "Acquire::AllowInsecureRepositories"] {
        let line = format!("{key} \"false\";");
        assert!(text.contains(&line) && config::plan(Path::new("/w"), &packages()).text().contains(&line), "{key}");
    }
    let purging = config::transaction(Path::new("/w"), &packages(), &hook, Removals::Purge);
    assert!(purging.text().contains("APT::Get::Purge \"true\""));
}

#[test]
fn the_root_decides_how_dpkg_is_called() {
    assert_eq!(config::base(Path::new("/"), Scripts::Chroot, true).text(), "");
    let text = config::base(Path::new("/r"), Scripts::Chrootless, false).text().to_owned();
    assert!(
        text.contains("Dir \"/r/\";") && text.contains("--force-script-chrootless") && text.contains("--root=/r\"")
    );
    assert!(!config::base(Path::new("/r"), Scripts::Chroot, true).text().contains("chrootless"));
    for path in ["relative", "/a b", "/a\"b", "/a::b", "/a;b", "/a\nb", "/a$b"] {
        assert!(!config::can_carry(Path::new(path)), "{path}");
    }
    assert!(config::can_carry(Path::new("/var/lib/belay-1.0_x/+~")));
}

#[test]
fn only_what_is_not_in_place_is_asked_of_apt() {
    let archives = ["placed", "unpacked", "damaged", "older", "absent", "leftover"].map(archive);
    let mut older = record("older", "installed", "ok");
    older.version = Some("0.9".parse().unwrap());
    let records = [
        record("placed", "installed", "ok"),
        record("unpacked", "half-configured", "ok"),
        record("damaged", "half-installed", "reinstreq"),
        older,
        record("leftover", "config-files", "ok"),
        record("removed", "installed", "ok"),
        record("gone", "config-files", "ok"),
    ];
    let packages = records.into_iter().map(|record| (record.package.clone(), record)).collect();
    let inventory = Inventory { packages, automatic: Default::default() };
    let (remove, purge) = (vec![reference("removed"), reference("gone")], vec![reference("gone"), reference("never")]);
    let transaction = Transaction { install: archives.to_vec(), remove, purge, status: None, rung: Rung::Apt };

    let first = Run::first(&transaction, &inventory);
    let names: Vec<_> = first.install.iter().map(|archive| archive.package.to_string()).collect();
    assert_eq!(names, ["damaged", "older", "absent", "leftover"]);
    assert!(first.reinstall && first.configure);
    assert_eq!((first.removals, first.remove), (Removals::Keep, vec![&reference("removed")]));
    let second = Run::second(&transaction, &inventory);
    assert_eq!((second.removals, second.remove), (Removals::Purge, vec![&reference("gone")]));
}

#[test]
fn settings_of_the_device_that_matter_are_named() {
    let root = tempfile::tempdir().unwrap();
    for (path, text) in [
        ("etc/dpkg/dpkg.cfg.d/fast", "# force-unsafe-io\nforce-unsafe-io\npath-exclude=/usr/share/doc/*\n"),
        (
            "etc/apt/apt.conf.d/20hook",
            "// DPkg::Post-Invoke\nDPkg::Pre-Install-Pkgs {\"x\";};\nAPT::Update::Post-Invoke {\"y\";};\n",
        ),
        ("etc/apt/apt.conf.d/70debconf", "DPkg::Pre-Install-Pkgs {\"/usr/sbin/dpkg-preconfigure --apt || true\";};\n"),
        ("etc/apt/preferences", "Package: *\nPin: release a=stable\nPin-Priority: 900\n"),
    ] {
        std::fs::create_dir_all(root.path().join(path).parent().unwrap()).unwrap();
        crate::durable::write_atomic(&root.path().join(path), text.as_bytes(), 0o644).unwrap();
    }
    let found = preflight::preflight(root.path());
    let starts = [
        "/etc/dpkg/dpkg.cfg.d/fast sets force-unsafe-io",
        "/etc/dpkg/dpkg.cfg.d/fast leaves files out when packages are unpacked: path-exclude=/usr/share/doc/*",
        "/etc/apt/apt.conf.d/20hook has a Pre-Install-Pkgs hook",
        "/etc/apt/preferences pins packages (Pin-Priority: 900)",
    ];
    assert_eq!(found.len(), starts.len(), "{found:#?}");
    assert!(found.iter().zip(starts).all(|(line, start)| line.starts_with(start)), "{found:#?}");
}

fn packages() -> Packages {
    Packages {
        install_recommends: false,
        undo: Undo::Required,
        lock_timeout: Duration::from_secs(7),
        fetch_timeout: Duration::from_secs(3),
        apt_timeout: Duration::from_secs(60),
    }
}

fn reference(name: &str) -> PackageRef {
    PackageRef { package: name.parse().unwrap(), architecture: "all".parse().unwrap() }
}

fn archive(name: &str) -> Archive {
    let PackageRef { package, architecture } = reference(name);
    let sha256 = crate::durable::digest_of_bytes(name.as_bytes());
    Archive { package, architecture, version: "1.0".parse().unwrap(), path: format!("/v/{name}.deb").into(), sha256 }
}

fn record(name: &str, status: &str, flag: &str) -> PackageRecord {
    let PackageRef { package, architecture } = reference(name);
    PackageRecord {
        package,
        architecture,
        version: Some("1.0".parse().unwrap()),
        want: "install".into(),
        flag: flag.into(),
        status: status.into(),
        conffiles: Vec::new(),
        installed_kib: 1,
        essential: false,
    }
}
