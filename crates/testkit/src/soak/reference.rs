//! Each scenario once without a cut: what the device is like at its end, and how long each phase takes here.

use std::time::{Duration, Instant};

use crate::sandbox::Sandbox;

use super::scenario::Scenario;
use super::template::{Condition, Template, launch, post, put, to_the_end};

/// A scenario as it goes when nobody interferes.
#[derive(Clone, Debug)]
pub struct Reference {
    /// The scenario.
    pub scenario: Scenario,
    /// What the device is like when the job ended as asked.
    pub target: Condition,
    /// How long the whole job takes.
    pub total: Duration,
    phases: Vec<(String, Duration)>,
}

impl Reference {
    /// Runs the scenario on a copy of the template.
    ///
    /// # Panics
    /// When it does not end as it should: then there is nothing to compare with.
    #[expect(clippy::disallowed_methods, reason = "how long a real job takes is measured by the real clock")]
    pub fn of(scenario: Scenario, template: &Template) -> Self {
        let sandbox = Sandbox::copy_of(&template.sandbox);
        let mut agent = launch(&sandbox, &template.binary).start();
        let began = Instant::now();
        put(&agent, scenario.bundle().as_ref());
        let job = post(&agent, &scenario.request());
        let (ended, follower) = to_the_end(&agent, job);
        let total = began.elapsed();
        agent.stop();
        assert_eq!(ended["state"], scenario.end(), "{} does not end as it should: {ended:#}", scenario.name());
        let target = Condition::of(&sandbox);
        if let Some(known) = usize::try_from(scenario.target()).ok().and_then(|target| template.conditions.get(target))
        {
            let differences = known.diff(&target);
            assert!(
                differences.is_empty(),
                "{} without a cut does not end like generation {}:\n  {}",
                scenario.name(),
                scenario.target(),
                differences.join("\n  ")
            );
        }
        let timeline = follower.timeline();
        let phases = timeline.windows(2).map(|pair| (pair[0].phase.clone(), pair[1].at - pair[0].at)).collect();
        Self { scenario, target, total, phases }
    }

    /// Returns how long a phase takes; zero where it is too short to be heard of.
    pub fn length(&self, phase: &str) -> Duration {
        self.phases.iter().filter(|(known, _)| known == phase).map(|(_, length)| *length).sum()
    }

    /// Returns what the device is like when the agent calls it new, or old.
    pub fn condition<'a>(&'a self, template: &'a Template, is_new: bool) -> &'a Condition {
        if is_new { &self.target } else { template.current() }
    }
}
