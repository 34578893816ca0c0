//! The story of `make demo`: what a person sees, and how every word of it is checked against the real root.

mod bundle;
pub mod device;
mod fleet;
mod lan;
pub mod stage;
pub mod story;
pub mod transcript;

pub use bundle::tell_of_a_bundle;
pub use fleet::{Programs, tell_of_a_fleet};
pub use lan::tell_of_a_network;
pub use story::tell;
pub use transcript::{Broken, Transcript};
