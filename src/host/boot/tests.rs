use super::*;

#[test]
fn packages_that_want_a_restart_are_named_once() {
    let root = tempfile::tempdir().unwrap();
    assert_eq!(wanted(root.path()), None);
    std::fs::create_dir(root.path().join("run")).unwrap();
    std::fs::File::create(root.path().join("run/reboot-required")).unwrap();
    assert_eq!(wanted(root.path()).unwrap(), "/run/reboot-required is there");
    let packages = disk::bytes_of("linux-image\nlibc6\nlibc6\n");
    disk::write(&root.path().join("run/reboot-required.pkgs"), &packages, disk::Attributes::mode(0o644)).unwrap();
    assert_eq!(wanted(root.path()).unwrap(), "libc6, linux-image ask for it");
}

#[test]
fn another_root_than_the_running_system_is_never_started_by_systemctl() {
    let root = tempfile::tempdir().unwrap();
    let failure = reboot(root.path(), &OWN.map(ToOwned::to_owned)).unwrap_err();
    assert_eq!(failure.reason, Reason::RebootFailed);
    assert!(failure.message.contains("host.reboot_command"), "{failure}");
}

#[test]
fn a_command_that_fails_is_a_failure() {
    let root = tempfile::tempdir().unwrap();
    assert_eq!(reboot(root.path(), &["/bin/false".to_owned()]).unwrap_err().reason, Reason::RebootFailed);
    reboot(root.path(), &["/bin/true".to_owned()]).unwrap();
}

#[test]
fn a_container_that_starts_again_under_the_same_kernel_is_in_another_boot() {
    let root = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = root.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        disk::write(&path, &disk::bytes_of(text), disk::Attributes::mode(0o644)).unwrap();
    };
    assert_eq!(boot_id(root.path()).unwrap(), "", "nothing is known");
    write(BOOT_ID, "5e3c\n");
    assert_eq!(boot_id(root.path()).unwrap(), "5e3c");
    let stat = |began: u32| format!("1 (odd) name) S 0 1 1 0 -1 4194560 9 8 7 6 5 4 3 2 20 0 1 0 {began} 48 16 18");
    write(FIRST_PROCESS, &stat(77));
    assert_eq!(boot_id(root.path()).unwrap(), "5e3c 77");
    write(FIRST_PROCESS, &stat(4242));
    assert_eq!(boot_id(root.path()).unwrap(), "5e3c 4242");
}
