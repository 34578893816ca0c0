use proptest::prelude::*;

use super::*;

const OLD: &str = r#"{"version":"2.33.07","device_type":"RTSP-Recorder","distribution":"232","archive":"update.tar.gz",
    "sha256":"SHA256:ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef0123456789","size":12,"notes":"",
    "created_at":"2026-01-02T03:04:05Z","more":1}"#;

#[test]
fn a_manifest_of_the_old_tool_is_read() {
    let manifest = Manifest::parse(OLD).unwrap();
    assert_eq!((manifest.version.as_str(), manifest.size), ("2.33.07", Some(12)));
    assert!(manifest.packages.is_none());
}

#[test]
fn a_manifest_names_exactly_one_payload() {
    let both = OLD.replace("\"more\":1", "\"packages\":[\"demo-app\"]");
    assert_eq!(Manifest::parse(&both), Err(ManifestError::Payload));
    let half = OLD.replace("\"size\":12,", "");
    assert_eq!(Manifest::parse(&half), Err(ManifestError::Payload));
}

#[test]
fn what_is_no_manifest_is_refused() {
    assert!(matches!(Manifest::parse("[]"), Err(ManifestError::Unreadable(_))));
    assert!(matches!(Manifest::parse(&" ".repeat(LONGEST_MANIFEST + 1)), Err(ManifestError::TooLong(_))));
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,200}") {
        let _ = Manifest::parse(&text);
    }

    #[test]
    fn an_altered_manifest_is_read_or_refused(
        changes in prop::collection::vec((any::<prop::sample::Index>(), prop::option::of("\\PC|[\\[\\]{}\":,0-9.-]")), 1..6),
    ) {
        let mut text: Vec<String> = OLD.chars().map(String::from).collect();
        for (at, replacement) in changes {
            let at = at.index(text.len());
            text[at] = replacement.unwrap_or_default();
        }
        if let Ok(read) = Manifest::parse(&text.concat()) {
            prop_assert!(read.packages.is_none() && read.sha256.is_some() && !read.archive.is_empty());
        }
    }
}
