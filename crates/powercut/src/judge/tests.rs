//! Which ends of a job go with which side.

use serde_json::json;

use super::*;

fn told(job: Option<&str>, side: Side, asked: Job) -> bool {
    let job = job.map(|state| json!({"id": 1, "state": state}));
    ended_as(job.as_ref(), side, asked).is_ok()
}

fn names(generation: u64, previous: Option<u64>, side: Side, job: Job) -> bool {
    let legal = |generation| Legal { state: State::default(), generation };
    let (before, after) = job.generations();
    let expected = Expected { job, old: legal(before), new: legal(after), may_be_old: true };
    in_force(&json!({"generation": generation, "previous": previous}), side, &expected).is_ok()
}

#[test]
fn the_generation_in_force_is_that_of_the_state() {
    assert!(names(0, None, Side::Old, Job::Bundle) && !names(2, Some(0), Side::Old, Job::Bundle));
    assert!(names(2, Some(0), Side::New, Job::Bundle) && !names(0, None, Side::New, Job::Bundle));
    assert!(names(3, Some(0), Side::New, Job::Bundle), "begun anew, under the next number");
    assert!(!names(3, Some(2), Side::New, Job::Bundle), "there is a generation between that nobody made");
    assert!(names(0, None, Side::New, Job::Rollback) && !names(1, Some(0), Side::New, Job::Rollback));
}

#[test]
fn a_new_device_needs_a_job_that_ended_as_asked() {
    assert!(told(Some("committed"), Side::New, Job::Update));
    assert!(told(Some("rolled_back"), Side::New, Job::Rollback), "a way back that was completed");
    for end in [None, Some("rolled_back"), Some("applying"), Some("refused"), Some("needs_attention")] {
        assert!(!told(end, Side::New, Job::Bundle), "{end:?}");
    }
}

#[test]
fn an_old_device_needs_a_job_that_did_not_take_place() {
    for end in [None, Some("rolled_back"), Some("refused")] {
        assert!(told(end, Side::Old, Job::Update), "{end:?}");
    }
    for end in ["committed", "applying", "planning", "needs_attention"] {
        assert!(!told(Some(end), Side::Old, Job::Update), "{end}");
    }
    assert!(!told(Some("rolled_back"), Side::Old, Job::Withdrawal), "it says that it went back, and did not");
    assert!(told(Some("refused"), Side::Old, Job::Withdrawal));
}
