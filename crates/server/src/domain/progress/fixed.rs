//! How the versions of a deployment are fixed by what its first device reports.

use belay_protocol::admin::DeploymentKind;
use belay_protocol::sync::{Report, ReportStatus};
use belay_protocol::{Architecture, Closure, PackageList};
use serde_json::json;

use super::reported::is_about;
use crate::domain::rollout::{Act, Decision};
use crate::domain::{Assignment, Deployment, Frozen, counted};

/// Whether this report ends an installation whose versions are not fixed yet. `assignment` is the one before it.
pub fn is_first_end(assignment: &Assignment, deployment: &Deployment, report: &Report) -> bool {
    let open = deployment.kind == DeploymentKind::Install && deployment.frozen.is_none();
    open && report.status == ReportStatus::Completed && is_about(report, assignment)
}

/// Fixes the versions for all devices, or says why they stay open, where a report [is](is_first_end) the first: to be
/// [applied](crate::domain::rollout::apply) in the transaction that takes the report. `listed` is what the release
/// asks for, none where it is gone; `architecture` is the device's own.
pub fn frozen(assignment: &Assignment, report: &Report, listed: Option<&PackageList>, architecture: &str) -> Decision {
    let by = &assignment.device;
    let checked = match (&report.closure, listed) {
        (None, _) => Err("no versions reported".to_owned()),
        (Some(_), None) => Err("the release is gone".to_owned()),
        (Some(closure), Some(listed)) => answers(closure, listed, architecture).map(|()| closure),
    };
    let packages = report.closure.as_ref().map(|closure| closure.packages.len());
    let (act, reason) = match checked {
        Ok(closure) => {
            let frozen = Frozen { closure: closure.clone(), by: by.clone() };
            let packages = counted(closure.packages.len() as u64, "package");
            (Act::Freeze { frozen }, format!("fixed to the versions of {packages} that {by} resolved"))
        }
        Err(why) => (Act::LeaveOpen, format!("not_frozen: {why}, by {by}; devices go on one at a time")),
    };
    let inputs = [("device", json!(by)), ("attempt", json!(assignment.attempt)), ("packages", json!(packages))];
    let inputs = inputs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    Decision { act, reason, inputs }
}

/// Whether every line of the release is answered, and every package with its version.
fn answers(closure: &Closure, listed: &PackageList, architecture: &str) -> Result<(), String> {
    if let Some(open) = closure.packages.iter().find(|member| member.version.is_none()) {
        return Err(format!("{} reported without its version", open.package));
    }
    let native: Option<Architecture> = architecture.parse().ok();
    for line in listed.specs() {
        let package = match &native {
            Some(native) => line.package.clone().on(native),
            None => line.package.clone(),
        };
        let Some(member) = closure.packages.iter().find(|member| member.package == package) else {
            return Err(format!("{line} is listed and was not reported"));
        };
        if line.version.is_some() && line.version != member.version {
            return Err(format!("{line} is listed and {member} was reported"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
