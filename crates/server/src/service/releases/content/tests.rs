//! Tests of what makes two releases the same.

use super::*;

fn signature(algorithm: &[u8], length: usize, global: usize) -> String {
    let own: Vec<u8> = algorithm.iter().copied().chain((0..).take(length)).collect();
    let (own, global) = (STANDARD.encode(own), STANDARD.encode(vec![0; global]));
    format!("untrusted comment: a\n{own}\ntrusted comment: b\n{global}\n")
}

#[test]
fn a_signature_names_its_key() {
    assert_eq!(key_of(&signature(b"ED", 72, 64)).as_deref(), Some("0001020304050607"));
    assert_eq!(key_of(&signature(b"Ed", 72, 64)).as_deref(), Some("0001020304050607"));
    for none in [
        signature(b"RS", 72, 64),
        signature(b"ED", 71, 64),
        signature(b"ED", 72, 63),
        signature(b"ED", 72, 64) + "more\n",
        signature(b"ED", 72, 64).replace("untrusted ", ""),
        signature(b"ED", 72, 64).replace('\n', " "),
        String::new(),
    ] {
        assert_eq!(key_of(&none), None, "{none}");
    }
}

#[test]
fn what_a_manifest_says_does_not_depend_on_how_it_is_written() {
    let one = r#"{"a": 1, "created_at": "x", "b": {"c": 2}, "distribution": "alpha", "notes": "n"}"#;
    assert_eq!(essence(one), essence(r#"{"b":{"c":2},"a":1}"#));
    assert_ne!(essence(one), essence(r#"{"b":{"c":3},"a":1}"#));
}

#[test]
fn a_package_list_has_the_digest_that_it_always_had() {
    let packages = PackageList::from_lines(["demo-app=1.0", "demo-lib"]).unwrap();
    let payload = Payload::Packages { packages, approve: vec!["guard_held".to_owned()], manifest: None };
    let text = "packages\npackage demo-app=1.0\npackage demo-lib\napprove guard_held\n";
    assert_eq!(digest(&payload), sha256_of(text));
}
