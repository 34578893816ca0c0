//! After a crash the device is old or new, whatever was lost or damaged meanwhile; what is forged is never installed.

mod damage;
mod interrupted;
mod machine;
mod sources;

use belay_protocol::job::{Job, JobState};
use belay_testkit::{Agent, Sandbox, Script};

use crate::support::*;

/// A sandbox on which an update to demo-app 2.0 stops in its postinst.
fn sandbox_that_stops() -> Sandbox {
    let stopping = demo("2.0").script(Script::Postinst, &stop_at("postinst"));
    sandbox_with(&[demo("1.0"), stopping, demo("3.0")], &["demo-app=1.0"])
}

/// Begins the update and cuts the power while its postinst runs.
fn cut_in_postinst(agent: &mut Agent<'_>, sandbox: &Sandbox) {
    begin_update(agent, &["demo-app=2.0"]);
    wait_reached(sandbox, "postinst");
    agent.kill_tree();
    release(sandbox, "postinst");
}

/// The last job that ended, once nothing runs any more.
#[track_caller]
fn last(agent: &Agent<'_>) -> Job {
    wait_idle(agent).expect("a job ended")
}

#[track_caller]
fn assert_interrupted(agent: &Agent<'_>) {
    assert_end(&last(agent), JobState::RolledBack, Some(belay_protocol::Reason::Interrupted));
}
