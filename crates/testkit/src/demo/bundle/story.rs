//! The acts of the bundle.

use super::recorder;
use crate::agent::Agent;
use crate::caretaker::Caretaker;
use crate::demo::fleet::{FleetStage, Place, Programs};
use crate::demo::transcript::{Broken, Transcript};
use crate::server::{Server, ServerLaunch};
use crate::snapshot::Snapshot;
use crate::tools::reachable_copy;

/// Where the two recorders hang.
const NAMES: [&str; 2] = ["gate", "yard"];

/// What the releases belong to, as it stands on the command line.
const RING: &str = "--device-type RTSP-Recorder --distribution 232";

/// Tells of two recorders, a publisher and a bundle, and checks every claim.
///
/// # Errors
/// A claim was false, or a step could not be taken: one sentence.
///
/// # Panics
/// When a program does not start, or this machine has no userland to lend.
pub fn tell_of_a_bundle(transcript: &mut Transcript, programs: Programs<'_>) -> Result<(), Broken> {
    let caretaker = Caretaker::new("belay-demo-");
    let places = NAMES.map(|name| Place::recorder(name, caretaker.folder()));
    let folder = caretaker.folder().join("server");
    std::fs::create_dir(&folder).map_err(|error| Broken(format!("cannot make {}: {error}", folder.display())))?;
    let launch = ServerLaunch::new(&folder, programs.server).toml("[devices]\npoll_s = 1");
    let config = launch.write_config();
    let server = launch.start();
    let folders = [programs.agent, programs.server, programs.ctl]
        .map(|program| reachable_copy(program).parent().map(|folder| folder.display().to_string()).unwrap_or_default());
    let mut stage = FleetStage {
        transcript,
        places: &places,
        desk: places[0].sandbox.dir().to_owned(),
        programs: folders.join(":"),
        environment: vec![("BELAY_SERVER", server.url()), ("CONFIG", config.display().to_string())],
    };
    let agents: Vec<Agent<'_>> = places.iter().map(|place| place.start_recorder(programs.agent)).collect();
    let played = play(&mut stage, server);
    played.map_err(|broken| {
        let agents: Vec<_> = agents.iter().map(|agent| agent.log_tail()).collect();
        Broken(format!("{}\nThe agents' last words:\n{}", broken.0, agents.join("\n")))
    })
}

fn play(stage: &mut FleetStage<'_>, server: Server) -> Result<(), Broken> {
    sign_and_publish(stage)?;
    let first = stage.places.iter().map(|place| Snapshot::of(&place.sandbox)).collect::<Vec<_>>();
    publish(stage, "2.33.07")?;
    publish(stage, "2.33.08")?;
    claim_versions(stage, "2.33.08")?;
    fail_without_a_network(stage, server)?;
    go_back_two(stage, &first[0])
}

fn sign_and_publish(stage: &mut FleetStage<'_>) -> Result<(), Broken> {
    stage.transcript.act("A bundle is signed, and two recorders install it");
    stage.transcript.say(
        "Not everything is a package. Two recorders get their program as an archive with an install.sh, from a publisher \
         who signs. His public key lies on the devices, so they install nothing else.",
    );
    let made = stage.succeed("belay-server --config $CONFIG token create --name operator --permission admin:full")?;
    let token = made.split_whitespace().find(|word| word.starts_with("belay_op_")).unwrap_or_default().to_owned();
    stage.environment.push(("BELAY_TOKEN", token));
    let made = stage.succeed("belay-server --config $CONFIG enrolment-token create --name installers --uses 2")?;
    let token = made.split_whitespace().find(|word| word.starts_with("belay_enrol_")).unwrap_or_default().to_owned();
    let server = stage.environment[0].1.clone();
    stage.succeed("belayctl key generate publisher --no-password")?;
    let key = std::fs::read(stage.desk.join("publisher.pub")).map_err(|error| Broken(error.to_string()))?;
    for place in 0..NAMES.len() {
        stage.succeed_on(place, &format!("belay-agent enrol --server {server} {RING} \\\n      --token {token}"))?;
        stage.places[place].pin(&key);
    }
    recorder::write_folder(&stage.desk.join("recorder-2.33.06"), "2.33.06");
    stage.succeed("cat recorder-2.33.06/install.sh recorder-2.33.06/belay.toml")?;
    publish(stage, "2.33.06")?;
    claim_versions(stage, "2.33.06")
}

/// Packs, signs, publishes and deploys a version.
fn publish(stage: &mut FleetStage<'_>, version: &str) -> Result<(), Broken> {
    recorder::write_folder(&stage.desk.join(format!("recorder-{version}")), version);
    stage.succeed(&format!("tar -czf recorder-{version}.tar.gz -C recorder-{version} ."))?;
    stage.succeed(&format!(
        "belayctl release publish --bundle recorder-{version}.tar.gz --sign publisher.key \\\n      {RING} --version {version}"
    ))?;
    let made = stage.succeed(&format!("belayctl deployment create {RING} --version {version} --strategy immediate"))?;
    let id = made.split_whitespace().next().unwrap_or_default().to_owned();
    stage.succeed(&format!("belayctl deployment watch {id}"))?;
    Ok(())
}

/// Claims what the program and its configuration say on both devices.
fn claim_versions(stage: &mut FleetStage<'_>, version: &str) -> Result<(), Broken> {
    for (place, name) in NAMES.iter().enumerate() {
        let said = stage.succeed_on(place, "sh root/usr/local/bin/recorder; cat root/etc/recorder/recorder.conf")?;
        let holds = said.contains(&format!("recorder {version}")) && said.contains(&format!("version = {version}"));
        stage.claim(&format!("the {name} runs {version}, with its configuration"), holds, said)?;
    }
    Ok(())
}

fn fail_without_a_network(stage: &mut FleetStage<'_>, server: Server) -> Result<(), Broken> {
    stage.transcript.act("A version that does not answer, and no network");
    stage.transcript.say("The server is switched off. Somebody brings version 2.33.09 to the gate on a stick.");
    drop(server);
    recorder::write_folder(&stage.desk.join("recorder-2.33.09"), "2.33.09");
    stage.succeed("mkdir stick; tar -czf stick/recorder-2.33.09.tar.gz -C recorder-2.33.09 .")?;
    let before = Snapshot::of(&stage.places[0].sandbox);
    let refused = stage.run_on(0, "belay-agent update --bundle stick/recorder-2.33.09.tar.gz");
    let said = String::from_utf8_lossy(&refused.stdout).into_owned();
    stage.claim("nobody signed it, so it is refused", !refused.status.success() && said.contains("unsigned"), said)?;
    stage.succeed(&format!(
        "belayctl release publish --bundle stick/recorder-2.33.09.tar.gz --sign publisher.key \\\n      {RING} --version \
         2.33.09 --out stick"
    ))?;
    let failed = stage.run_on(0, "belay-agent update --bundle stick/recorder-2.33.09.tar.gz");
    let said = String::from_utf8_lossy(&failed.stdout).into_owned();
    stage.claim("the exit code is 3: failed and undone", failed.status.code() == Some(3), failed.status.to_string())?;
    stage.claim("and why: no camera answers", said.contains("no camera answers"), said)?;
    let differences = before.diff(&Snapshot::of(&stage.places[0].sandbox));
    stage.claim("the gate is exactly as before, byte for byte", differences.is_empty(), differences.join("; "))
}

fn go_back_two(stage: &mut FleetStage<'_>, first: &Snapshot) -> Result<(), Broken> {
    stage.transcript.act("Two versions back, as it was always called");
    stage.succeed_on(0, "belay-agent history")?;
    stage.succeed_on(0, "sh root/opt/updates/rollback.sh 2.33.06")?;
    let said = stage.succeed_on(0, "sh root/usr/local/bin/recorder")?;
    stage.claim("the gate runs 2.33.06", said.contains("recorder 2.33.06"), said)?;
    let differences = first.diff(&Snapshot::of(&stage.places[0].sandbox));
    stage.claim("and is exactly as it was when 2.33.06 had come", differences.is_empty(), differences.join("; "))
}
