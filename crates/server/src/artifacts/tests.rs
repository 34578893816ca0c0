//! Artifacts in a real folder, on a real full disk, and in a bucket of a server that speaks S3.

mod assembled;
mod bucket;
mod folder;
mod full_disk;
mod large;
mod process;
mod readers;
mod world;
