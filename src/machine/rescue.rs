//! What the guard unit does: by how the device stands, and by which of our units systemd gave up on.
//!
//! It runs at boot before everything else of ours, when daemon or host failed for good, and now and then. Its program is a
//! copy from before the last update, because the one that is installed may be what is broken.

use belay_protocol::{Failure, Reason};

/// The names of our units.
pub mod units {
    /// The daemon.
    pub const AGENT: &str = "belay-agent.service";
    /// The host.
    pub const HOST: &str = "belay-host.service";
    /// The daemon's door.
    pub const AGENT_SOCKET: &str = "belay-agent.socket";
    /// The host's ear.
    pub const HOST_SOCKET: &str = "belay-host.socket";
    /// All that the guard looks after.
    pub const ALL: [&str; 4] = [AGENT_SOCKET, HOST_SOCKET, AGENT, HOST];
    /// Those that listen.
    pub const SOCKETS: [&str; 2] = [AGENT_SOCKET, HOST_SOCKET];
}

/// How the device stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Nothing is open that changed it.
    Closed,
    /// A person must look.
    Stuck(Failure),
    /// A change or a way back was interrupted: it is neither old nor new.
    Between,
    /// It was changed, and waits for a start that was not yet.
    AwaitsReboot {
        /// The change brought another agent.
        of_agent: bool,
    },
    /// It was changed, and nobody has judged it.
    AwaitsVerdict,
    /// It was changed and found healthy; only the commit is left.
    Judged,
}

/// What the guard does about an open transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deed {
    /// Nothing.
    Nothing,
    /// Closes it as the ledger says: undoes what was interrupted, commits what was judged.
    Recover,
    /// Starts the host, which waits for the boot to end and judges.
    LetJudge,
    /// Goes back, because those who should judge cannot.
    TakeBack(Failure),
}

/// What to do where the device stands so and systemd gave up on these units of ours.
pub fn deed(standing: &Standing, given_up: &[&str]) -> Deed {
    match standing {
        Standing::Closed | Standing::Stuck(_) => Deed::Nothing,
        Standing::Between | Standing::Judged => Deed::Recover,
        // Sockets and settings break for other reasons too; whether it is healthy, the next boot will see.
        Standing::AwaitsReboot { of_agent: false } => Deed::Nothing,
        Standing::AwaitsReboot { of_agent: true } => take_back(given_up).unwrap_or(Deed::Nothing),
        Standing::AwaitsVerdict => take_back(given_up).unwrap_or(Deed::LetJudge),
    }
}

/// Where a half of the agent does not come up, nobody can judge.
fn take_back(given_up: &[&str]) -> Option<Deed> {
    let halves: Vec<&str> =
        given_up.iter().copied().filter(|unit| [units::AGENT, units::HOST].contains(unit)).collect();
    if halves.is_empty() {
        return None;
    }
    let message = format!("after the update systemd gave up on {}", halves.join(" and "));
    Some(Deed::TakeBack(Failure::new(Reason::Unhealthy, message)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_interrupted_is_closed_whoever_lives() {
        for given_up in [&[][..], &[units::AGENT][..]] {
            assert_eq!(deed(&Standing::Between, given_up), Deed::Recover);
            assert_eq!(deed(&Standing::Judged, given_up), Deed::Recover);
        }
    }

    #[test]
    fn a_change_is_judged_by_the_new_program_and_taken_back_where_that_cannot() {
        assert_eq!(deed(&Standing::AwaitsVerdict, &[]), Deed::LetJudge);
        let Deed::TakeBack(because) = deed(&Standing::AwaitsVerdict, &[units::AGENT, units::HOST]) else {
            panic!("nobody is left to judge")
        };
        assert_eq!(because.reason, Reason::Unhealthy);
        assert_eq!(because.message, "after the update systemd gave up on belay-agent.service and belay-host.service");
        assert_eq!(deed(&Standing::AwaitsVerdict, &units::SOCKETS), Deed::LetJudge, "both halves are alive");
    }

    #[test]
    fn an_update_that_awaits_its_restart_is_taken_back_only_where_it_brought_the_agent_that_fails() {
        let (other, own) = (Standing::AwaitsReboot { of_agent: false }, Standing::AwaitsReboot { of_agent: true });
        assert_eq!(deed(&other, &[units::AGENT]), Deed::Nothing, "a mistake in the settings is none of the update's");
        assert_eq!(deed(&own, &[]), Deed::Nothing);
        assert!(matches!(deed(&own, &[units::AGENT]), Deed::TakeBack(_)));
    }

    #[test]
    fn a_device_at_rest_is_left_at_rest() {
        let stuck = Standing::Stuck(Failure::new(Reason::VaultDamaged, "gone"));
        for standing in [Standing::Closed, stuck] {
            assert_eq!(deed(&standing, &[units::AGENT]), Deed::Nothing, "{standing:?}");
        }
    }
}
