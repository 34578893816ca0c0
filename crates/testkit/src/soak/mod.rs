//! Kills everything at random instants of updates and rollbacks, and looks whether the device is old or new.
//!
//! Most cases kill everything together, as a power cut does; some kill one process alone, whose apt and dpkg then go on.
//!
//! What happens in a case is a function of the seed and the case's number; at which instruction it happens is up to
//! the machine. So a replayed case is the same story, cut in about the same place.

pub mod case;
pub mod follower;
pub mod histogram;
pub mod plan;
pub mod processes;
pub mod random;
pub mod reference;
pub mod run;
pub mod scenario;
pub mod template;
