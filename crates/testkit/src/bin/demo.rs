//! `demo AGENT`: tells what the agent does in seven acts on a private root, and fails if one word of it is not true.

use std::io::IsTerminal;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::process::ExitCode;

use belay_testkit::demo::{Broken, Transcript, tell};
use belay_testkit::soak::run::words_of;

fn main() -> ExitCode {
    let colours = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let mut transcript = Transcript::new(Box::new(std::io::stdout()), colours);
    let Some(agent) = std::env::args_os().nth(1).map(PathBuf::from) else {
        transcript.broke_off(&Broken("say where the agent's program is: demo target/debug/belay-agent".to_owned()));
        return ExitCode::FAILURE;
    };
    // The kit panics where it cannot go on; its words end the transcript instead of standing in its midst.
    std::panic::set_hook(Box::new(|_| {}));
    let told = catch_unwind(AssertUnwindSafe(|| tell(&mut transcript, &agent)));
    let broken = match told {
        Ok(Ok(())) => return ExitCode::SUCCESS,
        Ok(Err(broken)) => broken,
        Err(panic) => Broken(words_of(panic.as_ref())),
    };
    transcript.broke_off(&broken);
    transcript.say("BELAY_KEEP=1 keeps the device's folder, with the agent's log in run/.");
    ExitCode::FAILURE
}
