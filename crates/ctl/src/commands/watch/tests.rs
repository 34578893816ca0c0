use super::*;
use crate::render::watch::tests::deployment;

fn with(status: DeploymentStatus, allowed: u64, buckets: Buckets) -> DeploymentView {
    DeploymentView { status, allowed, ..deployment(buckets) }
}

#[test]
fn each_end_has_its_code() {
    for (status, exit) in [
        (DeploymentStatus::Completed, Some(Exit::Done)),
        (DeploymentStatus::Failed, Some(Exit::NotDeployed)),
        (DeploymentStatus::Cancelled, Some(Exit::NotDeployed)),
        (DeploymentStatus::Halted, Some(Exit::NeedsAttention)),
        (DeploymentStatus::Paused, Some(Exit::NeedsAttention)),
        (DeploymentStatus::Pending, None),
        (DeploymentStatus::InProgress, None),
    ] {
        assert_eq!(ended(&with(status, 2, Buckets::default()), true), exit, "{status:?}");
    }
}

#[test]
fn a_wave_that_is_over_is_an_end_only_for_whom_waits_for_it() {
    let over =
        with(DeploymentStatus::InProgress, 2, Buckets { completed: 1, failed: 1, waiting: 18, ..Buckets::default() });
    assert_eq!(ended(&over, true), Some(Exit::Done));
    assert_eq!(ended(&over, false), None);
}

#[test]
fn a_share_is_judged_by_the_finished_devices_and_not_by_the_first_one_alone() {
    let buckets = |completed, failed, silent| Buckets { completed, failed, silent, ..Buckets::default() };
    for (completed, failed, silent, allowed, limit, over) in [
        (0, 0, 0, 20, 0, false),
        (0, 1, 0, 20, 5, false),
        (4, 1, 0, 20, 5, true),
        (4, 1, 0, 20, 20, false),
        (3, 1, 1, 20, 20, true),
        (0, 1, 0, 1, 5, true),
        (95, 5, 0, 200, 5, false),
        (94, 6, 0, 200, 5, true),
    ] {
        let deployment = with(DeploymentStatus::InProgress, allowed, buckets(completed, failed, silent));
        assert_eq!(is_over(limit, &deployment), over, "{completed} {failed} {silent} of {allowed}, limit {limit}");
    }
}

#[test]
fn a_proxy_without_its_server_is_away_and_a_refusal_is_not() {
    assert!(is_away(&CtlError::Away { url: String::new(), status: 502, said: None }));
    assert!(!is_away(&CtlError::Garbage { url: String::new(), status: 404 }));
    assert!(is_away(&CtlError::Unreachable { url: String::new(), problem: String::new() }));
}
