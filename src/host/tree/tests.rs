#![expect(clippy::disallowed_methods, reason = "tests damage files on purpose")]

use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use super::*;
use crate::host::disk::{self, Attributes};
use crate::host::vault::{ObjectKind, Vault};

struct World {
    folder: tempfile::TempDir,
    vault: Vault,
}

fn world() -> World {
    let folder = tempfile::tempdir().unwrap();
    let vault = Vault::open(&folder.path().join("vault")).unwrap();
    let world = World { folder, vault };
    std::fs::create_dir_all(world.at("etc/demo")).unwrap();
    world.write("etc/demo/app.conf", "one");
    world.write("etc/hosts", "127.0.0.1");
    symlink("app.conf", world.at("etc/demo/link")).unwrap();
    world
}

impl World {
    fn root(&self) -> PathBuf {
        self.folder.path().join("root")
    }

    fn at(&self, path: &str) -> PathBuf {
        self.root().join(path)
    }

    fn write(&self, path: &str, content: &str) {
        std::fs::create_dir_all(self.at(path).parent().unwrap()).unwrap();
        disk::write(&self.at(path), content.as_bytes(), Attributes::mode(0o644)).unwrap();
    }

    fn capture(&self) -> Tree {
        Tree::capture(&self.root(), &Scope::new(true, []), &self.vault).unwrap()
    }

    fn measure(&self) -> Tree {
        Tree::measure(&self.root(), &Scope::new(true, [])).unwrap()
    }

    fn restore(&self, touched: &[Touched]) -> Vec<String> {
        restore(&self.root(), &self.vault, touched).unwrap()
    }

    fn change_everything(&self) {
        self.write("etc/demo/app.conf", "two");
        std::fs::remove_file(self.at("etc/demo/link")).unwrap();
        symlink("elsewhere", self.at("etc/demo/link")).unwrap();
        std::fs::remove_file(self.at("etc/hosts")).unwrap();
        self.write("etc/hosts/now/a-folder", "x");
        self.write("etc/new/deep/file", "new");
        std::fs::set_permissions(self.at("etc/demo"), std::fs::Permissions::from_mode(0o700)).unwrap();
    }
}

fn paths(touched: &[Touched]) -> Vec<String> {
    touched.iter().map(|touched| touched.path.to_string()).collect()
}

#[test]
fn everything_that_was_changed_goes_back() {
    let world = world();
    let modified = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000);
    let file = std::fs::File::options().write(true).open(world.at("etc/demo/app.conf")).unwrap();
    file.set_modified(modified).unwrap();
    let before = world.capture();
    world.change_everything();
    let touched = diff(&before, &world.measure());
    assert_eq!(world.restore(&touched), Vec::<String>::new());
    assert_eq!(diff(&before, &world.measure()), []);
    assert_eq!(std::fs::read_to_string(world.at("etc/demo/app.conf")).unwrap(), "one");
    assert_eq!(world.at("etc/demo/app.conf").metadata().unwrap().modified().unwrap(), modified);
    assert!(!world.at("etc/new").exists());
}

#[test]
fn an_interrupted_restore_is_completed_by_the_next() {
    let world = world();
    let before = world.capture();
    world.change_everything();
    let touched = diff(&before, &world.measure());
    for first in 0..=touched.len() {
        for last in first..=touched.len() {
            world.restore(&touched[first..last]);
            std::fs::write(world.at("etc").join(disk::TEMPORARY), "torn").unwrap();
            world.restore(&diff(&before, &world.measure()));
            assert_eq!(diff(&before, &world.measure()), [], "interrupted after {first}..{last}");
            world.change_everything();
        }
    }
}

#[test]
fn a_repeated_restore_touches_nothing() {
    let world = world();
    let before = world.capture();
    world.change_everything();
    let touched = diff(&before, &world.measure());
    world.restore(&touched);
    let inode =
        |path: &str| world.at(path).symlink_metadata().map(|metadata| (metadata.ino(), metadata.mtime_nsec())).ok();
    let all = || ["etc/demo/app.conf", "etc/hosts", "etc/demo/link", "etc/demo"].map(inode);
    let once = all();
    world.restore(&touched);
    assert_eq!(all(), once);
}

#[test]
fn modes_and_set_id_bits_go_back() {
    let world = world();
    let path = world.at("etc/demo/app.conf");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o4750)).unwrap();
    let before = world.capture();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let touched = diff(&before, &world.measure());
    assert_eq!(paths(&touched), ["/etc/demo/app.conf"]);
    world.restore(&touched);
    assert_eq!(path.metadata().unwrap().mode() & 0o7777, 0o4750);
}

#[test]
fn owners_go_back_where_this_program_may_give_files_away() {
    if !disk::is_root() {
        println!("skipped: needs root");
        return;
    }
    let world = world();
    let path = world.at("etc/demo/app.conf");
    std::os::unix::fs::chown(&path, Some(12), Some(34)).unwrap();
    let before = world.capture();
    world.change_everything();
    world.restore(&diff(&before, &world.measure()));
    let metadata = path.metadata().unwrap();
    assert_eq!((metadata.uid(), metadata.gid()), (12, 34));
}

#[test]
fn files_that_others_write_all_the_time_are_left_alone() {
    let world = world();
    world.write("etc/resolv.conf", "nameserver 10.0.0.1");
    let before = world.capture();
    world.write("etc/resolv.conf", "nameserver 10.0.0.2");
    world.write("etc/.git/index", "x");
    assert_eq!(diff(&before, &world.measure()), []);
}

#[test]
fn dpkg_s_side_files_belong_to_the_tree() {
    let world = world();
    world.write("var/lib/dpkg/diversions", "/bin/a\n/bin/a.real\ndemo\n");
    world.write("var/lib/dpkg/alternatives/editor", "auto\n");
    let before = world.capture();
    world.write("var/lib/dpkg/diversions", "");
    world.write("var/lib/dpkg/alternatives/editor", "manual\n");
    world.write("var/lib/dpkg/statoverride", "root root 4755 /bin/x\n");
    world.write("var/lib/dpkg/available", "not ours");
    let touched = diff(&before, &world.measure());
    assert_eq!(touched.len(), 3);
    world.restore(&touched);
    assert_eq!(diff(&before, &world.measure()), []);
    assert!(!world.at("var/lib/dpkg/statoverride").exists());
}

#[test]
fn a_new_folder_with_files_of_others_stays_and_is_reported() {
    let world = world();
    let before = world.capture();
    world.write("etc/new/ours", "x");
    let touched = diff(&before, &world.measure());
    world.write("etc/new/theirs", "y");
    let reported = world.restore(&touched);
    assert_eq!(reported.len(), 1, "{reported:?}");
    assert!(reported[0].contains("etc/new was left"), "{reported:?}");
    assert!(world.at("etc/new/theirs").exists());
    assert!(!world.at("etc/new/ours").exists());
}

#[test]
fn nothing_is_written_or_removed_through_a_planted_link() {
    let world = world();
    let before = world.capture();
    world.change_everything();
    let touched = diff(&before, &world.measure());
    let outside = world.folder.path().join("outside");
    std::fs::create_dir_all(outside.join("deep")).unwrap();
    std::fs::write(outside.join("app.conf"), "precious").unwrap();
    std::fs::write(outside.join("deep/file"), "precious").unwrap();
    std::fs::remove_dir_all(world.at("etc/new")).unwrap();
    symlink(&outside, world.at("etc/new")).unwrap();
    std::fs::remove_dir_all(world.at("etc/demo")).unwrap();
    symlink(&outside, world.at("etc/demo")).unwrap();
    let files: Vec<_> = touched.into_iter().filter(|touched| touched.path.to_string() != "/etc/demo").collect();
    let reported = world.restore(&files);
    assert!(reported.iter().any(|line| line.contains("/etc/demo/app.conf was not put back")), "{reported:?}");
    for kept in ["app.conf", "deep/file"] {
        assert_eq!(std::fs::read_to_string(outside.join(kept)).unwrap(), "precious");
    }
}

#[test]
fn a_path_that_leads_out_of_the_root_is_refused() {
    let world = world();
    for path in ["../outside", "/etc/passwd", "etc/../../x", ""] {
        let touched = Touched { path: TreePath::from(path), before: None, after: None };
        let failure = restore(&world.root(), &world.vault, &[touched]).unwrap_err();
        assert_eq!(failure.reason, belay_protocol::Reason::VaultDamaged, "{path:?}");
    }
}

#[test]
fn a_damaged_content_is_not_put_in_place() {
    let world = world();
    let before = world.capture();
    let digest = before.entries[&TreePath::from("etc/hosts")].digest().unwrap();
    world.change_everything();
    std::fs::write(world.vault.path(&digest, ObjectKind::File), "tampered").unwrap();
    let touched = diff(&before, &world.measure());
    let failure = restore(&world.root(), &world.vault, &touched).unwrap_err();
    assert_eq!(failure.reason, belay_protocol::Reason::VaultDamaged);
    assert!(!world.at("etc/hosts").is_file());
}

#[test]
fn the_boot_partition_is_compared_by_content_alone() {
    let world = world();
    world.write("boot/firmware/config.txt", "arm_64bit=1");
    let before = world.capture();
    std::fs::set_permissions(world.at("boot/firmware/config.txt"), std::fs::Permissions::from_mode(0o700)).unwrap();
    assert_eq!(diff(&before, &world.measure()), []);
    world.write("boot/firmware/config.txt", "arm_64bit=0");
    world.restore(&diff(&before, &world.measure()));
    assert_eq!(std::fs::read_to_string(world.at("boot/firmware/config.txt")).unwrap(), "arm_64bit=1");
}

#[test]
fn a_tree_with_names_of_any_bytes_survives_json() {
    use std::os::unix::ffi::OsStrExt;
    let world = world();
    for name in [&b"caf\xe9"[..], b"back\\slash", b"\\x41", b"caf\xc3\xa9 \\"] {
        std::fs::write(world.at("etc").join(std::ffi::OsStr::from_bytes(name)), "x").unwrap();
    }
    let tree = world.measure();
    let json = serde_json::to_string(&tree).unwrap();
    assert_eq!(serde_json::from_str::<Tree>(&json).unwrap(), tree);
}

#[test]
fn a_conffile_behind_a_linked_folder_is_found_inside_the_root() {
    let world = world();
    world.write("usr/lib/demo/demo.conf", "x");
    symlink("/usr/lib", world.at("lib")).unwrap();
    symlink("round", world.at("round")).unwrap();
    let resolved = |path: &str| measure::resolved(&world.root(), Path::new(path));
    assert_eq!(resolved("/lib/demo/demo.conf"), Some(TreePath::from("usr/lib/demo/demo.conf")));
    assert_eq!(resolved("/opt/../../etc/x"), Some(TreePath::from("etc/x")));
    assert_eq!(resolved("/round/x"), None);
}
