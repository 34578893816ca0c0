use std::os::unix::fs::PermissionsExt;

use super::*;

fn url(text: &str) -> ServerUrl {
    text.parse().unwrap()
}

fn open(folder: &Path) -> IdentityStore {
    let (store, damage) = IdentityStore::open(folder).unwrap();
    assert_eq!(damage, None);
    store
}

fn identity() -> Identity {
    Identity {
        server: url("https://a"),
        device: "d1".parse().unwrap(),
        key: "the-key".into(),
        ca_pem: Some("PEM".into()),
    }
}

#[test]
fn an_enrolment_without_an_answer_keeps_its_value_over_restarts() {
    let folder = tempfile::tempdir().unwrap();
    let value = open(folder.path()).attempt(&url("https://a")).unwrap();
    assert_eq!(value.len(), 32);
    assert_eq!(open(folder.path()).attempt(&url("https://a")).unwrap(), value);
    assert_ne!(open(folder.path()).attempt(&url("https://b")).unwrap(), value, "another server is another enrolment");
}

#[test]
fn an_answered_enrolment_is_kept_and_the_next_one_has_another_value() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path());
    let value = store.attempt(&url("https://a")).unwrap();
    store.enrolled(identity()).unwrap();
    let mut store = open(folder.path());
    assert_eq!(store.identity(), Some(&identity()));
    assert_ne!(store.attempt(&url("https://a")).unwrap(), value);
    assert_eq!(open(folder.path()).identity(), Some(&identity()), "an attempt leaves it as it is");
}

#[test]
fn only_its_owner_may_read_the_key_and_no_log_shows_it() {
    let folder = tempfile::tempdir().unwrap();
    open(folder.path()).enrolled(identity()).unwrap();
    let mode = std::fs::metadata(folder.path().join("identity.json")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(!format!("{:?}", identity()).contains("the-key"));
}

#[test]
fn a_damaged_identity_is_set_aside_and_told_of() {
    let folder = tempfile::tempdir().unwrap();
    durable::write_atomic(&folder.path().join("identity.json"), b"{\"enrolled\": 3", 0o600).unwrap();
    let (store, damage) = IdentityStore::open(folder.path()).unwrap();
    assert_eq!(store.identity(), None);
    assert!(damage.unwrap().contains("enrol again"));
    assert!(folder.path().join("identity.json.damaged").exists());
    assert_eq!(open(folder.path()).identity(), None);
}
