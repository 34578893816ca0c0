//! Our Debian packages in fresh Debian roots: installed, upgraded, removed, purged by real apt; some of them booted.
//!
//! What the programs do on a booted device is tried in `tests/system`.

mod booted;
mod files;
mod images;
mod life;
mod shipped;
mod stage;
