//! The story of a network without a server: three devices, a technician, one command line.

mod story;

pub use story::tell_of_a_network;
