//! What a case will be, drawn from the seed: the scenario, the instant of the cut, the cuts of the recoveries.

use std::fmt;
use std::time::Duration;

use super::random::Random;
use super::scenario::Scenario;

/// One case. Equal seeds and numbers give equal plans.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// What is under way.
    pub scenario: Scenario,
    /// Whether daemon and host are two processes.
    pub apart: bool,
    /// When it is cut.
    pub cut: Cut,
    /// What is killed then.
    pub victim: Victim,
    /// How long after each following start everything is killed again.
    pub again: Vec<Duration>,
}

/// What is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Victim {
    /// The agent, apt and dpkg at one instant, as by a power cut.
    Everything,
    /// The daemon alone. Where it is the host as well, its apt goes on without it.
    Daemon,
    /// The host alone: its apt goes on without it, the daemon waits for its answer.
    Host,
}

/// An instant of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// After so many thousandths of the time that the job usually takes; a little beyond its end as well.
    Time(u32),
    /// So many thousandths of its usual time into a phase.
    Phase {
        /// The phase, as the wire has it.
        phase: &'static str,
        /// Thousandths.
        permille: u32,
    },
}

/// The longest time to the next kill after a start; about as long as a recovery takes on a busy machine.
const LONGEST_START_MS: u32 = 800;

impl Plan {
    /// Draws the plan of a case.
    pub fn of_case(seed: u64, case: u64) -> Self {
        let mut random = Random::of_case(seed, case);
        let scenario = random.pick(Scenario::ALL);
        let cut = if random.below(2) == 0 {
            Cut::Time(random.below(1_100))
        } else {
            Cut::Phase { phase: random.pick(scenario.phases()), permille: random.below(1_000) }
        };
        let apart = random.below(2) == 0;
        let victims: &[Victim] = match apart {
            true => &[Victim::Everything, Victim::Everything, Victim::Everything, Victim::Daemon, Victim::Host],
            false => &[Victim::Everything, Victim::Everything, Victim::Everything, Victim::Everything, Victim::Daemon],
        };
        let victim = random.pick(victims);
        // Half of the cases recover in peace; the others are cut up to three times more.
        let kills = [0, 0, 0, 0, 1, 1, 2, 3];
        let again = random.pick(&kills);
        let again = (0..again).map(|_| Duration::from_millis(random.below(LONGEST_START_MS).into())).collect();
        Self { scenario, apart, cut, victim, again }
    }
}

impl Scenario {
    /// Returns the phases that cuts aim at, those that change the device more than once.
    fn phases(self) -> &'static [&'static str] {
        match self {
            Self::Upgrade | Self::Install | Self::Removal => {
                &["planning", "fetching", "capturing", "applying", "applying", "applying", "verifying"]
            }
            Self::FailingPostinst => &["planning", "capturing", "applying", "applying", "rolling_back", "rolling_back"],
            Self::Unhealthy => &["capturing", "applying", "applying", "verifying", "rolling_back", "rolling_back"],
            Self::Bundle | Self::DirectBundle => {
                &["fetching", "planning", "capturing", "applying", "applying", "applying", "verifying"]
            }
            Self::FailingScript => &["fetching", "planning", "capturing", "applying", "applying"],
            Self::UnhealthyBundle => &["fetching", "applying", "applying", "verifying", "rolling_back", "rolling_back"],
            Self::BackOne | Self::BackAll => &["planning", "rolling_back", "rolling_back", "rolling_back"],
        }
    }
}

/// One line for people.
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let processes = if self.apart { "two processes" } else { "one process" };
        let victim = match self.victim {
            Victim::Everything => "everything",
            Victim::Daemon => "the daemon alone",
            Victim::Host => "the host alone",
        };
        write!(f, "{} in {processes}, {victim} killed ", self.scenario.name())?;
        match self.cut {
            Cut::Time(permille) => write!(f, "after {permille}‰ of its time")?,
            Cut::Phase { phase, permille } => write!(f, "{permille}‰ into {phase}")?,
        }
        for after in &self.again {
            write!(f, ", everything again {} ms after the next start", after.as_millis())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_seed_and_a_number_give_the_same_case_each_time() {
        assert_eq!(Plan::of_case(42, 7), Plan::of_case(42, 7));
        assert_ne!(Plan::of_case(42, 7), Plan::of_case(42, 8));
    }

    #[test]
    fn a_thousand_cases_meet_every_scenario_phase_and_number_of_cuts() {
        let plans: Vec<Plan> = (0..1_000).map(|case| Plan::of_case(1, case)).collect();
        let scenarios: BTreeSet<Scenario> = plans.iter().map(|plan| plan.scenario).collect();
        assert_eq!(scenarios.len(), Scenario::ALL.len());
        let phases: BTreeSet<&str> = plans
            .iter()
            .filter_map(|plan| match plan.cut {
                Cut::Phase { phase, .. } => Some(phase),
                Cut::Time(_) => None,
            })
            .collect();
        let all = ["applying", "capturing", "fetching", "planning", "rolling_back", "verifying"];
        assert_eq!(phases, BTreeSet::from(all));
        let cuts: BTreeSet<usize> = plans.iter().map(|plan| plan.again.len()).collect();
        assert_eq!(cuts, BTreeSet::from([0, 1, 2, 3]));
        let victims: BTreeSet<(bool, Victim)> = plans.iter().map(|plan| (plan.apart, plan.victim)).collect();
        let (one, two) = (false, true);
        let all = [
            (one, Victim::Everything),
            (one, Victim::Daemon),
            (two, Victim::Everything),
            (two, Victim::Daemon),
            (two, Victim::Host),
        ];
        assert_eq!(victims, BTreeSet::from(all));
    }

    #[test]
    fn a_plan_reads_as_a_line() {
        let cut = Cut::Phase { phase: "applying", permille: 250 };
        let (apart, victim, again) = (true, Victim::Host, vec![Duration::from_millis(70)]);
        let plan = Plan { scenario: Scenario::Upgrade, apart, cut, victim, again };
        let line = "upgrade in two processes, the host alone killed 250‰ into applying, \
                    everything again 70 ms after the next start";
        assert_eq!(plan.to_string(), line);
    }
}
