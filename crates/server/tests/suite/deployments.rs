//! Releases, channels and deployments, with devices that sync as agents do.

mod bundles;
mod channels;
mod clocked;
mod contended;
mod copies;
mod fleet;
mod latecomers;
mod made;
mod releases;
mod replicas;
mod rollouts;
mod verbs;

pub(crate) use fleet::name;
