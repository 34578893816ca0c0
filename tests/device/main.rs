//! The real device: apt and dpkg on sandbox roots, as an ordinary user.

#![expect(clippy::unwrap_used, reason = "helpers of tests are not seen as tests")]

mod archive;
mod remote;
mod resolve;
mod support;
mod transact;
mod trouble;
