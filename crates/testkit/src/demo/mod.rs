//! The story of `make demo`: what a person sees, and how every word of it is checked against the real root.

pub mod device;
pub mod stage;
pub mod story;
pub mod transcript;

pub use story::tell;
pub use transcript::{Broken, Transcript};
