//! Who asks: secrets, and what is kept of them.

mod secret;

pub use secret::{Digest, Issued, Purpose, Shown};
