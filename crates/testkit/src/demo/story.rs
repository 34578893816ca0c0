//! The first seven acts: one device.

use std::net::TcpListener;
use std::path::Path;

use crate::agent::Agent;
use crate::caretaker::Caretaker;
use crate::command::{command, succeed};
use crate::ownership::write;
use crate::snapshot::Snapshot;

use super::device;
use super::stage::Stage;
use super::transcript::{Broken, Transcript};

/// What the old controller waits for.
const UPDATED: &str = r#"{"status":"Update completed"}"#;
const ROLLED_BACK: &str = r#"{"status":"Rollback completed"}"#;

/// Tells the whole story with the agent's program, and checks every claim of it.
///
/// # Errors
/// A claim was false, or a step could not be taken: one sentence.
///
/// # Panics
/// When apt or dpkg does not work on this machine, or the agent does not start.
pub fn tell(transcript: &mut Transcript, agent: &Path) -> Result<(), Broken> {
    let caretaker = Caretaker::new("belay-demo-");
    let sandbox = device::make(caretaker.folder());
    let tools = format!("{} and {}", version_of("apt-get"), version_of("dpkg"));
    transcript.title(
        "Belay: whatever an update does to a device, it can be undone",
        &format!(
            "Real {tools} on a private root; this machine's own packages are not touched.\nAll commands run in {}",
            sandbox.dir().display()
        ),
    );
    let port = free_port();
    let factory = Snapshot::of(&sandbox);
    let mut stage = Stage::new(transcript, &sandbox, agent, port);
    look_at_the_device(&mut stage)?;
    let mut agent = device::launch(&sandbox, agent, port).start();
    let played = play(&mut stage, &mut agent, port, &factory);
    played.map_err(|broken| Broken(format!("{}\nThe agent's last words:\n{}", broken.0, agent.log_tail())))
}

/// Everything that happens while the agent runs.
fn play(stage: &mut Stage<'_>, agent: &mut Agent<'_>, port: u16, factory: &Snapshot) -> Result<(), Broken> {
    meet_the_agent(stage, agent, port)?;
    let first = push_a_list(stage)?;
    let second = update_and_look_back(stage, agent)?;
    fail_in_a_script(stage, &second)?;
    fail_the_health_check(stage, &second)?;
    go_back(stage, &first)?;
    go_back_offline(stage, agent, factory)
}

fn look_at_the_device(stage: &mut Stage<'_>) -> Result<(), Broken> {
    stage.transcript.act("A device, and an agent on it");
    stage.transcript.say("A weather station runs version 1.0. Somebody edited its configuration by hand.");
    stage.succeed("dpkg-query -W")?;
    let shown = stage.succeed("cat root/etc/weather-station.conf")?;
    stage.claim_installed(&[("weather-station", Some("1.0")), ("libweather", Some("1.0"))])?;
    stage.claim("the configuration is the edited one, not the package's", shown == device::EDITED, shown)
}

fn meet_the_agent(stage: &mut Stage<'_>, agent: &mut Agent<'_>, port: u16) -> Result<(), Broken> {
    stage.transcript.say(
        "The agent starts. It opens no port by itself. An old controller knows no password, so agent.toml opens the \
         old port for it, for this machine alone, and the agent says so at every start:",
    );
    if port != 5000 {
        stage.transcript.say(&format!("(Port 5000 is taken on this machine, so the demo uses port {port}.)"));
    }
    if !stage.has_curl() {
        stage.transcript.say("(This machine has no curl: the demo sends what each curl line would send by itself.)");
    }
    stage.succeed("grep -E '^(listen|legacy)' run/agent.toml")?;
    let log = agent.log_path().strip_prefix(stage.sandbox.dir()).unwrap_or(agent.log_path()).display().to_string();
    let warned = stage.succeed(&format!("grep -o 'WARN.*legacy.*' {log}"))?;
    stage.claim(
        "the agent runs, and warns of its open door",
        agent.is_running() && warned.contains("127.0.0.0/8"),
        warned,
    )?;
    let answer = stage.call_ping()?;
    let alive = r#"{"status":"alive","device":"raspberry-pi"}"#;
    stage.claim_answer("it answers as the old controller looks for it, byte for byte", &answer, 200, alive)
}

fn push_a_list(stage: &mut Stage<'_>) -> Result<Snapshot, Broken> {
    stage.transcript.act("The old controller pushes a package list");
    stage.transcript.say("The package archive has version 1.1 now, and a display for it.");
    device::publish_station(stage.sandbox, "1.1");
    device::publish_display(stage.sandbox, "1.0");
    write(&stage.sandbox.dir().join("monday.list"), "weather-station\nweather-display\n");
    stage.succeed("cat monday.list")?;
    let answer = stage.push("monday.list")?;
    stage.claim_answer("the answer is the old one, byte for byte", &answer, 200, UPDATED)?;
    stage.claim_installed(&[
        ("weather-station", Some("1.1")),
        ("libweather", Some("1.1")),
        ("weather-display", Some("1.0")),
    ])?;
    let configuration = text_of(stage, "etc/weather-station.conf");
    stage.claim("the edited configuration is still the edited one", configuration == device::EDITED, configuration)?;
    stage.succeed("cat state/rollbackFile")?;
    let file = "weather-station=1.1\nweather-display=1.0\n";
    stage.claim_rollback_file("the rollback file names the versions of this list", Some(file))?;
    Ok(Snapshot::of(stage.sandbox))
}

fn update_and_look_back(stage: &mut Stage<'_>, agent: &Agent<'_>) -> Result<Snapshot, Broken> {
    stage.transcript.act("A second update, and the history");
    stage.transcript.say("A new display is published, and somebody on the device installs it.");
    device::publish_display(stage.sandbox, "1.1");
    stage.succeed("belay-agent update weather-display")?;
    stage.claim_installed(&[("weather-station", Some("1.1")), ("weather-display", Some("1.1"))])?;
    let history = stage.succeed("belay-agent history")?;
    let named = ["weather-display", "1.0", "1.1", "libweather"].iter().all(|word| history.contains(word));
    stage.claim("the history names what each update changed", named, history)?;
    let generation = stage.ask(agent, "/status")["generation"].clone();
    stage.claim("generation 2 is in force; 1 and 0 lie behind it", generation == 2, generation.to_string())?;
    Ok(Snapshot::of(stage.sandbox))
}

fn fail_in_a_script(stage: &mut Stage<'_>, before: &Snapshot) -> Result<(), Broken> {
    stage.transcript.act("A package fails while it is being installed");
    stage.transcript.say("The archive gets weather-station 1.2. It unpacks well, over the files of 1.1; then its postinst script exits with 1.");
    device::publish_station(stage.sandbox, "1.2");
    write(&stage.sandbox.dir().join("tuesday.list"), "weather-station\n");
    stage.succeed("cat tuesday.list")?;
    let file = stage.rollback_file();
    let answer = stage.push("tuesday.list")?;
    stage.claim("the old controller is told that it failed", answer.status >= 400, answer.status.to_string())?;
    let reason = answer.body.contains("weather-station");
    stage.claim("and why: the answer names the package", reason, answer.body)?;
    let log = text_of(stage, "var/log/dpkg.log");
    let tried = log.contains("status half-configured weather-station:all 1.2");
    stage.claim("dpkg's own log shows that 1.2 was half installed on the way", tried, "it does not")?;
    stage.claim_same(before, "before")?;
    stage.claim_rollback_file("the rollback file was not touched", file.as_deref())
}

fn fail_the_health_check(stage: &mut Stage<'_>, before: &Snapshot) -> Result<(), Broken> {
    stage.transcript.act("A package installs well, and the device is not well afterwards");
    stage.transcript.say("agent.toml names a health check. The archive gets weather-station 1.3, which installs without a fault and does not \
         pass it.");
    device::publish_station(stage.sandbox, "1.3");
    stage.succeed("sed -n '/health.check/,$p' run/agent.toml")?;
    let file = stage.rollback_file();
    let output = stage.run("belay-agent update weather-station");
    stage.claim(
        "the command's exit code is 3: failed and undone",
        output.status.code() == Some(3),
        output.status.to_string(),
    )?;
    let log = text_of(stage, "var/log/dpkg.log");
    let installed = log.contains("status installed weather-station:all 1.3");
    stage.claim("dpkg's own log shows that 1.3 was completely installed", installed, "it does not")?;
    stage.claim_same(before, "before")?;
    stage.claim_rollback_file("the rollback file was not touched", file.as_deref())
}

fn go_back(stage: &mut Stage<'_>, first: &Snapshot) -> Result<(), Broken> {
    stage.transcript.act("One generation back");
    stage.transcript.say("Generation 2 was good, and yet somebody wants generation 1 again.");
    let answer = stage.call_rollback()?;
    stage.claim_answer("the answer is the old one, byte for byte", &answer, 200, ROLLED_BACK)?;
    stage.claim_installed(&[("weather-station", Some("1.1")), ("weather-display", Some("1.0"))])?;
    stage.claim_same(first, "after the first list")?;
    let file = "weather-station=1.1\nweather-display=1.0\n";
    stage.claim_rollback_file("the rollback file names the versions of that generation", Some(file))
}

fn go_back_offline(stage: &mut Stage<'_>, agent: &Agent<'_>, factory: &Snapshot) -> Result<(), Broken> {
    stage.transcript.act("And once more, with the package archive gone");
    stage.succeed("rm -r repo")?;
    let gone = stage.run("ls repo");
    stage.claim("the archive is gone: nothing can be downloaded", !gone.status.success(), "it is still there")?;
    let answer = stage.call_rollback()?;
    stage.claim_answer("the answer is the old one, byte for byte", &answer, 200, ROLLED_BACK)?;
    stage.claim_installed(&[
        ("weather-station", Some("1.0")),
        ("libweather", Some("1.0")),
        ("weather-display", None),
    ])?;
    stage.claim_same(factory, "it was before Belay came")?;
    stage.claim_rollback_file("there is no rollback file, as then", None)?;
    stage.succeed("belay-agent history")?;
    let generation = stage.ask(agent, "/status")["generation"].clone();
    stage.claim("generation 0 is in force again", generation == 0, generation.to_string())?;
    stage.succeed("belay-agent verify")?;
    Ok(())
}

fn text_of(stage: &Stage<'_>, path: &str) -> String {
    std::fs::read_to_string(stage.sandbox.path(path)).unwrap_or_else(|error| format!("(cannot be read: {error})"))
}

/// Returns port 5000, or another one where that is taken.
fn free_port() -> u16 {
    let free = |port| TcpListener::bind(("127.0.0.1", port)).and_then(|listener| listener.local_addr());
    free(5000).or_else(|_| free(0)).expect("the loopback has a free port").port()
}

/// Returns a program's name and version, from the first line of what it says of itself.
fn version_of(program: &str) -> String {
    let said = succeed(command(program).arg("--version"));
    let version = said
        .lines()
        .next()
        .unwrap_or_default()
        .split(' ')
        .find(|word| word.starts_with(|letter: char| letter.is_ascii_digit()));
    format!("{} {}", program.trim_end_matches("-get"), version.unwrap_or("(unknown version)"))
}
