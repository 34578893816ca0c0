use super::*;
use crate::plan::tests::plan;

#[test]
fn a_job_survives_the_wire() {
    for job in [full_job(), young_job()] {
        let json = serde_json::to_string(&job).unwrap();
        assert_eq!(serde_json::from_str::<Job>(&json).unwrap(), job);
    }
}

#[test]
fn a_young_job_is_written_without_what_it_does_not_have() {
    let json = serde_json::to_value(young_job()).unwrap();
    let expected = serde_json::json!({
        "id": 7,
        "request": { "kind": "rollback", "to": null, "approve": [] },
        "door": "legacy",
        "state": "accepted",
        "message": "",
        "created_at": "2026-05-04T03:02:01Z",
    });
    assert_eq!(json, expected);
}

#[test]
fn a_job_of_a_newer_program_is_read() {
    let mut json = serde_json::to_value(full_job()).unwrap();
    json["colour"] = "green".into();
    json["request"]["urgency"] = 3.into();
    assert_eq!(serde_json::from_value::<Job>(json).unwrap(), full_job());
}

#[test]
fn a_job_of_an_older_program_is_read() {
    let json = r#"{"id":7,"request":{"kind":"rollback","to":null},"door":"legacy","state":"accepted",
        "created_at":"2026-05-04T03:02:01Z"}"#;
    assert_eq!(serde_json::from_str::<Job>(json).unwrap(), young_job());
}

#[test]
fn a_request_with_a_list_that_is_none_is_not_read() {
    for packages in [r#"["-y"]"#, r#"["ab=1","ab=2"]"#, "\"ab\""] {
        let json = format!(r#"{{"kind":"update","packages":{packages}}}"#);
        assert!(serde_json::from_str::<Request>(&json).is_err(), "{json}");
    }
}

#[test]
fn a_request_tells_what_it_is_and_what_it_overrides() {
    let rollback = Request::Rollback { to: Some(Generation(3)), approve: vec![Reason::Drift], from: None };
    assert!(rollback.is_rollback());
    assert_eq!(rollback.approvals(), [Reason::Drift]);
    let update = full_job().request;
    assert!(!update.is_rollback());
    assert_eq!(update.approvals(), [Reason::GuardRemoval, Reason::Window]);
}

#[test]
fn a_state_is_its_word_on_the_wire() {
    for state in JobState::ALL {
        let json = serde_json::to_string(state).unwrap();
        assert_eq!(json, format!("\"{}\"", state.word()));
        assert_eq!(serde_json::from_str::<JobState>(&json).unwrap(), *state);
        assert_eq!(state.to_string(), state.word());
    }
}

#[test]
fn the_last_four_states_are_ends() {
    let ends: Vec<JobState> = JobState::ALL.iter().copied().filter(|state| state.is_end()).collect();
    assert_eq!(ends, JobState::ALL[JobState::ALL.len() - 4..]);
    assert_eq!(ends, [JobState::Committed, JobState::RolledBack, JobState::Refused, JobState::NeedsAttention]);
    assert!(JobState::ALL.is_sorted(), "in the order of a job's life, each once");
}

#[test]
fn progress_survives_the_wire() {
    let progress = Progress {
        job: JobId(7),
        phase: JobState::RollingBack,
        percent: 62.5,
        detail: "unpacking demo-app".to_owned(),
    };
    let json = serde_json::to_string(&progress).unwrap();
    assert_eq!(serde_json::from_str::<Progress>(&json).unwrap(), progress);
}

/// Every optional field is set.
fn full_job() -> Job {
    Job {
        id: JobId(8),
        request: Request::Update {
            packages: "demo-app=2.0\nlibdemo:armhf".parse().unwrap(),
            dry_run: true,
            approve: vec![Reason::GuardRemoval, Reason::Window],
            release: None,
            bundle: None,
        },
        door: Door::Tcp,
        idempotency_key: Some("night-42".to_owned()),
        state: JobState::RolledBack,
        reason: Some(Reason::Unhealthy),
        message: "demo.service failed after the update".to_owned(),
        warnings: vec!["apt hook: needrestart".to_owned()],
        plan: Some(plan()),
        generation: Some(Generation(4)),
        created_at: "2026-05-04T03:02:01Z".parse().unwrap(),
        ended_at: Some("2026-05-04T03:03:00.5Z".parse().unwrap()),
    }
}

/// No optional field is set.
fn young_job() -> Job {
    Job {
        id: JobId(7),
        request: Request::Rollback { to: None, approve: Vec::new(), from: None },
        door: Door::Legacy,
        idempotency_key: None,
        state: JobState::Accepted,
        reason: None,
        message: String::new(),
        warnings: Vec::new(),
        plan: None,
        generation: None,
        created_at: "2026-05-04T03:02:01Z".parse().unwrap(),
        ended_at: None,
    }
}
