//! belayctl: the fleet from one command line. It asks a belay-server over its operator API and shows the answer.
//!
//! `arguments` is what can be written, `commands` what each word does, `client` the only place that speaks HTTP, `render`
//! makes text of answers, `signing` makes keys and signatures.

pub mod arguments;
mod client;
mod clock;
mod commands;
mod error;
mod exit;
mod files;
mod lan;
mod output;
mod payload;
mod profile;
mod render;
mod schema;
mod secret;
mod signing;
mod ssh;
mod transfer;
mod ui;

pub use arguments::Arguments;
pub use commands::run;
pub use error::CtlError;
pub use exit::Exit;
pub use output::{Format, failed};
pub use schema::schema;
pub use secret::Secret;
