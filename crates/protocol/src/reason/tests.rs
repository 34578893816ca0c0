use std::collections::BTreeSet;

use super::*;

#[test]
fn codes_are_unique_and_snake_case() {
    let codes: BTreeSet<&str> = Reason::ALL.iter().map(|reason| reason.code()).collect();
    assert_eq!(codes.len(), Reason::ALL.len());
    for code in codes {
        let words = code.split('_').all(|word| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase()));
        assert!(words, "{code} is not snake_case");
    }
}

#[test]
fn a_reason_is_its_code_on_the_wire() {
    for reason in Reason::ALL {
        let json = serde_json::to_string(reason).unwrap();
        assert_eq!(json, format!("\"{}\"", reason.code()));
        assert_eq!(serde_json::from_str::<Reason>(&json).unwrap(), *reason);
        assert_eq!(reason.to_string(), reason.code());
    }
    assert!(serde_json::from_str::<Reason>("\"GuardRemoval\"").is_err(), "a code, not the name in the program");
}

/// What a person may override is a promise to operators: a new reason must be put on one side knowingly.
#[test]
fn only_judgements_can_be_approved_never_impossibilities() {
    let approvable: Vec<&str> =
        Reason::ALL.iter().filter(|reason| reason.can_be_approved()).map(|reason| reason.code()).collect();
    assert_eq!(
        approvable,
        [
            "guard_removal",
            "guard_protected",
            "guard_downgrade",
            "guard_origin",
            "guard_one_way",
            "guard_held",
            "guard_path",
            "window",
            "denied",
            "older_version",
            "drift",
        ]
    );
}

#[test]
fn a_failure_reads_as_code_and_sentence() {
    let failure = Failure::new(Reason::NoSpace, "120 MB are missing; remove files or run `restore-point prune`");
    assert_eq!(failure.to_string(), "no_space: 120 MB are missing; remove files or run `restore-point prune`");
    let json = serde_json::to_string(&failure).unwrap();
    assert_eq!(serde_json::from_str::<Failure>(&json).unwrap(), failure);
}
