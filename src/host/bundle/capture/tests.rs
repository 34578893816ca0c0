use std::os::unix::fs::PermissionsExt;

use super::*;

#[test]
fn a_folder_that_a_script_closed_is_removed_with_what_is_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let scratch = folder.path().join("scratch");
    let closed = scratch.join("work/closed");
    std::fs::create_dir_all(closed.join("deeper")).unwrap();
    std::fs::set_permissions(&closed, std::fs::Permissions::from_mode(0o000)).unwrap();
    clear(&scratch).unwrap();
    assert!(!scratch.exists());
    clear(&scratch).unwrap();
}

#[test]
fn a_bundle_is_copied_with_its_modes_and_links() {
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (folder.path().join("from"), folder.path().join("to"));
    std::fs::create_dir_all(from.join("payload")).unwrap();
    crate::durable::write_atomic(&from.join("install.sh"), b"true\n", 0o755).unwrap();
    std::os::unix::fs::symlink("../install.sh", from.join("payload/link")).unwrap();
    scratch::copy(&from, &to).unwrap();
    assert_eq!(std::fs::metadata(to.join("install.sh")).unwrap().permissions().mode() & 0o777, 0o755);
    assert_eq!(std::fs::read_link(to.join("payload/link")).unwrap(), Path::new("../install.sh"));
    assert_eq!(std::fs::read(to.join("payload/link")).unwrap(), b"true\n");
}
