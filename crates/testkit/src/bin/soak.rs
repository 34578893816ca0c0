//! `soak AGENT`: kills the agent with apt and dpkg at N random instants, and looks whether each device is old or new.
//!
//! Environment: `N` cases (1000), `SEED` (1), `JOBS` devices at a time (as many as cores). `CASE=n` runs that one case
//! of the seed alone, `REPEAT` times (1): where exactly it is cut differs a little from time to time. Exits with 1 on
//! the first device in between, keeps its folder and prints how to run its case again.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use belay_testkit::caretaker::Caretaker;
use belay_testkit::soak::reference::Reference;
use belay_testkit::soak::run::{Broken, Order, Tally, run};
use belay_testkit::soak::scenario::Scenario;
use belay_testkit::soak::template::Template;

#[expect(clippy::disallowed_methods, reason = "a person wants to know how long it took")]
fn main() -> ExitCode {
    let began = Instant::now();
    let Some(agent) = std::env::args_os().nth(1).map(PathBuf::from) else {
        say("soak: say where the agent's program is: soak target/debug/belay-agent");
        return ExitCode::FAILURE;
    };
    let order = match order() {
        Ok(order) => order,
        Err(sentence) => {
            say(&format!("soak: {sentence}"));
            return ExitCode::FAILURE;
        }
    };
    let count = order.cases.len();
    say(&format!("soak: {count} cases of seed {}, {} devices at a time", order.seed, order.workers));
    say("soak: preparing a device with two updates and a bundle behind it, then each scenario once without a cut");
    let caretaker = Caretaker::new("belay-soak-");
    let template = Template::prepare(&agent, caretaker.folder());
    let references: Vec<Reference> = Scenario::ALL.iter().map(|scenario| Reference::of(*scenario, &template)).collect();
    for reference in &references {
        say(&format!("  {:<16} takes {:.1} s", reference.scenario.name(), reference.total.as_secs_f32()));
    }
    let tally = run(&order, &template, &references, &|tally| progress(tally, count));
    say(&format!("\n{tally}"));
    for broken in &tally.broken {
        say(&report(order.seed, broken));
    }
    let seconds = began.elapsed().as_secs();
    let seed = order.seed;
    say(&format!(
        "soak: {} of {count} ended old or new (seed {seed}, {} min {} s)",
        tally.good,
        seconds / 60,
        seconds % 60
    ));
    if tally.broken.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Reads what to do from the environment.
fn order() -> Result<Order, String> {
    let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get() as u64);
    let seed = number("SEED")?.unwrap_or(1);
    let workers = usize::try_from(number("JOBS")?.unwrap_or(cores)).unwrap_or(1);
    let cases = match number("CASE")? {
        Some(case) => (0..number("REPEAT")?.unwrap_or(1)).map(|_| case).collect(),
        None => (0..number("N")?.unwrap_or(1000)).collect(),
    };
    Ok(Order { seed, cases, workers })
}

/// Reads a number from the environment; an empty value is none.
fn number(name: &str) -> Result<Option<u64>, String> {
    let text = std::env::var(name).unwrap_or_default();
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|_| format!("{name}={text:?} is no whole number"))
}

/// Shows how far it is: on a terminal in one line, else every tenth of the way.
fn progress(tally: &Tally, count: usize) {
    let step = u64::try_from(count / 10).unwrap_or(1).max(1);
    let line = format!("  {} of {count}: {} old, {} new", tally.good, tally.good - tally.new, tally.new);
    if std::io::stdout().is_terminal() {
        write(&format!("\r{line}"));
    } else if tally.good.is_multiple_of(step) && tally.broken.is_empty() {
        say(&line);
    }
}

fn report(seed: u64, broken: &Broken) -> String {
    let Broken { case, plan, sentence, kept } = broken;
    format!(
        "case {case} ({plan}):\n  {sentence}\n  the device is kept in {}\n  run it again: make soak SEED={seed} CASE={case}\n",
        kept.display()
    )
}

fn say(line: &str) {
    write(&format!("{line}\n"));
}

fn write(text: &str) {
    // Nobody reads a closed pipe; the exit code still tells.
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
