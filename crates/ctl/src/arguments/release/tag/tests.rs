use super::*;

fn rules(texts: &[&str]) -> Vec<TagRule> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

const USUAL: [&str; 3] = [
    "rtsp-recorder-*-stable=RTSP-Recorder/232",
    "rtsp-recorder-*-beta=RTSP-Recorder/beta",
    "jupiter-*-stable=Jupiter/other",
];

#[test]
fn a_tag_names_a_release_by_the_rule_that_it_fits() {
    for (tag, name) in [
        ("rtsp-recorder-2.33.07-stable", "RTSP-Recorder/232/2.33.07"),
        ("rtsp-recorder-2.33.07-beta", "RTSP-Recorder/beta/2.33.07"),
        ("rtsp-recorder-2.33.07-rc1-beta", "RTSP-Recorder/beta/2.33.07-rc1"),
        ("jupiter-1.0-stable", "Jupiter/other/1.0"),
    ] {
        assert_eq!(named(tag, &rules(&USUAL)).unwrap().to_string(), name);
    }
}

#[test]
fn a_tag_that_fits_rules_which_disagree_is_refused_in_any_order() {
    let recorder = ["rtsp-recorder-v*=RTSP-Recorder/232", "rtsp-recorder-*-beta=RTSP-Recorder/beta"];
    for both in [recorder, [recorder[1], recorder[0]]] {
        let refusal = named("rtsp-recorder-v2.33.08-beta", &rules(&both)).unwrap_err();
        assert!(recorder.iter().all(|rule| refusal.contains(rule)), "{refusal}");
        assert_eq!(named("rtsp-recorder-v2.33.08", &rules(&both)).unwrap().to_string(), "RTSP-Recorder/232/2.33.08");
    }
    let refusal = named("jupiter-1.0-stable", &rules(&["*-stable=Any/232", "jupiter-*-stable=Jupiter/other"]));
    assert!(refusal.unwrap_err().contains("different things"));
    // Twice the same is no question.
    let again = rules(&["jupiter-*=Jupiter/other", "jupiter*=Jupiter/other", "jupiter-*=Jupiter/other"]);
    assert!(named("jupiter-1.0", &again[..1]).is_ok() && named("jupiter-1.0", &again).is_err());
    assert!(named("jupiter-1.0", &[again[0].clone(), again[2].clone()]).is_ok());
}

#[test]
fn a_v_before_the_version_is_kept_unless_the_pattern_has_it() {
    assert_eq!(named("v2.1", &rules(&["*=Jupiter/beta"])).unwrap().version.as_str(), "v2.1");
    assert_eq!(named("v2.1", &rules(&["v*=Jupiter/beta"])).unwrap().version.as_str(), "2.1");
}

#[test]
fn a_tag_of_another_form_is_refused_with_the_forms() {
    for tag in ["rtsp-recorder-2.33.07-gamma", "rtsp-recorder--stable", "stable", ""] {
        let refusal = named(tag, &rules(&USUAL)).unwrap_err();
        assert!(USUAL.iter().all(|rule| refusal.contains(rule)), "{refusal}");
    }
    let refusal = named("rtsp-recorder-2 33-stable", &rules(&USUAL)).unwrap_err();
    assert!(refusal.contains("is no release version"), "{refusal}");
}

#[test]
fn a_rule_has_one_star_a_type_and_a_ring() {
    for bad in ["a-*", "a-*=Jupiter", "a=Jupiter/beta", "*-*=Jupiter/beta", "a-*=Jup iter/beta", "a-*=Jupiter/be/ta"] {
        assert!(bad.parse::<TagRule>().is_err(), "{bad}");
    }
    let rule: TagRule = "a=b-*=Jupiter/beta".parse().unwrap();
    assert_eq!(rule.to_string(), "a=b-*=Jupiter/beta");
}
