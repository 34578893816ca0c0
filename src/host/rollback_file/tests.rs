use std::os::unix::fs::PermissionsExt;

use belay_protocol::PackageId;

use super::*;
use crate::host::device::PackageRecord;

fn inventory(packages: &[(&str, &str, &str)]) -> Inventory {
    let record = |(name, version, status): &(&str, &str, &str)| {
        let package: PackageId = name.parse().unwrap();
        let record = PackageRecord {
            package: package.clone(),
            architecture: "all".parse().unwrap(),
            version: Some(version.parse().unwrap()),
            want: "install".into(),
            flag: "ok".into(),
            status: (*status).into(),
            conffiles: Vec::new(),
            installed_kib: 0,
            essential: false,
        };
        (package, record)
    };
    Inventory { packages: packages.iter().map(record).collect(), ..Inventory::default() }
}

#[test]
fn the_listed_packages_stand_there_as_they_were_installed() {
    let list: PackageList = "demo-app\nlibdemo:armhf\nzlib=1:1.2\ngone\nleft".parse().unwrap();
    let inventory = inventory(&[
        ("demo-app", "2.0", "installed"),
        ("libdemo:armhf", "1.0", "installed"),
        ("zlib", "1:1.2", "installed"),
        ("left", "1.0", "config-files"),
        ("not-asked", "1.0", "installed"),
    ]);
    assert_eq!(text(&list, &inventory), "demo-app=2.0\nlibdemo:armhf=1.0\nzlib=1:1.2\n");
}

#[test]
fn the_file_is_written_for_all_to_read_and_goes_back_to_what_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rollbackFile");
    assert_eq!(read(&path).unwrap(), None);
    put(&path, None).unwrap();
    put(&path, Some("demo-app=2.0\n")).unwrap();
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o7777, 0o644);
    put(&path, Some("demo-app=1.0\n")).unwrap();
    assert_eq!(read(&path).unwrap().as_deref(), Some("demo-app=1.0\n"));
    put(&path, None).unwrap();
    assert!(!path.exists());
}
