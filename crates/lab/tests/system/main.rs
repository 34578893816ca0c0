//! Booted Debian systems on which our packages are installed: what only PID 1, real units and a real journal show.

mod access;
mod bundles;
mod device;
mod first_start;
mod fleet;
mod guard;
mod hardening;
mod interrupted;
mod packages;
mod restarts;
mod self_update;
mod updates;
