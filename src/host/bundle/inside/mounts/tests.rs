use super::*;

const TABLE: &[u8] = b"\
26 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,discard
27 26 0:6 / /proc rw - proc proc rw
28 26 179:1 / /boot/firmware rw,relatime shared:2 - vfat /dev/mmcblk0p1 rw,fmask=0022
29 26 8:1 / /srv/my\\040disk rw,noatime - ext4 /dev/sda1 ro
30 26 0:40 / /mnt/nas rw - nfs4 nas:/x rw
31 26 0:41 / /snap/x ro - squashfs /dev/loop0 ro
nonsense
";

#[test]
fn a_mount_table_is_read_with_its_spaces_and_its_options() {
    let table = parse(TABLE);
    let read: Vec<_> = table.iter().map(|m| (m.place.to_str().unwrap(), &*m.kind, m.read_only)).collect();
    assert_eq!(
        read,
        [
            ("/", "ext4", false),
            ("/proc", "proc", false),
            ("/boot/firmware", "vfat", false),
            ("/srv/my disk", "ext4", true),
            ("/mnt/nas", "nfs4", false),
            ("/snap/x", "squashfs", true),
        ]
    );
}

#[test]
fn a_file_system_is_layered_or_copied_or_only_read_or_hidden() {
    let treated = |kind: &str, read_only| {
        let mount = Mount { id: 1, place: "/x".into(), kind: kind.to_owned(), read_only };
        mount.treatment()
    };
    for kind in ["ext4", "btrfs", "xfs", "f2fs", "jfs", "tmpfs"] {
        assert_eq!(treated(kind, false), Treatment::Layer(LayerKind::Overlay), "{kind}");
        assert_eq!(treated(kind, true), Treatment::ReadOnly, "{kind}");
    }
    for kind in ["vfat", "msdos", "exfat"] {
        assert_eq!(treated(kind, false), Treatment::Layer(LayerKind::Copy), "{kind}");
        assert_eq!(treated(kind, true), Treatment::ReadOnly, "{kind}");
    }
    assert_eq!(treated("squashfs", true), Treatment::ReadOnly);
    for kind in ["nfs4", "cifs", "fuse.sshfs", "autofs", "proc", "debugfs", "something new"] {
        assert_eq!(treated(kind, false), Treatment::Hidden, "{kind}");
    }
}

#[test]
fn what_is_found_below_a_root_is_what_is_on_top_there_and_not_private() {
    let table = parse(&std::fs::read("/proc/self/mountinfo").unwrap());
    let found = below(Path::new("/"), &table);
    assert!(table.iter().any(|mount| mount.place == Path::new("/proc")), "this machine has a /proc");
    assert!(found.iter().all(|(at, _)| !PRIVATE.iter().any(|place| at.starts_with(place))), "{found:?}");
    let mut covered = table.iter().find(|mount| mount.place == Path::new("/")).unwrap().clone();
    covered.place = PathBuf::from("/usr");
    covered.kind = "ext4".to_owned();
    covered.id = u64::MAX;
    assert!(!below(Path::new("/"), &[covered]).iter().any(|(at, _)| at == Path::new("usr")));
}
