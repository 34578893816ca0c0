use std::path::Path;

use belay_protocol::{Failure, Reason};

use crate::durable;
use crate::host::device::{Archive, PackageRef};

use super::{Exchange, Expectation, run};

/// A folder with a status file, an archive and the expectation that it is installed while `gone` goes.
struct World {
    folder: tempfile::TempDir,
    expectation: Expectation,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        durable::write_atomic(&at("status"), b"Package: x\n", 0o644).unwrap();
        durable::write_atomic(&at("demo.deb"), b"archive", 0o644).unwrap();
        let archive = Archive {
            package: "demo".parse().unwrap(),
            version: "1:2.0".parse().unwrap(),
            architecture: "all".parse().unwrap(),
            path: at("demo.deb"),
            sha256: durable::digest_of_bytes(b"archive"),
        };
        let gone = PackageRef { package: "gone".parse().unwrap(), architecture: "all".parse().unwrap() };
        let expectation = Expectation {
            native: "amd64".parse().unwrap(),
            status_file: at("status"),
            status: Some(durable::digest_of_bytes(b"Package: x\n")),
            install: vec![archive],
            remove: vec![gone],
        };
        Self { folder, expectation }
    }

    fn run(&self, lines: &[&str]) -> Result<(), Failure> {
        let exchange = Exchange::new(self.folder.path().join("hook"));
        exchange.state(&self.expectation).unwrap();
        let archive = self.expectation.install[0].path.display().to_string();
        let lines: String = lines.iter().map(|line| format!("{}\n", line.replace("DEB", &archive))).collect();
        let said = format!("VERSION 3\nAPT::Architecture=amd64\n\n{lines}");
        let judged = run(&exchange.expectation(), said.as_bytes());
        assert_eq!(exchange.has_passed(), judged.is_ok());
        assert_eq!(exchange.refused(), judged.clone().err());
        judged
    }
}

const INSTALL: &str = "demo 1.0 all none < 1:2.0 all none DEB";
const CONFIGURE: &str = "demo 1.0 all none < 1:2.0 all none **CONFIGURE**";
const REMOVE: &str = "gone 1.0 amd64 none > - - none **REMOVE**";

#[test]
fn exactly_what_is_expected_passes() {
    assert_eq!(World::new().run(&[REMOVE, INSTALL, CONFIGURE]), Ok(()));
}

#[test]
fn more_less_and_other_are_refused() {
    for (lines, words) in [
        (
            vec![REMOVE, INSTALL, "extra - - none < 1.0 all none /v/extra.deb"],
            "install extra:all=1.0 from /v/extra.deb, which is not planned",
        ),
        (vec![REMOVE, INSTALL, "other 1.0 all none > - - none **REMOVE**"], "remove other, which is not planned"),
        (vec![REMOVE], "apt would not install demo:all=1:2.0"),
        (vec![INSTALL], "apt would not remove gone"),
        (vec![REMOVE, "demo 1.0 all none < 1:2.1 all none DEB"], "install demo:all=1:2.1"),
        (vec![REMOVE, "demo 1.0 all none < 1:2.0 amd64 none DEB"], "install demo:amd64=1:2.0"),
        (vec![REMOVE, "demo 1.0 all none < 1:2.0 all none /elsewhere/demo.deb"], "from /elsewhere/demo.deb"),
        (vec![REMOVE, INSTALL, "gone 1.0 armhf none > - - none **REMOVE**"], "remove gone:armhf"),
        (vec![REMOVE, INSTALL, "who knows"], "cannot be understood"),
        (vec![REMOVE, INSTALL, "demo 1.0 all none < 1:2.0 all none **ERROR**"], "cannot be understood"),
    ] {
        let failure = World::new().run(&lines).unwrap_err();
        assert_eq!(failure.reason, Reason::ResultDiffers);
        assert!(failure.message.contains(words), "{failure}");
    }
}

#[test]
fn a_changed_database_is_refused() {
    let world = World::new();
    durable::write_atomic(&world.expectation.status_file, b"Package: y\n", 0o644).unwrap();
    assert_eq!(world.run(&[REMOVE, INSTALL]).unwrap_err().reason, Reason::PlanChanged);
}

#[test]
fn a_changed_archive_is_refused_by_name() {
    let world = World::new();
    durable::write_atomic(&world.expectation.install[0].path, b"archivf", 0o644).unwrap();
    let failure = world.run(&[REMOVE, INSTALL]).unwrap_err();
    assert_eq!(failure.reason, Reason::DigestMismatch);
    assert!(failure.message.contains("the archive of demo 1:2.0"), "{failure}");
    std::fs::remove_file(&world.expectation.install[0].path).unwrap();
    assert_eq!(world.run(&[REMOVE, INSTALL]).unwrap_err().reason, Reason::DigestMismatch);
}

#[test]
fn without_an_expectation_nothing_passes() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("expectation.json");
    assert!(run(&missing, "VERSION 3\n\n\n".as_bytes()).is_err());
    durable::write_atomic(&missing, b"{", 0o644).unwrap();
    assert!(run(&missing, "VERSION 3\n\n\n".as_bytes()).is_err());
    assert!(run(Path::new("/nonexistent/x"), "".as_bytes()).is_err());
}

#[test]
fn another_version_of_the_protocol_is_not_trusted() {
    let world = World::new();
    let exchange = Exchange::new(world.folder.path().join("hook"));
    for said in ["VERSION 2\n\n", "/v/demo.deb\n", ""] {
        exchange.state(&world.expectation).unwrap();
        assert!(run(&exchange.expectation(), said.as_bytes()).is_err(), "{said:?}");
    }
}
