//! All cases of a seed, several devices at a time, up to the first one that is in between.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use crate::sandbox::Sandbox;

use super::case::{self, Outcome};
use super::histogram::Histogram;
use super::plan::Plan;
use super::reference::Reference;
use super::template::Template;

/// Which cases to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// The seed that decides on every case.
    pub seed: u64,
    /// The numbers of the cases; the same number may come more than once.
    pub cases: Vec<u64>,
    /// How many devices are worked on at a time.
    pub workers: usize,
}

/// A case whose device is neither old nor new, or whose agent did not say which.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// The case's number.
    pub case: u64,
    /// What it was.
    pub plan: Plan,
    /// What is wrong.
    pub sentence: String,
    /// Where the device is kept.
    pub kept: PathBuf,
}

/// What came of the cases.
#[derive(Clone, Debug)]
pub struct Tally {
    /// Cases that ended old or new.
    pub good: u64,
    /// Those of them that ended new.
    pub new: u64,
    /// Kills of jobs by phase.
    pub phases: Histogram,
    /// Kills of the starts that followed.
    pub again: Histogram,
    /// Cases by scenario.
    pub scenarios: Histogram,
    /// The first broken cases; more than one where several were under way.
    pub broken: Vec<Broken>,
}

/// The phases in the order of a job's life.
const PHASES: [&str; 8] =
    ["accepted", "planning", "fetching", "capturing", "applying", "verifying", "rolling_back", "after the end"];

/// Runs the cases; `tell` is called after each one with the tally so far.
pub fn run(order: &Order, template: &Template, references: &[Reference], tell: &(dyn Fn(&Tally) + Sync)) -> Tally {
    let next = AtomicU64::new(0);
    let tally = Mutex::new(Tally::new());
    thread::scope(|scope| {
        for _ in 0..order.workers.max(1) {
            scope.spawn(|| {
                while tally.lock().unwrap_or_else(PoisonError::into_inner).broken.is_empty() {
                    let at = usize::try_from(next.fetch_add(1, Ordering::Relaxed)).unwrap_or(usize::MAX);
                    let Some(case) = order.cases.get(at) else { return };
                    let plan = Plan::of_case(order.seed, *case);
                    let ended = one(template, references, &plan);
                    let mut tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
                    tally.add(*case, plan, ended);
                    tell(&tally);
                }
            });
        }
    });
    tally.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// Runs one case; a device in between is kept.
fn one(template: &Template, references: &[Reference], plan: &Plan) -> Result<Outcome, (String, PathBuf)> {
    let reference = references
        .iter()
        .find(|reference| reference.scenario == plan.scenario)
        .expect("there is a reference of every scenario");
    let sandbox = Sandbox::copy_of(&template.sandbox);
    let ended = catch_unwind(AssertUnwindSafe(|| case::run(&sandbox, template, reference, plan)));
    let sentence = match ended {
        Ok(Ok(outcome)) => return Ok(outcome),
        Ok(Err(sentence)) => sentence,
        Err(panic) => words_of(panic.as_ref()),
    };
    Err((sentence, sandbox.keep()))
}

/// Returns what a panic said.
pub fn words_of(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("something panicked without a word").to_owned()
}

impl Tally {
    fn new() -> Self {
        Self {
            good: 0,
            new: 0,
            phases: Histogram::with_labels(PHASES),
            again: Histogram::with_labels(["in recovery", "after recovery"]),
            scenarios: Histogram::default(),
            broken: Vec::new(),
        }
    }

    fn add(&mut self, case: u64, plan: Plan, ended: Result<Outcome, (String, PathBuf)>) {
        match ended {
            Ok(outcome) => {
                self.good += 1;
                self.new += u64::from(outcome.is_new);
                self.phases.count(&outcome.phase);
                outcome.again.iter().for_each(|place| self.again.count(place));
                self.scenarios.count(plan.scenario.name());
            }
            Err((sentence, kept)) => self.broken.push(Broken { case, plan, sentence, kept }),
        }
    }
}

/// The whole result for people.
impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} old, {} new", self.good - self.new, self.new)?;
        write!(f, "\nwhat was under way:\n{}", self.scenarios)?;
        write!(f, "\nthe job's phase when everything was killed:\n{}", self.phases)?;
        write!(f, "\nkilled again, {} times, when started the next time:\n{}", self.again.total(), self.again)
    }
}
