//! The act of the network.

use std::net::{Ipv4Addr, TcpListener};

use crate::agent::Agent;
use crate::caretaker::Caretaker;
use crate::demo::device;
use crate::demo::fleet::{FleetStage, NAMES, Place, Programs};
use crate::demo::transcript::{Broken, Transcript};
use crate::ownership::write;
use crate::snapshot::Snapshot;
use crate::tools::reachable_copy;

/// Tells of three devices on a network and a technician, and checks every claim.
///
/// # Errors
/// A claim was false, or a step could not be taken: one sentence.
///
/// # Panics
/// When apt or dpkg does not work on this machine, or a program does not start.
pub fn tell_of_a_network(transcript: &mut Transcript, programs: Programs<'_>) -> Result<(), Broken> {
    let caretaker = Caretaker::new("belay-demo-");
    let places = NAMES.map(|name| Place::make(name, caretaker.folder()));
    let port = free_port();
    let agents: Vec<Agent<'_>> = places
        .iter()
        .zip(FIRST..)
        .map(|(place, last)| {
            let control = format!("listen = [\"127.0.0.{last}:{port}\"]\nlegacy = [\"127.0.0.0/8\"]");
            place.launch(programs.agent).control(&control).start()
        })
        .collect();
    let desk = places[0].sandbox.dir().to_owned();
    let mut stage = FleetStage {
        transcript,
        places: &places,
        environment: vec![("XDG_CONFIG_HOME", desk.join("config").display().to_string())],
        desk,
        programs: reachable_copy(programs.ctl).parent().map(|folder| folder.display().to_string()).unwrap_or_default(),
    };
    play(&mut stage, port).map_err(|broken| {
        let agents: Vec<_> = agents.iter().map(|agent| agent.log_tail()).collect();
        Broken(format!("{}\nThe agents' last words:\n{}", broken.0, agents.join("\n")))
    })
}

fn play(stage: &mut FleetStage<'_>, port: u16) -> Result<(), Broken> {
    stage.transcript.act("A technician on a network without a server");
    stage.transcript.say(
        "Three weather stations hang on one switch. The technician plugs in a laptop. Each station's agent trusts this \
         network, because its settings name it.",
    );
    stage.succeed(&format!("belayctl lan scan --subnet {NETWORK} --port {port} --save"))?;
    let found = stage.ask(&["lan", "scan", "--subnet", NETWORK, "--port", &port.to_string()])?;
    let agents = found["devices"].as_array().into_iter().flatten().filter(|host| host["kind"] == "agent").count();
    stage.claim("it finds three agents, and the site file remembers them", agents == 3, found.to_string())?;
    let places = stage.places;
    let factory: Vec<Snapshot> = places.iter().map(|place| Snapshot::of(&place.sandbox)).collect();
    for place in places {
        device::publish_station(&place.sandbox, "1.1");
    }
    stage.succeed("belayctl lan push weather-station=1.1 --to all")?;
    stage.claim_stations("dpkg's databases say: all three devices have 1.1", vec!["1.1", "1.1", "1.1"])?;
    stage.transcript.say("Version 1.3 installs without a fault, and then its self-test fails on every one of them.");
    for place in places {
        device::publish_station(&place.sandbox, "1.3");
    }
    let before: Vec<Snapshot> = places.iter().map(|place| Snapshot::of(&place.sandbox)).collect();
    write(&stage.desk.join("bad.list"), "weather-station=1.3\n");
    let pushed = stage.run("belayctl lan push bad.list --to all");
    let code = pushed.status.code();
    stage.claim("the exit code is 3: failed and undone", code == Some(3), pushed.status.to_string())?;
    claim_same(stage, "all three are exactly as before", &before)?;
    stage.succeed("belayctl lan rollback --to all")?;
    claim_same(stage, "and now exactly as they were when the technician came", &factory)
}

fn claim_same(stage: &mut FleetStage<'_>, sentence: &str, old: &[Snapshot]) -> Result<(), Broken> {
    let places = stage.places;
    let differences: Vec<_> =
        places.iter().zip(old).flat_map(|(place, old)| old.diff(&Snapshot::of(&place.sandbox))).collect();
    stage.claim(sentence, differences.is_empty(), differences.join("; "))
}

/// A port that is free at the address of every station.
fn free_port() -> u16 {
    let free_at = |port, last| TcpListener::bind((Ipv4Addr::new(127, 0, 0, last), port)).ok();
    let port = || free_at(0, FIRST)?.local_addr().ok().map(|address| address.port());
    let everywhere = |port: &u16| (FIRST..FIRST + 3).all(|last| free_at(*port, last).is_some());
    (0..100).find_map(|_| port().filter(everywhere)).expect("a port is free on loopback")
}

/// The last number of the first station's address.
const FIRST: u8 = 9;

/// The addresses 127.0.0.9 to 127.0.0.14.
const NETWORK: &str = "127.0.0.8/29";
