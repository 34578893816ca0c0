//! The acts of the fleet.

use std::path::Path;
use std::time::Duration;

use super::place::{NAMES, Place};
use super::stage::FleetStage;
use crate::agent::Agent;
use crate::caretaker::Caretaker;
use crate::demo::device;
use crate::demo::stage::now;
use crate::demo::transcript::{Broken, Transcript};
use crate::ownership::write;
use crate::server::ServerLaunch;
use crate::snapshot::Snapshot;
use crate::tools::reachable_copy;

/// The programs that the story needs beside the agent.
#[derive(Clone, Copy, Debug)]
pub struct Programs<'a> {
    /// belay-agent.
    pub agent: &'a Path,
    /// belay-server.
    pub server: &'a Path,
    /// belayctl.
    pub ctl: &'a Path,
}

/// What the release belongs to, as it stands on the command line.
const RING: &str = "--device-type weather_station --distribution stable";

/// Tells of a fleet of three devices and a server, and checks every claim.
///
/// # Errors
/// A claim was false, or a step could not be taken: one sentence.
///
/// # Panics
/// When apt or dpkg does not work on this machine, or a program does not start.
pub fn tell_of_a_fleet(transcript: &mut Transcript, programs: Programs<'_>) -> Result<(), Broken> {
    let caretaker = Caretaker::new("belay-demo-");
    let places = NAMES.map(|name| Place::make(name, caretaker.folder()));
    transcript.act("A server with an empty folder");
    transcript.say(
        "Three weather stations stand in a garden, at a harbour and on a summit. Nobody wants to drive there, so a \
         server is set up. Its folder is empty, and it needs nothing beside it.",
    );
    let folder = caretaker.folder().join("server");
    std::fs::create_dir(&folder).map_err(|error| Broken(format!("cannot make {}: {error}", folder.display())))?;
    let launch = ServerLaunch::new(&folder, programs.server).toml("[devices]\npoll_s = 1");
    let config = launch.write_config();
    let began = now();
    let server = launch.start();
    let took = began.elapsed();
    transcript.claim(
        "the server is ready within a second",
        if took < Duration::from_secs(1) { Ok(()) } else { Err(format!("it took {took:?}")) },
    )?;
    let folders = [programs.agent, programs.server, programs.ctl]
        .map(|program| reachable_copy(program).parent().map(|folder| folder.display().to_string()).unwrap_or_default());
    let mut stage = FleetStage {
        transcript,
        places: &places,
        desk: places[0].sandbox.dir().to_owned(),
        programs: folders.join(":"),
        environment: vec![("BELAY_SERVER", server.url()), ("CONFIG", config.display().to_string())],
    };
    let agents: Vec<Agent<'_>> = places.iter().map(|place| place.start(programs.agent)).collect();
    let played = play(&mut stage);
    played.map_err(|broken| {
        let agents: Vec<_> = agents.iter().map(|agent| agent.log_tail()).collect();
        Broken(format!(
            "{}\nThe server's last words:\n{}\nThe agents':\n{}",
            broken.0,
            server.log_tail(),
            agents.join("\n")
        ))
    })
}

fn play(stage: &mut FleetStage<'_>) -> Result<(), Broken> {
    meet_the_server(stage)?;
    enrol(stage)?;
    let first = deploy_by_canary(stage)?;
    halt_a_bad_release(stage)?;
    roll_one_device_back(stage, &first)
}

fn meet_the_server(stage: &mut FleetStage<'_>) -> Result<(), Broken> {
    let made = stage.succeed(
        "belay-server --config $CONFIG token create --name operator --permission admin:full > operator.token\ncat operator.token",
    )?;
    let token = made.split_whitespace().find(|word| word.starts_with("belay_op_")).unwrap_or_default().to_owned();
    stage.claim("an operator's token is made on the server itself, and shown this once", !token.is_empty(), made)?;
    stage.environment.push(("BELAY_TOKEN", token));
    let who = stage.succeed("belayctl whoami")?;
    stage.claim("the server knows whose it is", who.contains("operator") && who.contains("admin:full"), who)
}

fn enrol(stage: &mut FleetStage<'_>) -> Result<(), Broken> {
    stage.transcript.act("Three devices enrol");
    let made = stage.succeed(
        "belay-server --config $CONFIG enrolment-token create --name installers --uses 3 > devices.token\ncat devices.token",
    )?;
    let token = made.split_whitespace().find(|word| word.starts_with("belay_enrol_")).unwrap_or_default().to_owned();
    stage.claim("the token lets three devices in, and no fourth", !token.is_empty(), made)?;
    let server = stage.environment[0].1.clone();
    for place in 0..NAMES.len() {
        stage.succeed_on(place, &format!("belay-agent enrol --server {server} {RING} \\\n      --token {token}"))?;
    }
    stage.succeed("belayctl device list")?;
    let devices = stage.ask(&["device", "list"])?;
    let authorized = devices.as_array().into_iter().flatten().filter(|device| device["state"] == "authorized").count();
    stage.claim("the server knows three devices, all let in", authorized == 3, devices.to_string())
}

fn deploy_by_canary(stage: &mut FleetStage<'_>) -> Result<Vec<Snapshot>, Broken> {
    stage.transcript.act("A release goes to one device first");
    stage.transcript.say("Version 1.1 is in the package archive. A release is a package list with a name:");
    for place in stage.places {
        device::publish_station(&place.sandbox, "1.1");
    }
    write(&stage.desk.join("station.list"), "weather-station=1.1\n");
    stage.succeed(&format!("belayctl release publish station.list {RING} --version 1.1"))?;
    let before = stage.places.iter().map(|place| Snapshot::of(&place.sandbox)).collect();
    let id = create(stage, "1.1")?;
    stage.succeed(&format!("belayctl deployment watch {id} --until-wave"))?;
    stage.claim_stations("dpkg's databases say: one device has 1.1, two still have 1.0", vec!["1.1", "1.0", "1.0"])?;
    let shown = stage.ask(&["deployment", "show", &id])?;
    let frozen = shown["deployment"]["frozen_by"].is_string();
    stage.claim("the versions that it resolved are fixed for all others", frozen, shown["deployment"].to_string())?;
    stage.transcript.say("It looks well, so the operator lets it go to all:");
    stage.succeed(&format!("belayctl deployment expand {id}"))?;
    stage.succeed(&format!("belayctl deployment watch {id}"))?;
    stage.claim_stations("dpkg's databases say: all three devices have 1.1", vec!["1.1", "1.1", "1.1"])?;
    Ok(before)
}

fn halt_a_bad_release(stage: &mut FleetStage<'_>) -> Result<(), Broken> {
    stage.transcript.act("A bad release halts itself");
    stage.transcript.say("Version 1.3 installs without a fault, and then its self-test fails. Nobody knows that yet.");
    for place in stage.places {
        device::publish_station(&place.sandbox, "1.3");
    }
    write(&stage.desk.join("bad.list"), "weather-station=1.3\n");
    stage.succeed(&format!("belayctl release publish bad.list {RING} --version 1.3"))?;
    let before: Vec<Snapshot> = stage.places.iter().map(|place| Snapshot::of(&place.sandbox)).collect();
    let id = create(stage, "1.3")?;
    let watched = stage.run(&format!("belayctl deployment watch {id}"));
    stage.claim(
        "the exit code is 4: it stopped itself, a person must look",
        watched.status.code() == Some(4),
        watched.status.to_string(),
    )?;
    let shown = stage.ask(&["deployment", "show", &id])?;
    let deployment = &shown["deployment"];
    stage.claim(
        "it is halted, and says why",
        deployment["status"] == "halted" && deployment["reason"].as_str().is_some_and(|why| why.contains("1 of 1")),
        deployment.to_string(),
    )?;
    let tried = shown["devices"].as_array().into_iter().flatten().filter(|device| device["attempt"] != 0).count();
    stage.claim("one device tried it; the others were never offered it", tried == 1, tried.to_string())?;
    stage.claim_stations("dpkg's databases say: all three devices have 1.1", vec!["1.1", "1.1", "1.1"])?;
    let places = stage.places;
    let differences: Vec<_> =
        places.iter().zip(&before).flat_map(|(place, old)| old.diff(&Snapshot::of(&place.sandbox))).collect();
    stage.claim(
        "every device is exactly as before, the canary as well",
        differences.is_empty(),
        differences.join("; "),
    )?;
    stage.succeed(&format!("belayctl deployment cancel {id}"))?;
    Ok(())
}

fn roll_one_device_back(stage: &mut FleetStage<'_>, first: &[Snapshot]) -> Result<(), Broken> {
    stage.transcript.act("One device goes back");
    stage.transcript.say(
        "The station on the summit misbehaves in the cold since 1.1. The operator takes this one back, from the desk.",
    );
    let summit = NAMES.len() - 1;
    let status = stage.succeed_on(summit, "belay-agent status --json | grep -o '\"device\": *\"[^\"]*\"'")?;
    let id = status.split('"').nth(3).unwrap_or_default().to_owned();
    let made = stage.succeed(&format!("belayctl device rollback {id}"))?;
    let deployment = made.split_whitespace().next().unwrap_or_default().to_owned();
    stage.succeed(&format!("belayctl deployment watch {deployment}"))?;
    stage.claim_stations("dpkg's databases say: one device has 1.0, two have 1.1", vec!["1.0", "1.1", "1.1"])?;
    let differences = first[summit].diff(&Snapshot::of(&stage.places[summit].sandbox));
    stage.claim(
        "the summit is exactly as it was before the release",
        differences.is_empty(),
        differences.join("; "),
    )?;
    let device = stage.ask(&["device", "show", &id])?;
    let measured = device["profile"]["installed"]["release"].is_null();
    stage.claim("and the server shows what was measured there: not 1.1", measured, device["profile"].to_string())?;
    stage.succeed("belayctl fleet")?;
    Ok(())
}

/// Makes a canary of one device and starts it; returns its name.
fn create(stage: &mut FleetStage<'_>, version: &str) -> Result<String, Broken> {
    let made = stage.succeed(&format!(
        "belayctl deployment create {RING} --version {version} \\\n      --strategy canary --percent 34 --start"
    ))?;
    Ok(made.split_whitespace().next().unwrap_or_default().to_owned())
}
