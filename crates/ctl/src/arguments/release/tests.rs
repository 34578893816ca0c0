//! Tests of what can be written after `belayctl release publish`.

use clap::Parser;

use crate::Arguments;

const NAME: &str = "--device-type raspberry_pi --distribution alpha --version 1.0";

fn reads(words: &str) -> bool {
    let line = format!("belayctl release publish {words}");
    Arguments::try_parse_from(line.split_whitespace()).is_ok()
}

#[test]
fn a_release_is_one_source_signed_here_or_elsewhere() {
    for good in [
        "a.list",
        "-",
        "a.list --sign site.key",
        "folder --dry-run",
        "a.tar.gz --check --notes new",
        "a.tar.gz --notes-file notes.md",
        "--bundle a.tar.gz",
        "a.tar.gz --sign site.key --out .",
        "a.tar.gz --manifest manifest.json --signature manifest.sig",
        "a.tar.gz --manifest manifest.json",
    ] {
        assert!(reads(&format!("{good} {NAME}")), "{good}");
    }
    for bad in [
        "",
        "a.list --bundle a.tar.gz",
        "a.tar.gz --signature manifest.sig",
        "a.tar.gz --sign site.key --manifest manifest.json",
        "a.tar.gz --dry-run --out .",
        "a.tar.gz --notes a --notes-file b",
    ] {
        assert!(!reads(&format!("{bad} {NAME}")), "{bad}");
    }
}

#[test]
fn a_release_is_named_in_full_or_by_a_tag() {
    let tag = "--tag recorder-1.0-beta --map recorder-*-beta=Recorder/beta";
    for good in [NAME, tag, &format!("{tag} --map v*=Recorder/232")] {
        assert!(reads(&format!("a.list {good}")), "{good}");
    }
    for bad in [
        "",
        "--device-type raspberry_pi --distribution alpha",
        "--tag v1",
        "--map v*=Recorder/beta",
        &format!("{tag} --version 2.0"),
        "--tag v1 --map v=Recorder/beta",
    ] {
        assert!(!reads(&format!("a.list {bad}")), "{bad}");
    }
}
