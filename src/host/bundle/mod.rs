//! Bundles: verified before they run, captured while they run, undone to the byte.
//!
//! `unpack` and `trust` let one in, `description` says what it wants, `store` keeps it, `script` runs its `install.sh`,
//! `capture` runs it over an overlay of the root, and `files` makes a plan of what it changed, carries that out and
//! takes it back. What of all that happens when is decided in `host::local`.

pub mod capture;
pub mod description;
pub mod files;
pub mod inside;
pub mod script;
pub mod services;
pub mod shims;
pub mod store;
pub mod trust;
pub mod unpack;
