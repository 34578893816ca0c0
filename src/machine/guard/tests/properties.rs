//! Any plan: the guard refuses what its rules name, and nothing else.

use belay_protocol::Reason;
use proptest::prelude::*;

use super::builder::{Built, Given, configure, given, install, purge, remove, replace};
use crate::machine::guard::judge;

fn any_change() -> impl Strategy<Value = Built> {
    let names = ["demo-app", "demo-lib", "libc6", "belay-agent", "slapd", "firmware-x", "linux-image-x"];
    let version = || prop::sample::select(vec!["1", "1:1", "2~rc", "2"]);
    let package = (prop::sample::select(names.to_vec()), version(), version());
    let origins = prop::sample::select(vec![&["Demo:1/stable"][..], &["Other:2/stable"], &[]]);
    (package, 0..5, any::<bool>(), any::<bool>(), origins).prop_map(|((name, old, new), kind, asked, held, origins)| {
        let built = match kind {
            0 => install(name, new).origins(origins),
            1 => replace(name, old, new).origins(origins),
            2 => configure(name, old),
            3 => remove(name, old),
            _ => purge(name, old),
        };
        let built = if asked { built.asked() } else { built };
        if held { built.held() } else { built }
    })
}

fn any_given() -> impl Strategy<Value = Given> {
    let list = prop::sample::select(vec!["", "demo-app", "demo-app=1", "libc6=2\nbelay-agent", "slapd=1:1"]);
    let allowed = prop::sample::select(vec![&[][..], &["Demo"]]);
    let changes = prop::collection::vec(any_change(), 0..6);
    (changes, list, allowed, any::<bool>(), any::<bool>(), 0_u64..3).prop_map(
        |(changes, list, allowed, boot, denied, free)| {
            let given = given(&changes).list(list).allowed(allowed).reserve(1).disk(free);
            let given = if denied { given.denied("demo-app", "2") } else { given };
            if boot { given.allow_boot() } else { given }
        },
    )
}

/// Any subset of the reasons.
fn any_approvals() -> impl Strategy<Value = Vec<Reason>> {
    prop::sample::subsequence(Reason::ALL, 0..Reason::ALL.len())
}

proptest! {
    #[test]
    fn approval_lifts_exactly_what_it_names_and_may(given in any_given(), approved in any_approvals()) {
        let stands = |reason: &Reason| !reason.can_be_approved() || !approved.contains(reason);
        let standing: Vec<_> = given.refusals().into_iter().map(|one| one.reason).filter(stands).collect();
        match judge(given.refusals(), &approved) {
            Ok(()) => prop_assert!(standing.is_empty(), "{standing:?} were lost"),
            Err(failure) => {
                prop_assert_eq!(Some(&failure.reason), standing.first());
                for other in &standing[1..] {
                    prop_assert!(failure.message.contains(other.code()), "{} is silent on {}", failure.message, other);
                }
            }
        }
    }

    /// What is wrong with a change does not depend on the others.
    #[test]
    fn a_plan_is_refused_for_what_its_changes_are_refused_for(given in any_given()) {
        let whole: Vec<_> = reasons(&given);
        for reason in Reason::ALL.iter().filter(|reason| **reason != Reason::NoSpace) {
            let alone = given.plan.changes.iter().any(|change| {
                let mut one = given.clone();
                one.plan.changes = vec![change.clone()];
                reasons(&one).contains(reason)
            });
            prop_assert_eq!(whole.contains(reason), alone, "{}", reason);
        }
    }

    #[test]
    fn no_plan_passes_that_touches_the_protected_set(given in any_given()) {
        let touched = given.plan.changes.iter().any(|change| {
            ["libc6", "linux-image-x"].contains(&change.package.name().as_str())
        });
        prop_assert!(!touched || reasons(&given).contains(&Reason::GuardProtected));
    }

    #[test]
    fn every_refusal_can_be_approved_by_its_sentence_or_names_another_way(given in any_given()) {
        for failure in given.refusals() {
            let told = failure.message.contains(&format!("--approve {}", failure.reason));
            prop_assert_eq!(told, failure.reason.can_be_approved(), "{}", failure.message);
            prop_assert!(failure.message.contains("; "), "{} says nothing to do", failure.message);
        }
    }
}

fn reasons(given: &Given) -> Vec<Reason> {
    given.refusals().into_iter().map(|failure| failure.reason).collect()
}
