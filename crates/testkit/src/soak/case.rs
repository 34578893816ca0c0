//! One case: a job, a cut, perhaps more cuts while it recovers, and the judgement on what is left.

use std::time::Duration;

use serde_json::Value;

use crate::agent::Agent;
use crate::http::Endpoint;
use crate::sandbox::Sandbox;
use crate::wait::try_wait_until;

use super::follower::{Follower, is_end};
use super::plan::{Cut, Plan, Victim};
use super::processes::Processes;
use super::reference::Reference;
use super::template::{Condition, GENERATION, PATIENCE, Template, launch, post, put};

/// How long the agent's words may take to agree once the job is over.
const SOON: Duration = Duration::from_secs(10);

/// What became of a device that is not in between.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Whether it is new; else it is old.
    pub is_new: bool,
    /// The job's phase when it was cut.
    pub phase: String,
    /// Where each following start was cut.
    pub again: Vec<&'static str>,
}

/// Carries out a case on a copy of the template.
///
/// # Errors
/// The device is in between, or the agent says something else than what it is, in sentences.
///
/// # Panics
/// When the agent does not answer at all.
pub fn run(sandbox: &Sandbox, template: &Template, reference: &Reference, plan: &Plan) -> Result<Outcome, String> {
    let mut processes = Processes::spawn(launch(sandbox, &template.binary), plan.apart);
    processes.wait_ready(PATIENCE)?;
    put(processes.daemon(), plan.scenario.bundle().as_ref());
    let job = post(processes.daemon(), &plan.scenario.request());
    let follower = Follower::of(&processes.daemon().socket(), job);
    wait_for(plan.cut, reference, &follower);
    let phase = follower.phase().unwrap_or_else(|| "accepted".to_owned());
    processes.kill(plan.victim);
    processes.spawn_missing();
    let mut again = Vec::new();
    for after in &plan.again {
        processes.outlive(*after)?;
        again.push(if processes.is_ready() { "after recovery" } else { "in recovery" });
        processes.kill(Victim::Everything);
        processes.spawn_missing();
    }
    processes.wait_ready(PATIENCE)?;
    wait_idle(processes.daemon()).map_err(|sentence| format!("{sentence}\n{}", processes.last_words()))?;
    let judged = judge(sandbox, processes.daemon(), template, reference, job);
    let is_new = judged.map_err(|sentence| format!("{sentence}\n{}", processes.last_words()))?;
    processes.stop();
    let phase = if is_end(&phase) { "after the end".to_owned() } else { phase };
    Ok(Outcome { is_new, phase, again })
}

/// Waits for the instant of the cut; a job that is over is cut at once.
fn wait_for(cut: Cut, reference: &Reference, follower: &Follower) {
    let wait = |length| try_wait_until(length, || follower.is_over().then_some(()));
    match cut {
        Cut::Time(permille) => {
            try_wait_until(reference.total * permille / 1_000, || None::<()>);
        }
        Cut::Phase { phase, permille } => {
            try_wait_until(PATIENCE, || {
                let heard = follower.timeline().iter().any(|heard| heard.phase == phase);
                (heard || follower.is_over()).then_some(())
            });
            wait(reference.length(phase) * permille / 1_000);
        }
    }
}

/// Waits until no job is under way.
fn wait_idle(agent: &Agent<'_>) -> Result<(), String> {
    let endpoint = Endpoint::Unix(agent.socket());
    let idle = try_wait_until(PATIENCE, || {
        let status = endpoint.get("/status").json();
        (status["job"].is_null() && status["queued"].is_null()).then_some(())
    });
    idle.ok_or_else(|| format!("the job did not end within {PATIENCE:?}"))
}

/// Compares what the device is with what the agent says of it, and returns whether it is new.
fn judge(
    sandbox: &Sandbox,
    agent: &Agent<'_>,
    template: &Template,
    reference: &Reference,
    job: u64,
) -> Result<bool, String> {
    let endpoint = Endpoint::Unix(agent.socket());
    let get = |path: &str| endpoint.get(path).json();
    let status = get("/status");
    let ended = get(&format!("/jobs/{job}"));
    let is_new = verdict(reference, &status, &ended)?;
    let differences = reference.condition(template, is_new).diff(&Condition::of(sandbox));
    if !differences.is_empty() {
        let word = if is_new { "new" } else { "old" };
        let lines = differences.join("\n  ");
        return Err(format!(
            "the agent says that the device is {word}, and it is not:\n  {lines}\n  its word: {ended}"
        ));
    }
    // A host that was killed just after the commit is asked for the generations again when it has come up.
    let named = || -> Vec<Value> {
        let history = get("/history");
        let all = history["generations"].as_array().cloned().unwrap_or_default();
        all.into_iter().filter(|one| one["current"] == true).map(|one| one["generation"].clone()).collect()
    };
    let agree = || (named() == [status["generation"].clone()]).then_some(());
    if try_wait_until(SOON, agree).is_none() {
        return Err(format!("the history names {:?} as current, the status {}", named(), status["generation"]));
    }
    let findings = get("/verify");
    if findings["findings"].as_array().is_none_or(|findings| !findings.is_empty()) {
        return Err(format!("the agent itself finds fault with the device: {findings}"));
    }
    Ok(is_new)
}

/// Reads the agent's verdict: whether it calls the device new. Errs where its words do not go together.
fn verdict(reference: &Reference, status: &Value, ended: &Value) -> Result<bool, String> {
    let scenario = reference.scenario;
    let says = || format!("the agent says: {ended}\n  and: {status}");
    if status["needs_attention"] != false {
        return Err(format!("the agent needs attention; {}", says()));
    }
    let generation = status["generation"].as_u64();
    let is_new = match (ended["state"].as_str(), scenario.is_rollback()) {
        (Some("committed"), false) if !scenario.fails() => true,
        (Some("rolled_back"), true) => ended["reason"].is_null(),
        (Some("rolled_back" | "refused"), _) => false,
        (Some(_), _) | (None, _) => return Err(format!("the job has no end that fits; {}", says())),
    };
    // An update's number may leave out some: one that was given out before a cut is not given out again.
    let fits = match (is_new, scenario.is_rollback()) {
        (false, _) => generation == Some(GENERATION),
        (true, true) => generation == Some(scenario.target()),
        (true, false) => generation.is_some_and(|made| made >= scenario.target()),
    };
    if !fits || status["generation"] != ended["generation"] {
        return Err(format!("the job's end does not fit to the generation in force; {}", says()));
    }
    Ok(is_new)
}
