//! The power goes at every point, in memory: after every durable write of daemon, host and dpkg, one run each.
//!
//! The daemon, the host, the ledger, the vault and the restore points are the real ones; only apt and dpkg are the
//! model, which is held against transcripts of real runs. Each run is cut once at its n-th point, started again, and
//! must then be old or new in the exact tier, with a verdict that says which. Then n+1, until a run is not cut.

#![expect(clippy::unwrap_used, reason = "a helper that cannot go on panics, as its test would")]

mod cut;
mod life;
mod orders;
mod scenarios;
mod server;

use std::sync::{Mutex, MutexGuard, PoisonError};

use belay_protocol::job::JobState;
use belay_protocol::sync::{Action, ReportStatus};

use cut::Cut;
use life::World;
use scenarios::{Ask, Scenario};
use server::Server;

/// Cuts a scenario at every point, and twice at a few: once on the way, once more while coming back.
fn cut_everywhere(scenario: &Scenario) {
    let _alone = alone();
    let template = World::prepared(scenario);
    let old = template.picture();
    let uncut = template.copy();
    uncut.live(&uncut.ask(scenario), &Cut::never()).expect("it is not cut");
    let new = uncut.picture();
    assert_eq!(uncut.verdict().state, scenario.ends, "without a cut");
    let points = {
        let counting = template.copy();
        let cut = Cut::never();
        let _ = counting.live(&counting.ask(scenario), &cut);
        cut.counted()
    };
    assert!(points > 10, "only {points} points were seen: are they compiled in?");
    for point in 1..=points {
        let world = template.copy();
        let first = Cut::at(point);
        let ask = world.ask(scenario);
        let survived = world.live(&ask, &first);
        // A request is made once; a server's assignment is offered until its end is known.
        let again = match &ask {
            Ask::Locally(_) | Ask::Nobody => Ask::Nobody,
            Ask::Server(server) => Ask::Server(server.clone()),
        };
        let ended = || (first.counted(), world.verdict_or_none().map(|job| (job.state, job.message)));
        assert!(survived.is_err(), "point {point} of {points} was not reached: {:?}", ended());
        // Every seventh is cut again while it recovers, at a point that moves along.
        if point % 7 == 0 {
            let _ = world.live(&again, &Cut::at(1 + point * 31 % 97));
        }
        let place = first.place();
        world.live(&again, &Cut::never()).unwrap_or_else(|cut| panic!("cut at {place}, then without reason at {cut}"));
        let place = format!("point {point} of {points}, {place}");
        judge(&world, &old, &new, &place);
        if let Ask::Server(server) = &again {
            judge_reports(&world, server, scenario, &place);
        }
    }
}

/// The device is old or new, the one job has one verdict, and the verdict is true.
fn judge(world: &World, old: &life::Picture, new: &life::Picture, place: &str) {
    let now = world.picture();
    let job = world.verdict_or_none();
    let state = job.as_ref().map(|job| job.state);
    let is = |picture: &life::Picture| picture == &now;
    match state {
        // The request was lost before it was durable: nobody was told that it was taken.
        None => assert!(is(old), "{place}: no job, yet {}", old.diff(&now)),
        Some(JobState::Committed) => assert!(is(new), "{place}: committed, yet {}", new.diff(&now)),
        Some(JobState::RolledBack | JobState::Refused) => {
            let target = if job.as_ref().is_some_and(belay_protocol::job::Job::has_gone_back) { new } else { old };
            assert!(is(target), "{place}: {state:?} {:?}, yet {}", job, target.diff(&now));
        }
        Some(other) => panic!("{place}: {other}: {:?}", job),
    }
}

/// The server was told one end, that of the job, and what it stands for is what is measured.
fn judge_reports(world: &World, server: &Server, scenario: &Scenario, place: &str) {
    let [(_, end)] = &server.ends()[..] else { panic!("{place}: told {:?}", server.ends()) };
    let job = world.verdict();
    assert_eq!(end.job, Some(job.id), "{place}");
    let expected = match (job.state, job.request.is_rollback()) {
        (JobState::Committed, false) | (JobState::RolledBack, true) => Some(ReportStatus::Completed),
        (JobState::RolledBack, false) => Some(ReportStatus::RolledBack),
        _never_here => None,
    };
    assert_eq!(Some(end.status), expected, "{place}: {job:?}");
    let ordered = match &scenario.order {
        Some(Action::InstallPackages { release, .. }) if job.has_updated() => Some(release.clone()),
        Some(
            Action::InstallPackages { .. } | Action::InstallBundle { .. } | Action::RollBack { .. } | Action::Unknown,
        )
        | None => None,
    };
    if job.has_updated() {
        assert_eq!(world.measured().release, ordered, "{place}");
        let pinned = matches!(&scenario.order, Some(Action::InstallPackages { closure: Some(_), .. }));
        assert_eq!(end.closure.is_none(), pinned, "{place}: {end:?}");
    } else if let Some(Action::RollBack { release }) = &scenario.order {
        assert_ne!(world.measured().release, *release, "{place}");
    }
}

/// Points are the process's: one scenario at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

#[test]
fn an_update_cut_anywhere_is_old_or_new() {
    cut_everywhere(&scenarios::update());
}

#[test]
fn an_update_that_fails_in_postinst_cut_anywhere_is_old() {
    cut_everywhere(&scenarios::failing_postinst());
}

#[test]
fn an_unhealthy_update_cut_anywhere_is_old() {
    cut_everywhere(&scenarios::unhealthy());
}

#[test]
fn a_rollback_cut_anywhere_is_old_or_new() {
    cut_everywhere(&scenarios::rollback());
}

#[test]
fn an_exchange_of_packages_cut_anywhere_is_old_or_new() {
    cut_everywhere(&scenarios::exchange());
}
