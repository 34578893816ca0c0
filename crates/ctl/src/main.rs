//! belayctl: reads the words, does what they say, ends with a code that scripts can trust.

use std::process::ExitCode;

use belayctl::{Arguments, Exit};
use clap::Parser;
use tokio::runtime::Builder;

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(shown) => {
            let asked_for = !shown.use_stderr();
            let _ = shown.print();
            return if asked_for { Exit::Done } else { Exit::Failed }.into();
        }
    };
    let format = arguments.format();
    let ended = Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|source| belayctl::CtlError::Runtime { source })
        .and_then(|runtime| runtime.block_on(belayctl::run(arguments)));
    ended.unwrap_or_else(|error| belayctl::failed(&error, format)).into()
}
