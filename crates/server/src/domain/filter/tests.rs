//! Tests of which devices a filter selects.

use super::*;
use crate::domain::testing::{deployment, device, install, without};
use belay_protocol::sync::capability;

fn text(value: &str) -> Option<String> {
    Some(value.to_owned())
}

fn version_filter(operator: &str, version: &str) -> FilterText {
    FilterText { current_version: text(version), version_operator: text(operator), ..FilterText::default() }
}

fn parsed(filter: &FilterText) -> Filter {
    Filter::parse(filter, None).unwrap()
}

fn field(filter: &FilterText) -> &'static str {
    Filter::parse(filter, None).unwrap_err().field
}

#[test]
fn an_empty_filter_selects_all() {
    let empty = FilterText {
        device_type: text(""),
        distribution: text(" "),
        current_version: text(""),
        version_operator: text(""),
        status: text(""),
        tags: vec![String::new()],
        device_ids: vec![String::new()],
    };
    let filter = parsed(&empty);
    assert_eq!(filter, Filter::default());
    assert!(filter.selects(&device("dev"), FleetState::Unknown));
    assert!(!filter.names_devices() && !filter.asks_for_state());
}

#[test]
fn type_and_ring_are_the_releases_where_nothing_is_said() {
    let release = deployment().release.unwrap();
    let selects = |filter: &FilterText, device: &Device| {
        Filter::parse(filter, Some(&release)).unwrap().selects(device, FleetState::Outdated)
    };
    let own = device("dev");
    let other_type = Device { device_type: "camera".parse().unwrap(), ..device("dev") };
    let other_ring = Device { distribution: "beta".parse().unwrap(), ..device("dev") };
    let nothing = FilterText::default();
    assert!(selects(&nothing, &own));
    assert!(!selects(&nothing, &other_type));
    assert!(!selects(&nothing, &other_ring));
    let beta = FilterText { distribution: text("beta"), ..FilterText::default() };
    assert!(selects(&beta, &other_ring));
    assert!(!selects(&beta, &own));
}

#[test]
fn versions_are_compared_by_the_operator() {
    let mut device = device("dev");
    for (operator, wanted, matching) in [
        ("<", "v2.1.0", ["1.0", "v2.0.9", "2.1.0~rc1"].as_slice()),
        ("<=", "v2.1.0", &["1.0", "v2.0.9", "2.1.0~rc1", "2.1.0", "v2.1.0"]),
        ("=", "2.1.0", &["2.1.0", "v2.1.0"]),
        ("!=", "2.1.0", &["1.0", "v2.0.9", "2.1.0~rc1", "10", "Linux-6.1"]),
        ("", "2.1.0", &["1.0", "v2.0.9", "2.1.0~rc1", "10", "Linux-6.1"]),
        ("=", "Linux-6.1", &["Linux-6.1"]),
        ("!=", "Linux-6.1", &["1.0", "v2.0.9", "2.1.0~rc1", "2.1.0", "v2.1.0", "10"]),
    ] {
        let filter = parsed(&version_filter(operator, wanted));
        for installed in ["1.0", "v2.0.9", "2.1.0~rc1", "2.1.0", "v2.1.0", "10", "Linux-6.1"] {
            let Ok(_) = installed.parse::<ReleaseVersion>() else { continue };
            install(&mut device, Some(installed));
            let selected = filter.selects(&device, FleetState::Outdated);
            assert_eq!(selected, matching.contains(&installed), "{installed} {operator} {wanted}");
        }
    }
}

#[test]
fn an_unknown_version_is_only_known_to_be_another() {
    let mut unknown = device("dev");
    install(&mut unknown, None);
    let unmeasured = without(device("dev"), capability::REPORTS_VERSION);
    for (operator, selected) in [("<", false), ("<=", false), ("=", false), ("!=", true)] {
        let filter = parsed(&version_filter(operator, "1.0"));
        assert_eq!(filter.selects(&unknown, FleetState::Unknown), selected, "{operator}");
        assert_eq!(filter.selects(&unmeasured, FleetState::Unknown), selected, "{operator}");
    }
}

#[test]
fn states_tags_and_names_are_matched() {
    let failing = parsed(&FilterText { status: text("FAILING"), ..FilterText::default() });
    assert!(failing.asks_for_state());
    assert!(failing.selects(&device("dev"), FleetState::Failed));
    assert!(!failing.selects(&device("dev"), FleetState::Outdated));

    let tagged = parsed(&FilterText { tags: vec!["red".to_owned(), "hot".to_owned()], ..FilterText::default() });
    let with = |tags: &[&str]| Device { tags: tags.iter().map(|tag| tag.parse().unwrap()).collect(), ..device("dev") };
    assert!(tagged.selects(&with(&["red", "hot", "new"]), FleetState::Unknown));
    assert!(!tagged.selects(&with(&["red"]), FleetState::Unknown), "all of the tags must be there");

    let named = parsed(&FilterText { device_ids: vec!["a".to_owned(), "b".to_owned()], ..FilterText::default() });
    assert!(named.names_devices());
    assert!(named.selects(&device("b"), FleetState::Unknown));
    assert!(!named.selects(&device("c"), FleetState::Unknown));
}

#[test]
fn every_state_has_its_word() {
    let words = ["UP_TO_DATE", "OUTDATED", "IN_PROGRESS", "FAILED", "UNKNOWN"];
    let states =
        [FleetState::UpToDate, FleetState::Outdated, FleetState::InProgress, FleetState::Failed, FleetState::Unknown];
    for (word, state) in words.into_iter().zip(states) {
        assert_eq!(serde_json::to_value(state).unwrap(), word);
        let filter = parsed(&FilterText { status: text(word), ..FilterText::default() });
        assert!(states.iter().all(|other| filter.selects(&device("dev"), *other) == (*other == state)), "{word}");
    }
}

#[test]
fn what_cannot_be_read_is_refused_with_its_field() {
    let of = |name: &str| {
        FilterText::clone(&match name {
            "device_type" => FilterText { device_type: text("a/b"), ..FilterText::default() },
            "distribution" => FilterText { distribution: text(".."), ..FilterText::default() },
            "current_version" => version_filter("=", "1/2"),
            "status" => FilterText { status: text("BROKEN"), ..FilterText::default() },
            "tags" => FilterText { tags: vec!["no spaces".to_owned()], ..FilterText::default() },
            "device_ids" => FilterText { device_ids: vec!["a b".to_owned()], ..FilterText::default() },
            _ => version_filter(">", "1.0"),
        })
    };
    for name in ["device_type", "distribution", "current_version", "version_operator", "status", "tags", "device_ids"] {
        assert_eq!(field(&of(name)), format!("filter.{name}"));
    }
    for operator in ["<", "<="] {
        let error = Filter::parse(&version_filter(operator, "Linux-6.1"), None).unwrap_err();
        assert_eq!(error.field, "filter.version_operator");
        assert_eq!(error.message, "Linux-6.1 has no order, as it does not begin with a digit; use = or !=");
    }
}
