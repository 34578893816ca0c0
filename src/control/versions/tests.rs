use super::*;

fn generation(number: u64, release: Option<&str>, current: bool, reachable: bool) -> GenerationView {
    GenerationView {
        generation: Generation(number),
        parent: number.checked_sub(1).map(Generation),
        current,
        reachable,
        job: None,
        committed_at: None,
        changes: vec![],
        release: release.map(|text| text.parse().unwrap()),
    }
}

fn device() -> Vec<GenerationView> {
    vec![
        generation(5, Some("2.33.08"), true, false),
        generation(4, Some("v2.33.07"), false, true),
        generation(3, Some("2.33.07"), false, true),
        generation(2, Some("2.33.06"), false, false),
        generation(1, None, false, true),
        generation(0, None, false, true),
    ]
}

#[test]
fn a_version_is_the_newest_generation_on_the_way_back_that_stands_for_it() {
    for (version, expected) in [
        ("2.33.08", Reach::InForce),
        ("v2.33.08", Reach::InForce),
        ("2.33.07", Reach::Back(Generation(4))),
        ("2.33.06", Reach::Elsewhere),
        ("2.33.0", Reach::Elsewhere),
    ] {
        assert_eq!(reach(&device(), &version.parse().unwrap()), expected, "{version}");
    }
}

#[test]
fn a_version_that_is_nowhere_is_answered_with_those_that_are() {
    let kept = KeptBundle {
        version: "2.33.05".parse().unwrap(),
        sha256: belay_protocol::Sha256::from_bytes([1; 32]),
        bytes: 1,
        in_force: false,
    };
    let wanted = "9.9".parse().unwrap();
    insta::assert_snapshot!(unknown(&wanted, &device(), &[kept]).message(), @"version 9.9 is neither on the way back nor kept; what can be reached: v2.33.07 (generation 4), 2.33.07 (generation 3), 2.33.05 (kept)");
    insta::assert_snapshot!(unknown(&wanted, &[], &[]).message(), @"version 9.9 is neither on the way back nor kept; what can be reached: no version at all");
}
