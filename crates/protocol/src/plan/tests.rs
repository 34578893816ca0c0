use super::*;

#[test]
fn a_plan_survives_the_wire() {
    let plan = plan();
    let json = serde_json::to_string(&plan).unwrap();
    assert_eq!(serde_json::from_str::<Plan>(&json).unwrap(), plan);
}

#[test]
fn a_plan_of_a_newer_program_is_read() {
    let mut json = serde_json::to_value(plan()).unwrap();
    json["mood"] = "good".into();
    json["undo"]["joules"] = 7.into();
    json["changes"][0]["new"]["signature"] = "x".into();
    assert_eq!(serde_json::from_value::<Plan>(json).unwrap(), plan());
}

#[test]
fn a_change_with_a_bad_name_version_or_digest_is_not_read() {
    for (pointer, bad) in [
        ("/changes/0/package", "-y"),
        ("/changes/0/package", "demo:"),
        ("/changes/0/old/version", "1 0"),
        ("/changes/0/new/architecture", "ARM"),
        ("/changes/0/new/sha256", "abc"),
        ("/changes/0/action", "upset"),
        ("/status", ""),
    ] {
        let mut json = serde_json::to_value(plan()).unwrap();
        *json.pointer_mut(pointer).unwrap() = bad.into();
        assert!(serde_json::from_value::<Plan>(json).is_err(), "{pointer} = {bad:?}");
    }
}

#[test]
fn a_change_is_described_in_one_line() {
    for (action, old, new, expected) in [
        (Action::Install, None, Some("2.0"), "demo-app + 2.0"),
        (Action::Upgrade, Some("1.0"), Some("2.0"), "demo-app 1.0 → 2.0"),
        (Action::Downgrade, Some("2.0"), Some("1:1.0~rc1"), "demo-app 2.0 → 1:1.0~rc1"),
        (Action::Reinstall, Some("2.0"), Some("2.0"), "demo-app 2.0 again"),
        (Action::Configure, Some("2.0"), None, "demo-app 2.0 configured"),
        (Action::Remove, Some("2.0"), None, "demo-app - 2.0"),
        (Action::Purge, Some("2.0"), None, "demo-app - 2.0"),
        (Action::Purge, None, None, "demo-app"),
    ] {
        assert_eq!(change(action, old, new).describe(), expected);
    }
}

#[test]
fn a_plan_without_changes_is_empty() {
    assert!(!plan().is_empty());
    assert!(Plan { changes: Vec::new(), ..plan() }.is_empty());
}

/// An upgrade and a removal; every optional field is set in one of them.
pub(crate) fn plan() -> Plan {
    Plan {
        changes: vec![change(Action::Upgrade, Some("1.0"), Some("2.0")), change(Action::Remove, Some("0.9"), None)],
        status: Sha256::from_bytes([7; 32]),
        download_bytes: 4096,
        undo: UndoCost { bytes: 8192, seconds: 3 },
        files: Vec::new(),
    }
}

fn change(action: Action, old: Option<&str>, new: Option<&str>) -> Change {
    let architecture: Architecture = "all".parse().unwrap();
    let installed = |text: &str| Installed { version: text.parse().unwrap(), architecture: architecture.clone() };
    let candidate = |text: &str| Candidate {
        version: text.parse().unwrap(),
        architecture: architecture.clone(),
        origins: vec!["Demo:12/stable".to_owned()],
        uri: format!("http://packages.example/pool/demo-app_{text}_all.deb"),
        file_name: format!("demo-app_{text}_all.deb"),
        size: 4096,
        sha256: Sha256::from_bytes([9; 32]),
    };
    Change {
        package: "demo-app".parse().unwrap(),
        action,
        old: old.map(installed),
        new: new.map(candidate),
        asked: true,
        held: false,
    }
}
