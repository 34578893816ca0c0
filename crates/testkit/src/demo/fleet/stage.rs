//! Where the fleet's story is played: runs commands as they are typed, at the operator's desk or on a device.

use std::path::PathBuf;
use std::process::{Command, Output};

use serde_json::Value;

use super::place::Place;
use crate::command::{output, transcript};
use crate::demo::stage::now;
use crate::demo::transcript::{Broken, Transcript};

/// The operator's desk with the three devices in sight.
#[derive(Debug)]
pub(in crate::demo) struct FleetStage<'a> {
    /// What the reader sees.
    pub(in crate::demo) transcript: &'a mut Transcript,
    /// The devices.
    pub(in crate::demo) places: &'a [Place],
    /// The folder that commands run in.
    pub(in crate::demo) desk: PathBuf,
    /// Folders of the programs, put before others in PATH.
    pub(in crate::demo) programs: String,
    /// What the operator's shell has in its environment.
    pub(in crate::demo) environment: Vec<(&'static str, String)>,
}

impl FleetStage<'_> {
    /// Runs a command line at the operator's desk, exactly as shown, and shows what it wrote.
    pub(in crate::demo) fn run(&mut self, line: &str) -> Output {
        let mut shell = self.places[0].sandbox.command("sh");
        shell.envs(self.environment.iter().map(|(name, value)| (name, value))).current_dir(&self.desk);
        self.play("operator", line, shell)
    }

    /// Runs a command line on a device.
    pub(in crate::demo) fn run_on(&mut self, place: usize, line: &str) -> Output {
        let places = self.places;
        let place = &places[place];
        let mut shell = place.sandbox.command("sh");
        shell.env("BELAY_SOCKET", place.sandbox.run_dir().join("agent.sock"));
        self.play(place.name, line, shell)
    }

    /// Runs a command line at the desk that has to succeed; returns what it wrote.
    pub(in crate::demo) fn succeed(&mut self, line: &str) -> Result<String, Broken> {
        let output = self.run(line);
        must(line, &output)
    }

    /// Runs a command line on a device that has to succeed; returns what it wrote.
    pub(in crate::demo) fn succeed_on(&mut self, place: usize, line: &str) -> Result<String, Broken> {
        let output = self.run_on(place, line);
        must(line, &output)
    }

    /// Asks the server behind the scenes, for a claim.
    pub(in crate::demo) fn ask(&self, arguments: &[&str]) -> Result<Value, Broken> {
        let mut command = self.places[0].sandbox.command("belayctl");
        command.env("PATH", self.path()).envs(self.environment.iter().map(|(name, value)| (name, value)));
        let output = output(command.arg("--json").args(arguments));
        serde_json::from_slice(&output.stdout)
            .map_err(|error| Broken(format!("belayctl {arguments:?}: {error}: {}", transcript(&output))))
    }

    /// Claims something that is true or not; `found` says what is so instead.
    pub(in crate::demo) fn claim(
        &mut self,
        sentence: &str,
        holds: bool,
        found: impl Into<String>,
    ) -> Result<(), Broken> {
        self.transcript.claim(sentence, if holds { Ok(()) } else { Err(found.into()) })
    }

    /// Claims the weather station's versions on all devices, as dpkg has them, however they are spread.
    pub(in crate::demo) fn claim_stations(&mut self, sentence: &str, mut wanted: Vec<&str>) -> Result<(), Broken> {
        let mut found: Vec<String> = self.places.iter().map(Place::station).collect();
        let shown = found.join(", ");
        found.sort();
        wanted.sort_unstable();
        self.claim(sentence, found == wanted, shown)
    }

    fn play(&mut self, who: &str, line: &str, mut shell: Command) -> Output {
        self.transcript.command_of(who, line);
        let began = now();
        let output = output(shell.env("PATH", self.path()).args(["-c", &format!("exec 2>&1\n{line}")]));
        self.transcript.answer(&String::from_utf8_lossy(&output.stdout));
        self.transcript.took(began.elapsed());
        output
    }

    fn path(&self) -> String {
        format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", self.programs)
    }
}

fn must(line: &str, output: &Output) -> Result<String, Broken> {
    if !output.status.success() {
        return Err(Broken(format!("`{line}` failed: {}", transcript(output))));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
