//! Tests of what can be written after `belayctl release publish`.

use clap::Parser;

use crate::Arguments;

fn reads(words: &str) -> bool {
    let name = "--device-type raspberry_pi --distribution alpha --version 1.0";
    let line = format!("belayctl release publish {words} {name}");
    Arguments::try_parse_from(line.split_whitespace()).is_ok()
}

#[test]
fn a_release_is_a_list_or_a_bundle_signed_here_or_elsewhere() {
    for good in [
        "a.list",
        "a.list --sign site.key",
        "--bundle a.tar.gz",
        "--bundle a.tar.gz --sign site.key --out .",
        "--bundle a.tar.gz --manifest manifest.json --signature manifest.sig",
        "--bundle a.tar.gz --manifest manifest.json",
    ] {
        assert!(reads(good), "{good}");
    }
    for bad in [
        "",
        "a.list --bundle a.tar.gz",
        "--bundle a.tar.gz --signature manifest.sig",
        "--bundle a.tar.gz --sign site.key --manifest manifest.json",
    ] {
        assert!(!reads(bad), "{bad}");
    }
}
