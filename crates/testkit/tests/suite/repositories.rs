//! What apt makes of a repository that grows, shrinks, breaks or goes away.

use std::fs;

use belay_testkit::command::transcript;
use belay_testkit::{Deb, Repository, Sandbox};

#[test]
fn apt_sees_every_change_of_a_repository() {
    let sandbox = Sandbox::new();
    for version in ["1.0", "1.1", "1.2"] {
        sandbox.repository().publish(&[Deb::new("demo-app", version)]);
        sandbox.install(&["demo-app"]);
        assert_eq!(sandbox.installed_version("demo-app").as_deref(), Some(version));
    }

    sandbox.repository().retract("demo-app", "1.1");
    sandbox.update();
    let output = sandbox.apt(&["--allow-downgrades", "install", "demo-app=1.1"]);
    assert!(transcript(&output).contains("Version '1.1' for 'demo-app' was not found"), "{}", transcript(&output));
}

#[test]
fn a_corrupted_package_is_refused() {
    let sandbox = Sandbox::new();
    sandbox.repository().publish(&[Deb::new("demo-app", "1.0").size(5000)]);
    sandbox.update();
    sandbox.repository().corrupt("demo-app", "1.0");

    let output = sandbox.apt(&["install", "demo-app"]);

    assert!(!output.status.success());
    assert!(transcript(&output).contains("Hash Sum mismatch"), "{}", transcript(&output));
    assert_eq!(sandbox.installed_version("demo-app"), None);
}

#[test]
fn a_corrupted_package_stays_corrupted_when_another_is_published() {
    let sandbox = Sandbox::new();
    sandbox.repository().publish(&[Deb::new("demo-app", "1.0").size(5000)]);
    sandbox.repository().corrupt("demo-app", "1.0");
    sandbox.repository().publish(&[Deb::new("demo-lib", "1.0")]);
    sandbox.update();

    assert!(!sandbox.apt(&["install", "demo-app"]).status.success());
    sandbox.install(&["demo-lib"]);
}

#[test]
fn a_forgery_of_the_same_size_is_refused_by_its_digest_alone() {
    let sandbox = Sandbox::new();
    let demo = |contents: &str| Deb::new("demo-app", "1.0").file("/usr/share/demo", contents).uncompressed();
    sandbox.repository().publish(&[demo("genuine")]);
    sandbox.update();
    let path = sandbox.repository().deb("demo-app", "1.0");
    let size = fs::metadata(&path).expect("a pool file").len();
    sandbox.repository().substitute(&demo("forgery"));
    assert_eq!(fs::metadata(&path).expect("a pool file").len(), size);

    let output = sandbox.apt(&["install", "demo-app"]);
    assert!(transcript(&output).contains("Hash Sum mismatch"), "{}", transcript(&output));

    let output = sandbox.dpkg(&["-i", path.to_str().expect("text")]);
    assert!(output.status.success(), "{}", transcript(&output));
    assert_eq!(fs::read_to_string(sandbox.path("usr/share/demo")).expect("installed"), "forgery");
}

#[test]
fn apt_reads_a_local_index_in_place() {
    let sandbox = Sandbox::new();
    sandbox.repository().publish(&[Deb::new("demo-app", "1.0")]);
    sandbox.update();
    sandbox.repository().publish(&[Deb::new("demo-app", "1.1")]);

    let output = sandbox.apt(&["-s", "install", "demo-app"]);

    assert!(transcript(&output).contains("Inst demo-app (1.1 "), "{}", transcript(&output));
}

#[test]
fn apt_takes_copies_from_a_distant_source() {
    let sandbox = Sandbox::new();
    let list = sandbox.path("etc/apt/sources.list");
    belay_testkit::ownership::write(&list, sandbox.repository().distant_source_line() + "\n");
    sandbox.repository().publish(&[Deb::new("demo-app", "1.0").size(5000)]);
    sandbox.update();
    sandbox.repository().publish(&[Deb::new("demo-app", "1.1")]);

    let output = sandbox.apt(&["--download-only", "install", "demo-app"]);

    assert!(output.status.success(), "{}", transcript(&output));
    assert!(sandbox.path("var/cache/apt/archives/demo-app_1.0_all.deb").is_file(), "{}", transcript(&output));
    sandbox.repository().delete();
    let output = sandbox.apt(&["install", "demo-app"]);
    assert!(output.status.success(), "{}", transcript(&output));
    assert_eq!(sandbox.installed_version("demo-app").as_deref(), Some("1.0"));
}

#[test]
fn a_corrupted_package_is_refused_from_a_distant_source() {
    let sandbox = Sandbox::new();
    let list = sandbox.path("etc/apt/sources.list");
    belay_testkit::ownership::write(&list, sandbox.repository().distant_source_line() + "\n");
    sandbox.repository().publish(&[Deb::new("demo-app", "1.0").size(5000)]);
    sandbox.update();
    sandbox.repository().corrupt("demo-app", "1.0");

    let output = sandbox.apt(&["install", "demo-app"]);

    assert!(transcript(&output).contains("Hash Sum mismatch"), "{}", transcript(&output));
}

#[test]
fn a_deleted_repository_fails_the_update() {
    let sandbox = Sandbox::new();
    sandbox.repository().publish(&[Deb::new("demo-app", "1.0")]);
    sandbox.update();
    sandbox.repository().delete();

    let output = sandbox.apt(&["-o", "APT::Update::Error-Mode=any", "update"]);

    assert!(!output.status.success(), "{}", transcript(&output));
}

#[test]
fn a_second_repository_tells_its_origin() {
    let sandbox = Sandbox::new();
    let other = Repository::new(&sandbox.dir().join("other")).origin("Elsewhere").label("Other").suite("edge");
    other.publish(&[Deb::new("demo-app", "3.0")]);
    let list = sandbox.path("etc/apt/sources.list.d/other.list");
    belay_testkit::ownership::write(&list, other.source_line() + "\n");
    sandbox.update();

    let output = sandbox.apt(&["-s", "install", "demo-app"]);

    assert!(transcript(&output).contains("Inst demo-app (3.0 Other:edge [all])"), "{}", transcript(&output));
    assert!(fs::read_to_string(other.dir().join("Release")).expect("a release").contains("Origin: Elsewhere"));
}
