//! Test kit of Belay: real apt and dpkg on private roots, without root rights.
//!
//! A [`Sandbox`] is a folder that real apt-get and dpkg accept as a system; a [`Repository`] of [`Deb`]s built on the
//! spot feeds it; a [`Snapshot`] says exactly what state it is in, without any code of the agent; an [`Agent`] is the
//! agent's own binary running on it. The crate knows the agent only by the path of its binary and its public face.
//!
//! Two programs are built on it: [`demo`] tells the agent's story and checks every word of it, [`soak`] kills everything
//! at random instants and looks whether the device is old or new.
//!
//! Chrootless maintainer scripts run on the machine's real `/`, so nothing here starts a child with root rights on it:
//! started by root, the kit runs every child as an ordinary user (see [`command`]). What only root can try is tried on
//! a throw-away copy of the machine, in namespaces of its own (see [`root_tier`]). It panics rather than return
//! errors: a test that cannot set up its world has nothing to decide.

pub mod agent;
pub mod authority;
pub mod bundle;
pub mod caretaker;
pub mod command;
pub mod deb;
pub mod demo;
pub mod flaky;
pub mod http;
pub mod network;
pub mod notify;
pub mod ownership;
pub mod process;
pub mod process_tree;
pub mod repository;
pub mod root_snapshot;
pub mod root_tier;
pub mod sandbox;
pub mod scripted;
pub mod server;
pub mod snapshot;
pub mod soak;
pub mod tools;
pub mod userland;
pub mod wait;

pub use agent::{Agent, HostProcess, Launch};
pub use bundle::{Bundle, Publisher};
pub use deb::{Deb, Script};
pub use flaky::FlakyServer;
pub use network::{Network, Station};
pub use repository::Repository;
pub use root_snapshot::{RootSnapshot, assert_same_root};
pub use sandbox::Sandbox;
pub use scripted::ScriptedServer;
pub use server::{Server, ServerLaunch};
pub use snapshot::{Snapshot, assert_same};
pub use wait::wait_until;
