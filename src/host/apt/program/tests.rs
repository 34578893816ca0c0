use std::os::unix::fs::{MetadataExt, PermissionsExt};

use super::*;

#[test]
fn the_copy_stays_what_it_was_when_the_program_is_replaced_or_gone() {
    let folder = tempfile::tempdir().unwrap();
    let (program, work) = (folder.path().join("agent"), folder.path().join("state/apt"));
    disk::write(&program, b"old", Attributes::mode(0o755)).unwrap();
    let copy = keep(&program, &work).unwrap();
    assert!(copy.starts_with(&work) && copy.metadata().unwrap().permissions().mode() & 0o7777 == 0o755);
    disk::write(&program, b"new and broken", Attributes::mode(0o755)).unwrap();
    assert_eq!(disk::read(&copy).unwrap().unwrap(), b"old");
}

#[test]
fn a_copy_is_made_anew_only_where_it_differs() {
    let folder = tempfile::tempdir().unwrap();
    let (program, work) = (folder.path().join("agent"), folder.path().join("apt"));
    disk::write(&program, b"one", Attributes::mode(0o755)).unwrap();
    let copy = keep(&program, &work).unwrap();
    let inode = || copy.metadata().unwrap().ino();
    let first = inode();
    keep(&program, &work).unwrap();
    assert_eq!(inode(), first);
    for damaged in [&b"two"[..], b"on", b"onee"] {
        disk::write(&copy, damaged, Attributes::mode(0o755)).unwrap();
        keep(&program, &work).unwrap();
        assert_eq!(disk::read(&copy).unwrap().unwrap(), b"one");
    }
    std::fs::set_permissions(&copy, std::fs::Permissions::from_mode(0o644)).unwrap();
    keep(&program, &work).unwrap();
    assert_eq!(copy.metadata().unwrap().permissions().mode() & 0o7777, 0o755);
}

#[test]
fn without_room_the_program_itself_is_run_and_one_without_a_path_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("agent");
    disk::write(&program, b"one", Attributes::mode(0o755)).unwrap();
    // A file where the folder should be stands for a disk that takes nothing more.
    let work = program.join("apt");
    assert_eq!(keep(&program, &work).unwrap(), program.canonicalize().unwrap());
    assert!(keep(&folder.path().join("agent (deleted)"), &work).is_err());
}
