//! What a script changed is in the layers, and nowhere else.

use std::os::unix::fs::{FileTypeExt, MetadataExt};

use belay_agent::host::bundle::capture::LayerKind;
use nix::mount::{MsFlags, mount};

use super::*;

#[test]
fn what_a_script_changes_is_in_the_layer_and_the_root_is_as_it_was() {
    both("layers::what_a_script_changes_is_in_the_layer_and_the_root_is_as_it_was", |bench| {
        let before = listing(&bench.root());
        let rehearsal = bench.rehearse(
            "set -e\necho new > /opt/app/program\nmkdir /opt/app/fresh\necho 2 > /opt/app/fresh/two\nrm /etc/app.conf\n\
             rm -r /opt/app/data\nmkdir /opt/app/data\nln -s program /opt/app/link\nmkfifo /opt/app/fifo\nchmod 700 /opt",
        );
        assert_eq!(listing(&bench.root()), before);
        let layer = of_root(&rehearsal);
        assert_eq!((rehearsal.layers.len(), layer.kind), (1, LayerKind::Overlay));
        let upper = &layer.upper;
        assert_eq!(fs::read_to_string(upper.join("opt/app/program")).unwrap(), "new\n");
        assert_eq!(fs::read_to_string(upper.join("opt/app/fresh/two")).unwrap(), "2\n");
        let gone = fs::symlink_metadata(upper.join("etc/app.conf")).unwrap();
        assert!(gone.file_type().is_char_device() && gone.rdev() == 0, "a whiteout");
        assert!(fs::symlink_metadata(upper.join("opt/app/data")).unwrap().is_dir());
        assert_eq!(fs::read_link(upper.join("opt/app/link")).unwrap(), Path::new("program"));
        assert!(fs::symlink_metadata(upper.join("opt/app/fifo")).unwrap().file_type().is_fifo());
        assert_eq!(fs::metadata(upper.join("opt")).unwrap().mode() & 0o7777, 0o700);
        let top: Vec<_> = fs::read_dir(upper).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert!(top.iter().all(|name| name == "opt" || name == "etc"), "{top:?}");
        capture::clear(&bench.scratch()).unwrap();
        assert!(!bench.scratch().exists());
    });
}

#[test]
fn a_script_that_changes_nothing_leaves_an_empty_layer_with_the_roots_own_mode() {
    both("layers::a_script_that_changes_nothing_leaves_an_empty_layer_with_the_roots_own_mode", |bench| {
        // Without these the script sees them all the same.
        for name in ["proc", "sys", "dev"] {
            fs::remove_dir(bench.root().join(name)).unwrap();
        }
        let rehearsal = bench.rehearse("test -c /dev/null && test -d /proc/1 && test -d /sys/kernel && test -d /tmp");
        let upper = &of_root(&rehearsal).upper;
        assert_eq!(fs::read_dir(upper).unwrap().count(), 0);
        let (upper, root) = (fs::metadata(upper).unwrap(), fs::metadata(bench.root()).unwrap());
        assert_eq!((upper.mode(), upper.uid(), upper.mtime()), (root.mode(), root.uid(), root.mtime()));
        assert!(!bench.root().join("proc").exists());
    });
}

#[test]
fn what_a_script_changes_in_its_own_folder_stays_out_of_the_kept_bundle() {
    both("layers::what_a_script_changes_in_its_own_folder_stays_out_of_the_kept_bundle", |bench| {
        write(&bench.bundle().join("payload"), "kept\n");
        let rehearsal = bench.rehearse("set -e\necho changed > payload\ntouch more\ncp payload /opt/app/program");
        assert_eq!(fs::read_to_string(bench.bundle().join("payload")).unwrap(), "kept\n");
        assert!(!bench.bundle().join("more").exists());
        let program = of_root(&rehearsal).upper.join("opt/app/program");
        assert_eq!(fs::read_to_string(program).unwrap(), "changed\n");
    });
}

#[test]
fn a_file_that_others_write_meanwhile_is_as_they_wrote_it_and_younger_than_the_mark() {
    both("layers::a_file_that_others_write_meanwhile_is_as_they_wrote_it_and_younger_than_the_mark", |bench| {
        let (file, go, log) = (bench.root().join("etc/app.conf"), bench.root().join("var/tmp/go"), bench.log());
        let rehearsal = std::thread::scope(|scope| {
            scope.spawn(|| {
                let began = || fs::read_to_string(&log).ok().filter(|said| said.contains("began"));
                belay_testkit::wait_until("the script", PATIENCE, began);
                write(&file, "theirs\n");
                write(&go, "");
            });
            bench.rehearse(
                "echo mine > /etc/app.conf\necho began\nwhile ! ls /var/tmp | grep -q go; do sleep 0.02; done",
            )
        });
        assert_eq!(bench.text("etc/app.conf"), "theirs\n");
        let theirs = fs::metadata(&file).unwrap();
        assert!((theirs.ctime(), u32::try_from(theirs.ctime_nsec()).unwrap()) >= rehearsal.began);
        let untouched = fs::metadata(bench.root().join("opt/app/program")).unwrap();
        assert!((untouched.ctime(), u32::try_from(untouched.ctime_nsec()).unwrap()) < rehearsal.began);
        assert_eq!(fs::read_to_string(of_root(&rehearsal).upper.join("etc/app.conf")).unwrap(), "mine\n");
    });
}

/// As root only: an ordinary user meets no file system below the root that somebody else mounted there.
#[test]
fn each_file_system_below_the_root_has_a_layer_of_its_own_and_read_only_ones_stay_so() {
    let name = "capture::layers::each_file_system_below_the_root_has_a_layer_of_its_own_and_read_only_ones_stay_so";
    crate::private_mounts::rerun(name, |_| {
        let bench = Bench::new(PathBuf::from(env!("CARGO_BIN_EXE_belay-agent")));
        let place = |name: &str| {
            let place = bench.root().join(name);
            fs::create_dir_all(&place).unwrap();
            mount(Some("belay"), &place, Some("tmpfs"), MsFlags::empty(), Some("size=1m")).unwrap();
            place
        };
        let (data, nested, fixed) = (place("data"), place("data/in it"), place("fixed"));
        for folder in [&data, &nested, &fixed] {
            write(&folder.join("file"), "old\n");
        }
        let frozen = MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY;
        mount(None::<&str>, &fixed, None::<&str>, frozen, None::<&str>).unwrap();
        let rehearsal = bench.rehearse(
            "set -e\necho new > /data/file\necho new > '/data/in it/file'\ncat /fixed/file\nno sh -c 'echo new > /fixed/file'",
        );
        let at: Vec<_> = rehearsal.layers.iter().map(|layer| layer.at.to_str().unwrap()).collect();
        assert_eq!(at, ["", "data", "data/in it"]);
        for (layer, folder) in rehearsal.layers[1..].iter().zip([&data, &nested]) {
            assert_eq!(fs::read_to_string(layer.upper.join("file")).unwrap(), "new\n");
            assert_eq!(fs::read_to_string(folder.join("file")).unwrap(), "old\n");
        }
        for folder in [&nested, &data, &fixed] {
            nix::mount::umount2(folder.as_path(), nix::mount::MntFlags::MNT_DETACH).unwrap();
        }
    });
}

/// Every path with its mode, owner, times and size; times of reading are left out.
fn listing(root: &Path) -> String {
    succeed(command("find").arg(root).args(["-printf", "%P %y %m %U %G %T@ %C@ %s %l\\n"]))
}
