//! A rollback to a version: which generation stands for it, or else that its kept bundle is installed again.

use belay_protocol::job::{Generation, Request};
use belay_protocol::local::{GenerationView, KeptBundle};
use belay_protocol::{Failure, PackageList, Reason, ReleaseVersion};

use super::bundle;
use super::errors::Refusal;
use super::inspections::kept_bundles;
use super::state::ControlState;

/// How a version can be reached by going back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// It is there already.
    InForce,
    /// The newest generation on the way back that stands for it.
    Back(Generation),
    /// None on the way back stands for it.
    Elsewhere,
}

/// What a job that goes back to a version is asked to do. An update, where no generation on the way back stands for it.
pub(super) async fn request(
    control: &ControlState,
    version: &ReleaseVersion,
    approve: Vec<Reason>,
) -> Result<Request, Refusal> {
    let state = control.handle.view().borrow().state.clone();
    match reach(&state.generations, version) {
        Reach::Back(to) => Ok(Request::Rollback { to: Some(to), approve, from: None }),
        Reach::InForce => {
            let message = format!("version {version} is in force already: there is nothing to go back from");
            Err(Failure::new(Reason::NothingToUndo, message).into())
        }
        Reach::Elsewhere => {
            let kept = kept_bundles(control).await?.bundles;
            let order = bundle::kept(&kept, version).ok_or_else(|| unknown(version, &state.generations, &kept))?;
            Ok(Request::Update {
                packages: PackageList::default(),
                dry_run: false,
                approve,
                release: None,
                bundle: Some(Box::new(order)),
            })
        }
    }
}

/// What is said of a job that was asked for as a rollback and is an update.
pub(super) fn explained(version: &ReleaseVersion, message: &str) -> String {
    let message = if message.is_empty() { String::new() } else { format!(": {message}") };
    format!("no generation on the way back stands for {version}, so its kept bundle is installed again{message}")
}

fn reach(generations: &[GenerationView], version: &ReleaseVersion) -> Reach {
    let mut that = generations
        .iter()
        .filter(|generation| generation.release.as_ref().is_some_and(|release| release.is_same(version)));
    if that.clone().any(|generation| generation.current) {
        return Reach::InForce;
    }
    that.find(|generation| generation.reachable).map_or(Reach::Elsewhere, |found| Reach::Back(found.generation))
}

fn unknown(version: &ReleaseVersion, generations: &[GenerationView], kept: &[KeptBundle]) -> Refusal {
    let mut there: Vec<String> = generations
        .iter()
        .filter(|generation| generation.reachable)
        .filter_map(|generation| {
            Some(format!("{} (generation {})", generation.release.as_ref()?, generation.generation))
        })
        .collect();
    there.extend(kept.iter().filter(|bundle| !bundle.in_force).map(|bundle| format!("{} (kept)", bundle.version)));
    let there = if there.is_empty() { "no version at all".to_owned() } else { there.join(", ") };
    let message = format!("version {version} is neither on the way back nor kept; what can be reached: {there}");
    Failure::new(Reason::UnknownGeneration, message).into()
}

#[cfg(test)]
mod tests;
