//! Tests of the machine: given a state, when something happens, then these effects follow.

mod assign;
mod bundle;
mod properties;
mod restart;
mod rollback;
mod server;
mod truth;
mod update;
mod world;
