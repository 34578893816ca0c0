use super::*;
use crate::host::disk::Attributes;

fn put(store: &Store, version: &str, bytes: u64) -> Record {
    let arriving = store.begin().unwrap();
    disk::write(&arriving.join("tree/install.sh"), b"#!/bin/sh\n", Attributes::mode(0o755)).unwrap();
    let sha256 = crate::durable::digest_of_bytes(version.as_bytes());
    let record = Record { version: version.parse().unwrap(), sha256, bytes, vouched_by: None };
    store.admit(&arriving, &record).unwrap();
    record
}

fn versions(store: &Store) -> Vec<String> {
    store.records().unwrap().into_iter().map(|record| record.version.to_string()).collect()
}

#[test]
fn bundles_are_listed_by_version_and_found_by_digest_and_version() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::new(&folder.path().join("bundles"));
    assert!(versions(&store).is_empty());
    let old = put(&store, "2.9", 1);
    put(&store, "2.10", 1);
    put(&store, "2.33.06", 1);
    assert_eq!(versions(&store), ["2.33.06", "2.10", "2.9"]);
    assert_eq!(store.find(&old.sha256).unwrap().unwrap().record, old);
    assert_eq!(store.of_version(&"v2.9".parse().unwrap()).unwrap().unwrap().record, old);
    assert_eq!(store.of_version(&"3".parse().unwrap()).unwrap(), None);
}

#[test]
fn a_version_that_arrives_again_takes_the_place_of_the_old_one() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::new(folder.path());
    put(&store, "1", 5);
    put(&store, "1", 7);
    assert_eq!(store.records().unwrap().iter().map(|record| record.bytes).collect::<Vec<_>>(), [7]);
    assert_eq!(disk::names_in(folder.path()).unwrap(), ["1"]);
}

#[test]
fn what_an_interrupted_arrival_left_is_no_bundle_and_goes() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::new(folder.path());
    let arriving = store.begin().unwrap();
    disk::write(&arriving.join("tree/half"), b"x", Attributes::mode(0o644)).unwrap();
    assert!(versions(&store).is_empty());
    store.remove_leftovers().unwrap();
    assert!(disk::names_in(folder.path()).unwrap().is_empty());
}

#[test]
fn the_lowest_versions_go_first_and_those_that_are_needed_stay() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::new(folder.path());
    for version in ["1", "2", "3", "4"] {
        put(&store, version, 10);
    }
    let gone = store.prune(&["1".to_owned()].into(), 25).unwrap();
    assert_eq!(gone.iter().map(ReleaseVersion::as_str).collect::<Vec<_>>(), ["2", "3"]);
    assert_eq!(versions(&store), ["4", "1"]);
    assert!(store.prune(&BTreeSet::new(), 25).unwrap().is_empty());
}

#[test]
fn a_damaged_record_is_no_bundle() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::new(folder.path());
    put(&store, "1", 10);
    disk::write(&folder.path().join("1/bundle.json"), b"0000 {}\n", Attributes::mode(0o600)).unwrap();
    assert!(versions(&store).is_empty());
}
