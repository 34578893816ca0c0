use super::*;

fn rings(texts: &[&str]) -> Vec<ChannelRing> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

#[test]
fn a_name_is_read_from_its_end() {
    for (file, release) in [
        ("rpi-cam-2.33.07-stable.tar.gz", "rpi-cam/232/2.33.07"),
        ("Jupiter-1.0-beta.tar.gz", "Jupiter/beta/1.0"),
        ("Jupiter-1.0-alpha.tar.gz", "Jupiter/alpha/1.0"),
        ("Jupiter-1.0-custom.tar.gz", "Jupiter/other/1.0"),
        ("Jupiter-1.0-nightly.tar.gz", "Jupiter/other/1.0"),
        ("a-b-c-v2-stable.tar.gz", "a-b-c/232/v2"),
    ] {
        assert_eq!(read(file, &[]).unwrap().to_string(), release, "{file}");
    }
}

#[test]
fn what_was_said_of_a_channel_counts_before_what_is_usual() {
    let rings = rings(&["stable=prod", "nightly=dev", "stable=233"]);
    assert_eq!(read("a-1-stable.tar.gz", &rings).unwrap().to_string(), "a/233/1");
    assert_eq!(read("a-1-nightly.tar.gz", &rings).unwrap().to_string(), "a/dev/1");
    assert_eq!(read("a-1-beta.tar.gz", &rings).unwrap().to_string(), "a/beta/1");
}

#[test]
fn another_name_is_no_release() {
    for file in [
        "a.tar.gz",
        "a-1.tar.gz",
        "a-1-.tar.gz",
        "-1-beta.tar.gz",
        "a--beta.tar.gz",
        "a b-1-beta.tar.gz",
        "a-1-beta.zip",
    ] {
        assert!(read(file, &[]).is_err(), "{file}");
    }
}
