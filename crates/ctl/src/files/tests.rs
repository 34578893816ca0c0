use std::os::unix::fs::PermissionsExt;

use super::*;

#[test]
fn a_file_is_replaced_as_a_whole_and_leaves_nothing_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new/deep/keyring.toml");
    assert_eq!(read(&path).unwrap(), None);
    replace(&path, "one", 0o600).unwrap();
    replace(&path, "two", 0o600).unwrap();
    assert_eq!(read(&path).unwrap().as_deref(), Some("two"));
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
}

#[test]
fn what_cannot_be_written_leaves_the_old_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a-folder");
    fs::create_dir_all(path.join("full")).unwrap();
    assert!(matches!(replace(&path, "text", 0o600), Err(CtlError::Write { .. })));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}
