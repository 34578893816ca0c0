use super::*;

#[test]
fn a_label_can_stand_in_a_path() {
    for text in ["raspberry_pi", "RTSP-Recorder", "232", "v2.1.0", "..."] {
        assert_eq!(text.parse::<DeviceType>().unwrap().as_str(), text);
    }
    for text in ["", ".", "..", "a/b", "a b", "é", &"x".repeat(129)] {
        assert!(text.parse::<Distribution>().is_err(), "{text:?}");
    }
}

#[test]
fn an_identifier_has_no_dots_and_a_tag_may_have_colons() {
    assert!("dev_01-a".parse::<DeviceId>().is_ok());
    assert!("dev.01".parse::<DeviceId>().is_err());
    assert!("site:paris".parse::<Tag>().is_ok());
    assert!("site paris".parse::<Tag>().is_err());
}
