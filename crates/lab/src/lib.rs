//! Debian roots and booted systems on which Belay's packages are tried.
//!
//! A [`Base`] is a Debian tree, made once from the machine's own mirror and cached. A [`Site`] is a place apart from the
//! machine: namespaces of its own, one network, memory for roots. A [`Root`] is a throw-away copy of a base in it, on
//! which commands run in a chroot; a [`Container`] is one that systemd has booted. An [`Archive`] is a signed package
//! repository, and [`OurDeb`] our own package in as many versions as a test wants.
//!
//! Everything needs root rights; [`missing`] says what else. Nothing here touches the machine's packages, network or
//! /dev, and all of it ends with the process that began it, however that ends. It panics rather than return errors: a
//! test that cannot set up its world has nothing to decide.

mod archive;
mod base;
mod cgroup;
mod container;
mod mirror;
mod need;
mod our_deb;
mod process;
mod root;
mod site;

pub use archive::Archive;
pub use base::{Base, Suite};
pub use container::{Container, ContainerLaunch};
pub use need::{lab_folder, missing, target_folder};
pub use our_deb::{Change, OurDeb};
pub use root::Root;
pub use site::Site;
