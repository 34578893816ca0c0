//! Tests of the machine: given a state, when something happens, then these effects follow.

mod properties;
mod restart;
mod rollback;
mod update;
mod world;
