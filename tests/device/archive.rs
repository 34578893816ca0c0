//! Archives of installed packages, found or rebuilt.

use belay_agent::durable;
use belay_agent::host::device::{ArchiveSource, Device, Mend, Rung};
use belay_protocol::Reason;
use belay_testkit::Deb;
use belay_testkit::command::{command, succeed};
use belay_testkit::tools::dpkg_repack;

use crate::support::{World, id, ordinary};

ordinary! {
    fn apts_cache_is_asked_first_then_the_archive() {
        let world = World::offering(&[Deb::new("demo-app", "1:1.0"), Deb::new("demo-app", "1:2.0")]);
        world.sandbox.install(&["demo-app=1:1.0"]);
        world.resolve("demo-app").unwrap();
        let record = world.device.inventory().unwrap().packages[&id("demo-app")].clone();
        let scratch = tempfile::tempdir().unwrap();
        let (path, source) = world.device.archive_of(&record, scratch.path()).unwrap();
        assert_eq!(source, ArchiveSource::Archive);
        let published = world.sandbox.repository().deb("demo-app", "1:1.0");
        assert_eq!(durable::digest_of_file(&path).unwrap(), durable::digest_of_file(&published).unwrap());

        let cached = world.sandbox.path("var/cache/apt/archives/demo-app_1%3a1.0_all.deb");
        std::fs::copy(world.sandbox.repository().deb("demo-app", "1:2.0"), &cached).unwrap();
        assert_eq!(world.device.archive_of(&record, scratch.path()).unwrap().1, ArchiveSource::Archive);
        std::fs::copy(&published, &cached).unwrap();
        assert_eq!(world.device.archive_of(&record, scratch.path()).unwrap(), (cached.clone(), ArchiveSource::Cache));
        // Cut off in the middle of its files: what names the package is whole.
        let whole = std::fs::read(&published).unwrap();
        durable::write_atomic(&cached, &whole[..whole.len() - 60], 0o644).unwrap();
        assert!(succeed(command("dpkg-deb").arg("--show").arg(&cached)).contains("demo-app"));
        assert_eq!(world.device.archive_of(&record, scratch.path()).unwrap().1, ArchiveSource::Archive);
    }
}

ordinary! {
    with dpkg_repack(), fn a_package_that_no_source_has_is_rebuilt_or_refused() {
        let world = World::offering(&[
            Deb::new("demo-app", "1.0").file("/usr/share/demo", "content\n").conffile("/etc/demo.conf", "a\n").conffile("/etc/kept", "b\n"),
        ]);
        world.sandbox.install(&["demo-app"]);
        world.sandbox.repository().retract("demo-app", "1.0");
        std::fs::remove_file(world.sandbox.path("etc/demo.conf")).unwrap();
        let record = world.device.inventory().unwrap().packages[&id("demo-app")].clone();
        let scratch = tempfile::tempdir().unwrap();
        let found = world.device.archive_of(&record, scratch.path());
        let path = std::env::var_os("PATH").unwrap();
        if !std::env::split_paths(&path).any(|folder| folder.join("dpkg-repack").is_file()) {
            // The next test is about a device without it.
            return;
        }
        let (path, source) = found.unwrap();
        assert_eq!(source, ArchiveSource::Rebuilt);
        let listed = succeed(command("dpkg-deb").arg("-c").arg(&path));
        assert!(listed.contains("./usr/share/demo") && listed.contains("root/root"), "{listed}");
        let conffiles = succeed(command("dpkg-deb").arg("--info").arg(&path).arg("conffiles"));
        assert_eq!(conffiles, "/etc/kept\n");
        std::fs::remove_file(world.sandbox.path("usr/share/demo")).unwrap();
        let failure = world.device.archive_of(&record, scratch.path()).unwrap_err();
        assert!(failure.message.contains("/usr/share/demo"), "a package with a missing file is not packed: {failure}");
    }
}

ordinary! {
    fn without_the_tool_the_message_names_it() {
        let world = World::offering(&[Deb::new("demo-app", "1.0")]);
        world.sandbox.install(&["demo-app"]);
        world.sandbox.repository().delete();
        let record = world.device.inventory().unwrap().packages[&id("demo-app")].clone();
        let scratch = tempfile::tempdir().unwrap();
        if std::path::Path::new("/usr/bin/dpkg-repack").exists() {
            return;
        }
        let failure = world.device.archive_of(&record, scratch.path()).unwrap_err();
        assert_eq!(failure.reason, Reason::UndoUnavailable);
        assert!(failure.message.contains("install the package dpkg-repack"), "{failure}");
    }
}

ordinary! {
    fn files_are_unpacked_over_the_root_while_folders_stay() {
        let deb = Deb::new("demo-app", "1.0").file("/usr/share/demo", "content\n").file("/bin/demo", "program\n");
        let world = World::offering(&[deb]);
        let archive = world.install(Rung::Dpkg, &[("demo-app", "1.0")]).install.remove(0);
        std::fs::create_dir_all(world.sandbox.path("usr/bin")).unwrap();
        std::os::unix::fs::symlink("usr/bin", world.sandbox.path("bin")).unwrap();
        let mode = |path: &str| std::fs::metadata(world.sandbox.path(path)).unwrap().permissions();
        std::fs::set_permissions(world.sandbox.path("usr"), std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
        let before = mode("usr");
        world.device.mend(&Mend::Unpack(archive.clone())).unwrap();
        assert_eq!(std::fs::read_to_string(world.sandbox.path("usr/share/demo")).unwrap(), "content\n");
        assert_eq!(std::fs::read_to_string(world.sandbox.path("usr/bin/demo")).unwrap(), "program\n");
        assert!(std::fs::symlink_metadata(world.sandbox.path("bin")).unwrap().is_symlink());
        assert_eq!(mode("usr"), before);
        let forged = belay_agent::host::device::Archive { sha256: durable::digest_of_bytes(b"other"), ..archive };
        assert_eq!(world.device.mend(&Mend::Unpack(forged)).unwrap_err().reason, Reason::DigestMismatch);
    }
}
