//! Debian for arm64, run by qemu-user, with the cross-built agent: real apt and dpkg of that machine. `make cross-test`
//! makes the tree and lets foreign programs start; without both there is nothing here to try.

mod booted;
mod packages;
mod rooted;
mod tree;
