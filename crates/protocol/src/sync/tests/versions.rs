//! Old and new programs with one another: every reader reads what every writer writes.
//!
//! Three writers: one that knows only what cannot be left out, this one, and one that knows more. Two readers: this one,
//! and one that knows only what cannot be left out; it is frozen here and must never need a change.

use super::*;

/// The least that any program ever knew.
mod first {
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    pub(super) struct Request {
        pub(super) tag: String,
        #[serde(default)]
        pub(super) reports: Vec<Report>,
    }

    #[derive(Debug, Deserialize)]
    pub(super) struct Report {
        pub(super) seq: u64,
        pub(super) at: String,
        pub(super) status: String,
    }

    #[derive(Debug, Deserialize)]
    pub(super) struct Response {
        pub(super) now: String,
        pub(super) next_s: u32,
        pub(super) assignment: Option<Assignment>,
    }

    #[derive(Debug, Deserialize)]
    pub(super) struct Assignment {
        pub(super) deployment: String,
        pub(super) attempt: u32,
        pub(super) action: Action,
    }

    #[derive(Debug, Deserialize)]
    pub(super) struct Action {
        pub(super) kind: String,
    }
}

/// What a program writes that knows nothing that can be left out.
fn older_request() -> Value {
    json!({
        "tag": "t",
        "profile": {},
        "outbox": "o",
        "reports": [{"seq": 1, "at": "2026-01-02T03:04:05Z", "status": "downloading"}],
    })
}

fn older_response() -> Value {
    json!({
        "now": "2026-01-02T03:04:05Z",
        "next_s": 60,
        "assignment": {
            "deployment": "m_1",
            "attempt": 1,
            "action": {"kind": "install_packages", "release": "1", "packages": ["curl"]},
        },
    })
}

/// What a program writes that knows more than this one.
fn newer_request() -> Value {
    json!({
        "tag": "t",
        "urgency": "high",
        "profile": {
            "installed": {"generation": 4, "slots": {"a": 1}},
            "facts": {"hostname": "pi", "capabilities": ["packages", "teleports"], "cores": 4},
            "battery": 0.5,
        },
        "outbox": "o",
        "reports": [
            {
                "seq": 1, "at": "2026-01-02T03:04:05.123456789Z", "status": "completed", "energy_j": 12.5,
                "closure": {"packages": ["curl=8.0"], "removed": ["wget:amd64"], "snaps": ["x"]},
            },
            {"seq": 2, "at": "2026-01-02T03:04:05Z", "status": "teleporting", "reason": "beam_lost", "from": {"x": 1}},
        ],
    })
}

fn newer_response(action: &Value) -> Value {
    json!({
        "now": "2026-01-02T03:04:05Z",
        "next_s": 60,
        "weather": "fine",
        "assignment": {"deployment": "m_1", "attempt": 1, "spread_s": 5, "cohort": "b", "action": action},
        "cancel": {"deployment": "m_0", "attempt": 3, "why": "superseded"},
    })
}

fn newer_install() -> Value {
    json!({
        "kind": "install_packages", "release": "1", "packages": ["curl"], "approve": ["some_new_reason"], "snaps": ["x"],
        "closure": {"packages": ["curl=8.0"], "snaps": []},
    })
}

fn newer_action() -> Value {
    json!({"kind": "teleport", "to": {"x": 1, "y": [2]}})
}

fn read<T: serde::de::DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value.clone()).unwrap_or_else(|error| panic!("{error}: {value}"))
}

#[test]
fn this_program_reads_an_older_request() {
    let request: SyncRequest = read(older_request());
    assert_eq!(request.profile, Some(Profile::default()));
    let report = &request.reports[0];
    assert_eq!((report.seq, report.status, &report.assignment), (1, ReportStatus::Downloading, &None));
    let request: SyncRequest = read(json!({"tag": "t"}));
    assert_eq!(request, SyncRequest { tag: "t".to_owned(), ..SyncRequest::default() });
}

#[test]
fn this_program_reads_an_older_answer() {
    let response: SyncResponse = read(older_response());
    assert!(response.authorized && !response.send_profile);
    let assignment = response.assignment.unwrap();
    assert_eq!((assignment.id.attempt, assignment.spread_s), (1, 0));
    assert!(matches!(assignment.action, Action::InstallPackages { closure: None, .. }));
    let back: Action = read(json!({"kind": "roll_back"}));
    assert_eq!(back, Action::RollBack { release: None });
}

#[test]
fn this_program_reads_a_newer_request() {
    let request: SyncRequest = read(newer_request());
    let profile = request.profile.unwrap();
    assert_eq!(profile.installed.generation, Generation(4));
    assert!(profile.facts.capabilities.contains("teleports"), "kept, though it means nothing here");
    assert_eq!(request.reports[0].closure.as_ref().unwrap().packages.len(), 1);
    let unknown = &request.reports[1];
    assert_eq!((unknown.status, unknown.reason.as_deref()), (ReportStatus::Unknown, Some("beam_lost")));
}

#[test]
fn this_program_reads_a_newer_answer() {
    let response: SyncResponse = read(newer_response(&newer_install()));
    assert!(matches!(response.assignment.unwrap().action, Action::InstallPackages { closure: Some(_), .. }));
    assert_eq!(response.cancel.unwrap().attempt, 3);

    let response: SyncResponse = read(newer_response(&newer_action()));
    let assignment = response.assignment.unwrap();
    assert_eq!((assignment.action, assignment.id.attempt), (Action::Unknown, 1), "it can be reported as not known");
}

#[test]
fn the_first_program_reads_what_every_other_sends() {
    for sent in [older_request(), written(&full_request()), newer_request()] {
        let request: first::Request = read(sent);
        assert!(!request.tag.is_empty());
        let report = &request.reports[0];
        assert!(report.seq > 0 && report.at.ends_with('Z') && !report.status.is_empty());
    }
    let idle = SyncRequest { tag: "t".to_owned(), ..SyncRequest::default() };
    assert!(read::<first::Request>(written(&idle)).reports.is_empty());
}

#[test]
fn the_first_program_reads_what_every_other_answers() {
    for answered in
        [older_response(), written(&full_response()), newer_response(&newer_install()), newer_response(&newer_action())]
    {
        let response: first::Response = read(answered);
        assert!(response.now.ends_with('Z') && response.next_s > 0);
        let assignment = response.assignment.unwrap();
        assert!(assignment.deployment.starts_with("m_") && assignment.attempt > 0);
        assert!(!assignment.action.kind.is_empty());
    }
}

#[test]
fn nothing_that_a_reader_ever_needed_is_left_out() {
    let required = |value: Value, fields: &[&str]| {
        for field in fields {
            let mut less = value.clone();
            assert!(less.as_object_mut().unwrap().remove(*field).is_some(), "{field} is written");
        }
    };
    let mut request = written(&full_request());
    required(request["reports"][0].take(), &["seq", "at", "status"]);
    required(request, &["tag"]);
    let mut response = written(&full_response());
    required(response["assignment"].take(), &["deployment", "attempt", "action"]);
    required(response, &["now", "next_s"]);
}
