//! Updates on a booted system: they come, they fail and are undone, and the journal tells of them.

use crate::device::Lab;
use crate::packages::{demo, failing_demo, sick_demo};

#[test]
fn an_update_restarts_the_service_and_a_rollback_brings_back_the_old_one() {
    let lab = Lab::offering(&[demo("2.0")]);
    let device = lab.device();
    let before = device.state();
    let old = device.unit("demo", "MainPID");
    device.agent(0, "update demo=2.0");
    assert_eq!(device.demo(), "ii 2.0 2.0");
    assert_ne!(device.unit("demo", "MainPID"), old, "the new service runs");
    let told = device.journal("BELAY_JOB_ID=1 -o json");
    for word in ["\"_SYSTEMD_UNIT\":\"belay-agent.service\"", "\"BELAY_JOB_STATE\":\"committed\""] {
        assert!(told.contains(word), "no {word} among the lines that name the job:\n{told}");
    }
    device.agent(0, "rollback");
    assert_eq!(device.state(), before);
    device.agent(0, "verify");
}

#[test]
fn a_maintainer_script_that_fails_and_a_service_that_dies_are_both_undone() {
    let lab = Lab::offering(&[failing_demo("2.0"), sick_demo("3.0")]);
    let device = lab.device();
    let before = device.state();
    for list in ["demo=2.0", "demo=3.0"] {
        let said = device.agent(3, &format!("update {list}"));
        assert_eq!(device.state(), before, "after {list}: {said}");
        assert_eq!(device.sh("systemctl --failed --no-legend --plain"), "", "after {list}");
    }
    device.agent(0, "verify");
}
