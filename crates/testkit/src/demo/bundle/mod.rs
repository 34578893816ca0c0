//! The third story: a signed bundle reaches two recorders, and every version of it can be gone back from.

mod recorder;
mod story;

pub use story::tell_of_a_bundle;
