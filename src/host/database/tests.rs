#![expect(clippy::disallowed_methods, reason = "tests damage files on purpose")]

use super::*;

const STATUS: &str = "\
Package: demo-app
Status: hold ok installed
Architecture: all
Version: 1.0
Maintainer: Ren\u{e9} <r@example.org>

Package: other
Status: install ok installed
Architecture: amd64
Version: 3

";

struct World {
    folder: tempfile::TempDir,
    native: Architecture,
}

fn world() -> World {
    let world = World { folder: tempfile::tempdir().unwrap(), native: "amd64".parse().unwrap() };
    // Latin-1 on purpose: dpkg's database holds whatever a maintainer wrote.
    world.write("status", &disk::bytes_of(STATUS));
    world.write("info/demo-app.list", b"/.\n/usr/bin/demo\n");
    world.write("info/demo-app.postrm", b"old");
    world.write("info/demo-app.extra.list", b"/.\n");
    world.write("info/libdemo:armhf.list", b"/.\n");
    world.write("diversions", b"a\nb\nc\n");
    world.write("triggers/File", b"");
    world.write("../apt/extended_states", b"Package: demo-app\nArchitecture: amd64\nAuto-Installed: 1\n\n");
    world
}

impl World {
    fn root(&self) -> PathBuf {
        self.folder.path().join("root")
    }

    fn at(&self, path: &str) -> PathBuf {
        self.root().join(DPKG).join(path)
    }

    fn write(&self, path: &str, content: &[u8]) {
        std::fs::create_dir_all(self.root().join("var/lib/dpkg")).unwrap();
        let path = self.at(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        disk::write(&path, content, Attributes::mode(0o644)).unwrap();
    }

    fn read(&self, path: &str) -> String {
        disk::text_of(&std::fs::read(self.at(path)).unwrap())
    }

    fn with<T>(&self, work: impl FnOnce(Database<'_>) -> T) -> T {
        self.expecting(None, work)
    }

    fn expecting<T>(&self, expected: Option<Sha256>, work: impl FnOnce(Database<'_>) -> T) -> T {
        let copy = self.folder.path().join("database");
        work(Database { root: &self.root(), copy, expected, native: &self.native })
    }

    fn capture(&self) -> Sha256 {
        self.with(|database| database.capture().unwrap())
    }
}

fn id(name: &str) -> PackageId {
    name.parse().unwrap()
}

fn suspect(name: &str, version: &str) -> Suspect {
    Suspect { package: id(name), architecture: "all".parse().unwrap(), version: version.parse().unwrap() }
}

#[test]
fn the_copy_is_whole_and_any_change_of_it_is_noticed() {
    let world = world();
    let digest = world.capture();
    let copy = world.folder.path().join("database");
    for file in ["status", "diversions", "extended_states", "info/demo-app.list", "triggers/File"] {
        assert!(copy.join(file).is_file(), "{file}");
    }
    world.with(|database| assert_eq!(database.digest().unwrap(), digest));
    std::fs::write(copy.join("diversions"), "a\nb\nd\n").unwrap();
    world.with(|database| assert_ne!(database.digest().unwrap(), digest));
}

#[test]
fn a_copy_does_not_change_when_dpkg_replaces_its_files() {
    let world = world();
    let digest = world.capture();
    world.write("info/demo-app.list", b"/.\n/usr/bin/new\n");
    world.write("status", b"");
    world.with(|database| assert_eq!(database.digest().unwrap(), digest));
}

#[test]
fn a_broken_status_comes_back_with_the_transaction_in_doubt() {
    for broken in [Some(&b""[..]), None, Some(b"\0\0\0\0"), Some(b"Package: demo-app\nVersion: 1.0\n")] {
        let world = world();
        world.capture();
        world.write("info/new.list", b"/.\n");
        match broken {
            Some(content) => world.write("status", content),
            None => std::fs::remove_file(world.at("status")).unwrap(),
        }
        let suspects = [suspect("demo-app", "2.0"), suspect("new", "1.0"), suspect("never-unpacked", "1.0")];
        assert!(world.with(|database| database.restore_status_if_broken(&suspects).unwrap()));
        let status = world.read("status");
        assert!(status.contains("Package: demo-app\nStatus: hold reinstreq half-installed\n"), "{status}");
        assert!(status.contains("Package: new\nStatus: install reinstreq half-installed\n"), "{status}");
        assert!(!status.contains("never-unpacked"), "{status}");
        assert!(status.contains("Package: other\nStatus: install ok installed\n"), "{status}");
        assert!(status.contains("Ren\u{e9}"), "{status}");
        assert!(!world.with(|database| database.restore_status_if_broken(&suspects).unwrap()));
    }
}

#[test]
fn a_readable_status_is_left_as_it_is() {
    let world = world();
    world.capture();
    let newer = STATUS.replace("Version: 1.0", "Version: 2.0");
    world.write("status", &disk::bytes_of(&newer));
    assert!(!world.with(|database| database.restore_status_if_broken(&[suspect("demo-app", "2.0")]).unwrap()));
    assert_eq!(world.read("status"), newer);
}

#[test]
fn torn_file_lists_come_back_and_whole_ones_stay() {
    let world = world();
    world.capture();
    world.write("info/demo-app.list", b"");
    assert_eq!(world.with(|database| database.restore_info_if_broken().unwrap()), ["demo-app.list"]);
    assert_eq!(world.read("info/demo-app.list"), "/.\n/usr/bin/demo\n");
    world.write("info/demo-app.list", b"/.\n/usr/bin/newer\n");
    assert_eq!(world.with(|database| database.restore_info_if_broken().unwrap()), Vec::<String>::new());
    std::fs::remove_file(world.at("info/libdemo:armhf.list")).unwrap();
    assert_eq!(world.with(|database| database.restore_info_if_broken().unwrap()), Vec::<String>::new());
}

#[test]
fn the_old_purge_script_comes_back_and_other_packages_keep_theirs() {
    let world = world();
    world.capture();
    world.write("info/demo-app.postrm", b"new");
    world.write("info/demo-app.prerm", b"new");
    world.write("info/demo-app.extra.list", b"changed\n");
    world.write("info/demo-app:armhf.list", b"foreign\n");
    world.with(|database| database.restore_info_of(&id("demo-app")).unwrap());
    assert_eq!(world.read("info/demo-app.postrm"), "old");
    assert!(!world.at("info/demo-app.prerm").exists());
    assert_eq!(world.read("info/demo-app.extra.list"), "changed\n");
    assert!(world.at("info/demo-app:armhf.list").exists());
}

#[test]
fn a_patched_status_keeps_every_other_byte() {
    let world = world();
    world.capture();
    let newer = STATUS.replace("hold ok", "install ok").replace("Version: 3", "Version: 4");
    world.write("status", &disk::bytes_of(&newer));
    assert!(world.with(|database| database.patch_status(&[id("demo-app")]).unwrap()));
    assert_eq!(world.read("status"), STATUS.replace("Version: 3", "Version: 4"));
    assert_eq!(world.read("status-old"), newer);
    assert!(!world.with(|database| database.patch_status(&[id("demo-app")]).unwrap()));
}

#[test]
fn nothing_is_patched_while_dpkg_has_unmerged_updates() {
    let world = world();
    world.capture();
    world.write("updates/0001", b"Package: demo-app\n");
    let failure = world.with(|database| database.patch_status(&[id("demo-app")]).unwrap_err());
    assert!(failure.message.contains("dpkg --configure -a"), "{}", failure.message);
}

#[test]
fn automatic_marks_go_back() {
    let world = world();
    world.capture();
    std::fs::remove_file(world.root().join(MARKS)).unwrap();
    assert!(world.with(|database| database.patch_marks(&[id("demo-app")]).unwrap()));
    assert!(std::fs::read_to_string(world.root().join(MARKS)).unwrap().contains("Auto-Installed: 1"));
    assert!(!world.with(|database| database.patch_marks(&[id("demo-app")]).unwrap()));
}

#[test]
fn what_only_the_newer_version_brought_goes_and_what_others_share_stays() {
    let world = world();
    world.with(|database| database.capture()).unwrap();
    world.write(
        "info/demo-app.list",
        b"/.\n/etc\n/etc/new.conf\n/usr\n/usr/bin\n/usr/bin/demo\n/usr/new\n/usr/new/file\n/usr/shared\n",
    );
    world.write("info/other.list", b"/.\n/usr/shared\n");
    for file in ["etc/new.conf", "usr/bin/demo", "usr/new/file", "usr/shared"] {
        world.write(&format!("../../../{file}"), b"x");
    }
    world.with(|database| database.remove_newer_files(&"demo-app".parse().unwrap())).unwrap();
    let there = |file: &str| world.root().join(file).exists();
    assert!(!there("usr/new/file") && !there("usr/new"));
    assert!(there("etc/new.conf") && there("usr/bin/demo") && there("usr/shared"));
}

#[test]
fn a_damaged_copy_is_refused_by_name_where_it_is_needed_and_only_there() {
    type Step = fn(Database<'_>) -> Result<(), Failure>;
    let steps: [(&str, Step); 4] = [
        ("status", |database| database.restore_status_if_broken(&[]).map(drop)),
        ("info/demo-app.list", |database| database.restore_info_if_broken().map(drop)),
        ("info/demo-app.postrm", |database| database.restore_info_of(&id("demo-app"))),
        ("info/demo-app.list", |database| database.remove_newer_files(&id("demo-app"))),
    ];
    for (path, step) in steps {
        let world = world();
        let recorded = Some(world.capture());
        let copy = world.folder.path().join("database");
        disk::write(&copy.join("diversions"), b"tampered\n", Attributes::mode(0o644)).unwrap();
        assert_eq!(world.expecting(recorded, step), Ok(()), "nothing of the copy is needed for {path}");
        world.write(path, if path.ends_with("list") { b"/usr/bin/newer" } else { b"" });
        let before = world.read(path);
        let failure = world.expecting(recorded, step).unwrap_err();
        assert_eq!(failure.reason, Reason::VaultDamaged, "{path}");
        assert!(failure.message.contains(copy.to_str().unwrap()), "{failure}");
        assert_eq!(world.read(path), before, "nothing is put back");
        disk::write(&copy.join("diversions"), b"a\nb\nc\n", Attributes::mode(0o644)).unwrap();
        assert_eq!(world.expecting(recorded, step), Ok(()), "{path}");
    }
}
