//! belay-server: coordinates a fleet of devices. Thin: one binary, an embedded database, a folder.
//!
//! `domain` decides, `store` remembers, `service` joins the two, `api` and `serve` let the world in.

pub mod api;
pub mod artifacts;
pub mod auth;
pub mod cli;
pub mod clock;
pub mod config;
pub mod domain;
pub mod run;
pub mod serve;
pub mod service;
pub mod store;
pub mod telemetry;
