//! The command line: asks the running agent over its socket and shows the answer.
//!
//! Nothing here touches the device. What is shown is made by `render` from the words of the protocol.

mod arguments;
mod ask;
mod bundle;
mod client;
mod exit;
mod follow;
mod goal;
mod lists;
mod output;
mod render;

pub use arguments::{Arguments, Ask, BundleArguments, Command, ConfigCommand, RestorePointCommand};
pub use ask::{ask, socket};
pub use exit::Exit;
pub use output::{checked, failed};

#[cfg(test)]
mod tests;
