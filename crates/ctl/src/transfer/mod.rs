//! Archives on their way, with a bar where a person looks on. An archive is cut into pieces; the server is asked which of
//! them it has and puts them together once it has all. So nothing is sent twice, whatever ended the transfer before.

mod archive;
mod fetch;
mod persistence;
mod piece;
mod send;
mod waiting;

pub(crate) use archive::{Archive, look_at};
pub(crate) use fetch::fetch;
pub(crate) use send::send;

use indicatif::ProgressBar;

use crate::output::Output;

fn bar(size: u64, what: &'static str, output: &Output) -> ProgressBar {
    output
        .bar(size, "{msg} [{bar:30}] {decimal_bytes}/{decimal_total_bytes} {decimal_bytes_per_sec}")
        .with_message(what)
}
