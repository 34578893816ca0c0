use super::*;

#[test]
fn a_full_disk_is_told_with_figures() {
    let folder = tempfile::tempdir().unwrap();
    let error = io::Error::from_raw_os_error(nix::libc::ENOSPC);
    let failure = failure("write", &folder.path().join("not/there/yet"), &error);
    assert_eq!(failure.reason, Reason::NoSpace);
    assert!(failure.message.contains("the disk is full ("), "{}", failure.message);
    assert!(!failure.message.contains("unknown"), "{}", failure.message);
}

#[test]
fn a_planted_temporary_link_is_replaced_and_never_followed() {
    let folder = tempfile::tempdir().unwrap();
    let victim = folder.path().join("victim");
    write(&victim, b"precious", Attributes::mode(0o600)).unwrap();
    std::os::unix::fs::symlink(&victim, folder.path().join(TEMPORARY)).unwrap();
    write(&folder.path().join("file"), b"new", Attributes::mode(0o644)).unwrap();
    assert_eq!(read(&victim).unwrap().unwrap(), b"precious");
    assert_eq!(read(&folder.path().join("file")).unwrap().unwrap(), b"new");
}

#[test]
fn a_failed_write_leaves_the_old_file_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    write(&path, b"old", Attributes::mode(0o644)).unwrap();
    let failed = place(&path, Attributes::mode(0o644), |file| {
        file.write_all(b"half").unwrap();
        Err::<(), _>(Failure::new(Reason::State, "no"))
    });
    assert!(failed.is_err());
    assert_eq!(read(&path).unwrap().unwrap(), b"old");
    assert_eq!(names_in(folder.path()).unwrap(), ["file"]);
}

#[test]
fn every_byte_survives_as_text() {
    let bytes: Vec<u8> = (0..=255).collect();
    assert_eq!(bytes_of(&text_of(&bytes)), bytes);
}

#[test]
fn private_folders_lie_in_open_ones() {
    let folder = tempfile::tempdir().unwrap();
    let mode = |path: &str| folder.path().join(path).metadata().unwrap().permissions().mode() & 0o777;
    make_folder(&folder.path().join("belay/host/vault")).unwrap();
    assert_eq!([mode("belay"), mode("belay/host"), mode("belay/host/vault")], [0o755, 0o755, 0o700]);
    make_open_folder(&folder.path().join("state/apt")).unwrap();
    assert_eq!([mode("state"), mode("state/apt")], [0o755, 0o755]);
    // One that an earlier version made too narrow is mended.
    std::fs::set_permissions(folder.path().join("state/apt"), Permissions::from_mode(0o700)).unwrap();
    make_open_folder(&folder.path().join("state/apt")).unwrap();
    assert_eq!(mode("state/apt"), 0o755);
    std::os::unix::fs::symlink(folder.path(), folder.path().join("link")).unwrap();
    assert!(
        make_folder(&folder.path().join("link")).is_err() && make_open_folder(&folder.path().join("link")).is_err()
    );
}
