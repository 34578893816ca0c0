//! Real keys and signatures, made by the signing half of minisign.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use belay_protocol::bundle::SignedManifest;
use minisign::KeyPair;
use proptest::prelude::*;

use super::*;

const TEXT: &str = r#"{"version":"2.33.07","device_type":"camera","distribution":"232","archive":"update.tar.gz",
    "sha256":"abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789","size":12,
    "created_at":"2026-01-02T03:04:05Z"}"#;

#[test]
fn a_pinned_key_vouches_for_what_it_signed() {
    let (folder, pair) = (Folder::new(), pair());
    folder.pin("release.pub", &pair, "");
    let vouched = folder.keys().check(&signed(&pair, TEXT), noon("2026-11-21")).unwrap();
    assert_eq!(vouched.by.as_deref(), Some("release.pub"));
    assert_eq!(vouched.manifest.version.as_str(), "2.33.07");
}

#[test]
fn the_signature_chooses_among_several_keys_and_a_bare_line_is_a_key() {
    let (folder, old, new) = (Folder::new(), pair(), pair());
    folder.pin("old.pub", &old, "");
    folder.write("new.pub", &new.pk.to_base64());
    folder.write("README", "no key");
    let keys = folder.keys();
    assert_eq!(keys.names(), ["new.pub", "old.pub"]);
    for (pair, name) in [(&old, "old.pub"), (&new, "new.pub")] {
        assert_eq!(keys.check(&signed(pair, TEXT), noon("2026-11-21")).unwrap().by.as_deref(), Some(name));
    }
}

#[test]
fn a_signature_of_an_old_minisign_counts() {
    let folder = Folder::new();
    let key = "untrusted comment: minisign public key\nRWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3\n";
    folder.write("old.pub", key);
    let signature = "untrusted comment: signature from minisign secret key
RWQf6LRCGA9i59SLOFxz6NxvASXDJeRtuZykwQepbDEGt87ig1BNpWaVWuNrm73YiIiJbq71Wi+dP9eKL8OC351vwIasSSbXxwA=
trusted comment: timestamp:1555779966\tfile:test
QtKMXWyYcwdpZAlPF7tE2ENJkRd1ujvKjlj1m9RtHTBnZPa5WKU5uWRs5GoP5M/VqE81QFuMKI5k/SfNQUaOAA==";
    let manifest = SignedManifest { text: "test".to_owned(), signature: Some(signature.to_owned()) };
    // The text that the makers of minisign signed is no manifest; to be refused for that, it passed the signature.
    let refusal = folder.keys().check(&manifest, noon("2026-11-21")).unwrap_err();
    assert_eq!(refusal.reason, Reason::BadManifest);
    assert!(refusal.message.ends_with("; publish the release anew"), "{}", refusal.message);
}

#[test]
fn what_nobody_signed_is_refused_where_a_key_is_pinned() {
    let folder = Folder::new();
    let unsigned = SignedManifest { text: TEXT.to_owned(), signature: None };
    assert_eq!(folder.keys().check(&unsigned, noon("2026-11-21")).unwrap().by, None);
    folder.pin("release.pub", &pair(), "");
    let refusal = folder.keys().check(&unsigned, noon("2026-11-21")).unwrap_err();
    let expected = format!(
        "nobody signed this release, and the keys in {} are pinned; sign its manifest by \
         `minisign -Sm manifest.json -x manifest.sig` and publish it again",
        folder.path().display()
    );
    assert_eq!(refusal, Failure::new(Reason::Unsigned, expected));
}

#[test]
fn a_changed_text_a_strange_key_and_a_broken_signature_are_told_apart() {
    let (folder, pair, stranger) = (Folder::new(), pair(), self::pair());
    folder.pin("release.pub", &pair, "");
    let keys = folder.keys();
    let reason = |manifest: &SignedManifest| {
        let refusal = keys.check(manifest, noon("2026-11-21")).unwrap_err();
        assert_eq!(refusal.reason, Reason::BadSignature);
        refusal.message
    };
    let mut changed = signed(&pair, TEXT);
    changed.text = changed.text.replace("2.33.07", "2.33.08");
    let message = reason(&changed);
    let expected = format!("the signature has the number of {}", folder.path().join("release.pub").display());
    assert!(message.starts_with(&expected), "{message}");
    let message = reason(&signed(&stranger, TEXT));
    let expected = format!(
        "the release was signed by a key that is not pinned; in {} there are release.pub.",
        folder.path().display()
    );
    assert!(message.starts_with(&expected), "{message}");
    let message = reason(&SignedManifest { text: TEXT.to_owned(), signature: Some("PGP".to_owned()) });
    assert!(message.starts_with("the signature of the manifest is none of minisign's: "), "{message}");
}

#[test]
fn a_key_vouches_until_the_day_on_which_it_expires() {
    let (folder, pair) = (Folder::new(), pair());
    folder.pin("release.pub", &pair, " expires: 2027-01-31");
    let (keys, manifest) = (folder.keys(), signed(&pair, TEXT));
    assert!(keys.check(&manifest, "2027-01-30T23:59:59Z".parse().unwrap()).is_ok());
    let refusal = keys.check(&manifest, "2027-01-31T00:00:00Z".parse().unwrap()).unwrap_err();
    let expected = format!(
        "the release was signed by {}, which expired on 2027-01-31; sign it by a key that is valid, or pin a new one",
        folder.path().join("release.pub").display()
    );
    assert_eq!(refusal, Failure::new(Reason::KeyExpired, expected));
    folder.pin("renewed.pub", &pair, " expires: 2028-01-31");
    let vouched = folder.keys().check(&manifest, noon("2027-01-31")).unwrap();
    assert_eq!(vouched.by.as_deref(), Some("renewed.pub"));
}

#[test]
fn a_key_that_cannot_be_read_stops_everything() {
    let (folder, pair) = (Folder::new(), pair());
    let cases = [
        ("", "it has 0 lines; "),
        ("RWhello", "it holds no public key; "),
        ("a\nb\nc", "it has 3 lines; "),
        ("untrusted comment: expires: soon\nKEY", "its comment says that it expires, and \"soon\" is no day; "),
        (
            "untrusted comment: expires 2027-1-31\nKEY",
            "its comment says that it expires, and \"2027-1-31\" is no day; ",
        ),
    ];
    for (content, problem) in cases {
        folder.write("x.pub", &content.replace("KEY", &pair.pk.to_base64()));
        let refusal = Keys::load(folder.path()).unwrap_err();
        let expected = format!("the key {} cannot be used: {problem}", folder.path().join("x.pub").display());
        assert!(refusal.message.starts_with(&expected), "{refusal}");
        assert_eq!(refusal.reason, Reason::BadSignature);
    }
}

#[test]
fn keys_that_others_can_write_or_that_lie_elsewhere_are_refused() {
    let (folder, pair) = (Folder::new(), pair());
    folder.pin("release.pub", &pair, "");
    let key = folder.path().join("release.pub");
    for (path, open, shut) in [(folder.path(), 0o775, 0o755), (&key, 0o646, 0o644)] {
        fs::set_permissions(path, fs::Permissions::from_mode(open)).unwrap();
        let refusal = Keys::load(folder.path()).unwrap_err();
        let expected = format!("{} can be written by others (mode {open:04o}); ", path.display());
        assert!(refusal.message.starts_with(&expected), "{refusal}");
        fs::set_permissions(path, fs::Permissions::from_mode(shut)).unwrap();
        assert_eq!(folder.keys().names(), ["release.pub"]);
    }
    std::os::unix::fs::symlink(&key, folder.path().join("linked.pub")).unwrap();
    let refusal = Keys::load(folder.path()).unwrap_err();
    assert!(refusal.message.contains("linked.pub cannot be used: "), "{refusal}");
}

#[test]
fn without_a_folder_there_is_no_key() {
    let folder = Folder::new();
    assert!(Keys::load(&folder.path().join("none")).unwrap().is_empty());
}

proptest! {
    #[test]
    fn no_signature_and_no_key_file_makes_this_panic(text in "\\PC*(\n\\PC*){0,4}", at in 0usize..400, byte: u8) {
        let _ = super::key::parse(&text);
        let _ = Signature::decode(&text);
        let mut bytes = SIGNATURE.as_bytes().to_vec();
        let at = at % bytes.len();
        bytes[at] = byte;
        if let Ok(text) = String::from_utf8(bytes) {
            let _ = Signature::decode(&text);
        }
    }
}

const SIGNATURE: &str = "untrusted comment: signature from minisign secret key
RUQf6LRCGA9i559r3g7V1qNyJDApGip8MfqcadIgT9CuhV3EMhHoN1mGTkUidF/z7SrlQgXdy8ofjb7bNJJylDOocrCo8KLzZwo=
trusted comment: timestamp:1633700835\tfile:test\tprehashed
wLMDjy9FLAuxZ3q4NlEvkgtyhrr0gtTu6KC4KBJdITbbOeAi1zBIYo0v4iTgt8jJpIidRJnp94ABQkJAgAooBQ==";

fn pair() -> KeyPair {
    KeyPair::generate_unencrypted_keypair().unwrap()
}

fn signed(pair: &KeyPair, text: &str) -> SignedManifest {
    let signature = minisign::sign(Some(&pair.pk), &pair.sk, text.as_bytes(), None, None).unwrap();
    SignedManifest { text: text.to_owned(), signature: Some(signature.into_string()) }
}

fn noon(day: &str) -> Timestamp {
    format!("{day}T12:00:00Z").parse().unwrap()
}

/// A folder of keys that only its owner writes, whatever the umask of the test.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn pin(&self, name: &str, pair: &KeyPair, more: &str) {
        self.write(name, &format!("untrusted comment: minisign public key{more}\n{}\n", pair.pk.to_base64()));
    }

    fn write(&self, name: &str, content: &str) {
        let path = self.path().join(name);
        crate::durable::write_atomic(&path, content.as_bytes(), 0o644).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    }

    fn keys(&self) -> Keys {
        Keys::load(self.path()).unwrap()
    }
}
