//! Tests of keys and signatures.

use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::files::Fresh;

#[test]
fn a_key_signs_and_its_other_half_tells_what_it_signed() {
    let folder = tempfile::tempdir().unwrap();
    let (secret, public) = generate(&folder.path().join("site.2026"), true).unwrap();
    assert_eq!(secret, folder.path().join("site.2026.key"));
    assert_eq!(secret.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let signature = folder.path().join("manifest.sig");
    let signed = sign(&secret, "a manifest", "manifest.json").unwrap();
    Fresh::text(&signature, &signed, false).write().unwrap();
    verify(&public, "a manifest", &signature).unwrap();
    verify(&public, "another manifest", &signature).unwrap_err();
    let (_, other) = generate(&folder.path().join("other"), true).unwrap();
    verify(&other, "a manifest", &signature).unwrap_err();
}

#[test]
fn a_key_is_never_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let name = folder.path().join("site");
    let (secret, _) = generate(&name, true).unwrap();
    let before = read(&secret).unwrap();
    assert!(matches!(generate(&name, true), Err(CtlError::Write { .. })));
    assert_eq!(read(&secret).unwrap(), before);
}

#[test]
fn what_is_no_key_is_refused_with_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("nonsense");
    for text in ["", "untrusted comment: a\nabc\n"] {
        Fresh::text(&file, text, true).write().unwrap();
        assert!(matches!(verify(&file, "", &file), Err(CtlError::Key { .. })), "{text:?}");
    }
    assert!(matches!(sign(&folder.path().join("none"), "", ""), Err(CtlError::File { .. })));
}

#[test]
fn the_signature_of_a_file_stands_beside_it() {
    assert_eq!(signature_of(Path::new("a/manifest.json")), Path::new("a/manifest.sig"));
}
