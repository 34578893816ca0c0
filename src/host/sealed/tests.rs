#![expect(clippy::disallowed_methods, reason = "tests damage files on purpose")]

use super::*;

#[test]
fn any_flipped_byte_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("point.json");
    seal(&path, &vec!["demo-app", "1.0"]).unwrap();
    assert_eq!(unseal::<Vec<String>>(&path).unwrap().unwrap(), ["demo-app", "1.0"]);
    let whole = std::fs::read(&path).unwrap();
    for at in 0..whole.len() {
        let mut flipped = whole.clone();
        flipped[at] ^= 1;
        std::fs::write(&path, flipped).unwrap();
        let failure = unseal::<Vec<String>>(&path).unwrap_err();
        assert_eq!(failure.reason, Reason::VaultDamaged, "byte {at}");
        assert!(failure.message.contains("point.json"), "{}", failure.message);
    }
}

#[test]
fn a_file_cut_short_is_refused_and_a_missing_one_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("point.json");
    assert_eq!(unseal::<Vec<String>>(&path).unwrap(), None);
    seal(&path, &vec!["demo-app"]).unwrap();
    let whole = std::fs::read(&path).unwrap();
    for length in 0..whole.len() {
        std::fs::write(&path, &whole[..length]).unwrap();
        assert_eq!(unseal::<Vec<String>>(&path).unwrap_err().reason, Reason::VaultDamaged, "{length} bytes");
    }
}
