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
    AwaitsReboot,
    /// It was changed, and nobody has judged it.
    AwaitsVerdict,
}

/// What the guard does about an open transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deed {
    /// Nothing.
    Nothing,
    /// Goes back, because the job was interrupted.
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
        Standing::Between => Deed::Recover,
        Standing::AwaitsReboot | Standing::AwaitsVerdict if !given_up.is_empty() => {
            let message = format!("after the update systemd gave up on {}", given_up.join(" and "));
            Deed::TakeBack(Failure::new(Reason::Unhealthy, message))
        }
        Standing::AwaitsReboot => Deed::Nothing,
        Standing::AwaitsVerdict => Deed::LetJudge,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_interrupted_is_undone_whoever_lives() {
        for given_up in [&[][..], &[units::AGENT][..]] {
            assert_eq!(deed(&Standing::Between, given_up), Deed::Recover);
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
        assert_eq!(deed(&Standing::AwaitsReboot, &[]), Deed::Nothing);
        assert!(matches!(deed(&Standing::AwaitsReboot, &[units::AGENT]), Deed::TakeBack(_)));
    }

    #[test]
    fn a_device_at_rest_is_left_at_rest() {
        let stuck = Standing::Stuck(Failure::new(Reason::VaultDamaged, "gone"));
        for standing in [Standing::Closed, stuck] {
            assert_eq!(deed(&standing, &[units::AGENT]), Deed::Nothing, "{standing:?}");
        }
    }
}
