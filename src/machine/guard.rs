//! The guard: what is wrong with a plan. The daemon asks it before anything is fetched, the host before anything is
//! changed.

mod closure;
mod objections;
mod paths;
mod space;

use std::collections::BTreeSet;

use belay_protocol::plan::{Change, Plan};
use belay_protocol::{Closure, Failure, PackageList, Reason};

pub use self::closure::unavailable;
pub use self::objections::OWN_PACKAGE;
use self::objections::{OBJECTIONS, Objection, Question};
pub use self::paths::path_refusals;
use super::effect::Facts;
use super::rules::GuardRules;

/// Every reason against the plan, each with the changes concerned and with what can be done about it. With a closure,
/// the plan must be part of it.
pub fn refusals(
    plan: &Plan,
    list: &PackageList,
    closure: Option<&Closure>,
    rules: &GuardRules,
    facts: &Facts,
) -> Vec<Failure> {
    let pinned = closure.and_then(|closure| closure::objection(plan, list, closure));
    let refuse = |objection: &Objection| {
        let concerned: Vec<_> = plan
            .changes
            .iter()
            .filter(|change| (objection.applies)(&Question { change, list, rules, facts }))
            .collect();
        (!concerned.is_empty()).then(|| Failure::new(objection.reason, sentence(objection, &concerned)))
    };
    let objections = pinned.into_iter().chain(OBJECTIONS.iter().filter_map(refuse));
    objections.chain(path_refusals(&plan.files, rules)).chain(space::lack(plan, rules, facts)).collect()
}

/// Drops the refusals that were approved, where they can be. The first of the others wins, and names the rest.
pub fn judge(refusals: Vec<Failure>, approved: &[Reason]) -> Result<(), Failure> {
    let stands = |failure: &Failure| !(failure.reason.can_be_approved() && approved.contains(&failure.reason));
    let mut standing = refusals.into_iter().filter(stands);
    let Some(mut first) = standing.next() else { return Ok(()) };
    let others: BTreeSet<_> = standing.map(|failure| failure.reason.code()).collect();
    if !others.is_empty() {
        let others: Vec<_> = others.into_iter().collect();
        first.message += &format!(". Also in the way: {}", others.join(", "));
    }
    Err(first)
}

/// The end of a refusal's sentence: how a person overrides it.
pub fn how_to_approve(reason: Reason) -> String {
    let code = reason.code();
    format!(", or approve `{code}` (command line: --approve {code}; JSON: \"approve\": [\"{code}\"])")
}

fn sentence(objection: &Objection, concerned: &[&Change]) -> String {
    let reason = objection.reason;
    let mut diff =
        concerned.iter().take(SHOWN).map(|change| (objection.describe)(change)).collect::<Vec<_>>().join(", ");
    if let beyond @ 1.. = concerned.len().saturating_sub(SHOWN) {
        diff += &format!(" and {beyond} more");
    }
    let approve = if reason.can_be_approved() { how_to_approve(reason) } else { String::new() };
    format!("{}: {diff}; {}{approve}", objection.what, objection.instead)
}

/// Changes that a sentence names; the plan has them all.
const SHOWN: usize = 20;

#[cfg(test)]
mod tests;
