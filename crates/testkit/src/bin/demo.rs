//! `demo AGENT [SERVER CTL]`: tells what Belay does, on private roots, and fails if one word of it is not true. Without a
//! server it tells of one device alone.

use std::io::IsTerminal;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::process::ExitCode;

use belay_testkit::demo::{Broken, Programs, Transcript, tell, tell_of_a_bundle, tell_of_a_fleet, tell_of_a_network};
use belay_testkit::soak::run::words_of;

fn main() -> ExitCode {
    let colours = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let mut transcript = Transcript::new(Box::new(std::io::stdout()), colours);
    let programs: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    // The kit panics where it cannot go on; its words end the transcript instead of standing in its midst.
    std::panic::set_hook(Box::new(|_| {}));
    let told = catch_unwind(AssertUnwindSafe(|| play(&mut transcript, &programs)));
    let broken = match told {
        Ok(Ok(())) => return ExitCode::SUCCESS,
        Ok(Err(broken)) => broken,
        Err(panic) => Broken(words_of(panic.as_ref())),
    };
    transcript.broke_off(&broken);
    transcript.say("BELAY_KEEP=1 keeps the devices' folders, with the logs in run/.");
    ExitCode::FAILURE
}

fn play(transcript: &mut Transcript, programs: &[PathBuf]) -> Result<(), Broken> {
    match programs {
        [agent] => tell(transcript, agent)?,
        [agent, server, ctl] => {
            tell(transcript, agent)?;
            let programs = Programs { agent, server, ctl };
            tell_of_a_fleet(transcript, programs)?;
            tell_of_a_bundle(transcript, programs)?;
            tell_of_a_network(transcript, programs)?;
        }
        _ => {
            let usage = "say where the programs are: demo target/debug/belay-agent [target/debug/belay-server target/debug/belayctl]";
            return Err(Broken(usage.to_owned()));
        }
    }
    transcript.end();
    Ok(())
}
