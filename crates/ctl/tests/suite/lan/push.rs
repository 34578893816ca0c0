//! `belayctl lan push` and `rollback`: many devices at once, whatever each of them does.

use belay_testkit::{Deb, Sandbox, Script, wait_until};
use serde_json::Value;

use super::unreachable::ended;
use super::world::*;
use crate::support::{PATIENCE, demo, demo_sandbox};

fn outcome<'a>(answer: &'a Value, address: &str) -> &'a str {
    ended(answer, address)["outcome"].as_str().unwrap()
}

/// A sandbox whose demo-app 2.0 waits in its maintainer script until it is let go.
fn slow_sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    let wait = "touch \"$DPKG_ROOT/../run/reached\"\nwhile ! test -e \"$DPKG_ROOT/../run/go\"; do sleep 0.02; done\n";
    sandbox.repository().publish(&[demo("1.0"), demo("2.0").script(Script::Postinst, wait)]);
    sandbox.install(&["demo-app=1.0"]);
    sandbox
}

#[test]
fn ten_devices_at_once_each_get_their_own_end() {
    let Some(lan) = Lan::new() else { return };
    let sandboxes: Vec<Sandbox> = (0..7).map(|_| demo_sandbox()).collect();
    let stations: Vec<_> = (11..18).map(|number| lan.network.station(number)).collect();
    let launches = stations.iter().zip(&sandboxes).map(|(station, sandbox)| open_agent(station, sandbox));
    let refusing = open_agent(&stations[6], &sandboxes[6]).toml("[policy]\nlockdown = true");
    let agents = start_all(launches.take(6).chain([refusing]));
    let old = demo_sandbox();
    let Some(_flask) = lan.flask(9, &old) else { return };
    let _stuck = lan.stranger(50, "stuck");

    let list = lan.operator.write("tools.txt", "# what the plant needs\ndemo-app=2.0\n");
    let hosts: Vec<String> = [9, 11, 12, 13, 14, 15, 16, 17, 50, 250].map(|number| format!("10.77.0.{number}")).into();
    let words = ["lan", "push", list.to_str().unwrap(), "--timeout", "60", "--yes", "--to"];
    let words: Vec<&str> = words.into_iter().chain(hosts.iter().map(String::as_str)).collect();
    let push = lan.run(&[&words[..], &["--json"]].concat());
    let answer = push.exits(4).json();

    assert_eq!(answer["done"], 7, "{answer:#}");
    for (sandbox, number) in sandboxes.iter().zip(11..17) {
        let ended = ended(&answer, &format!("10.77.0.{number}:5000"));
        assert_eq!(ended["outcome"], "done", "{ended:#}");
        assert_eq!(ended["message"], "updated; generation 1 is in force");
        assert_eq!(sandbox.installed_version("demo-app").as_deref(), Some("2.0"));
    }
    assert_eq!(old.installed_version("demo-app").as_deref(), Some("2.0"));
    assert_eq!(outcome(&answer, "10.77.0.9:5000"), "done");
    let locked = ended(&answer, "10.77.0.17:5000");
    assert_eq!((&locked["outcome"], &locked["reason"]), (&"refused".into(), &"lockdown".into()), "{locked:#}");
    assert_eq!(outcome(&answer, "10.77.0.50:5000"), "silent");
    assert_eq!(outcome(&answer, "10.77.0.250:5000"), "unreachable");

    // Back again, as people see it: a line per change, a table, a sum. A step may be over between two looks. The old
    // program's list has `name=version=version` now, which it cannot read.
    let back = lan.run(&["lan", "rollback", "--yes", "--to", "10.77.0.11", "10.77.0.12", "10.77.0.9"]);
    back.exits(4)
        .says(&["2 of 3 done", "the old program answered 500"])
        .complains(&["10.77.0.11: telling", "10.77.0.11: done: went back"]);
    for sandbox in &sandboxes[..2] {
        assert_eq!(sandbox.installed_version("demo-app").as_deref(), Some("1.0"));
    }
    drop(agents);
}

#[test]
fn with_a_token_a_plan_is_shown_first_and_a_failure_is_undone() {
    let Some(lan) = Lan::new() else { return };
    let sandbox = Sandbox::new();
    let broken = Deb::new("broken", "1.0").script(Script::Postinst, "exit 1\n");
    sandbox.repository().publish(&[demo("1.0"), demo("2.0"), broken]);
    sandbox.install(&["demo-app=1.0"]);
    let station = lan.network.station(20);
    let _agents = start_all([locked_agent(&station, &sandbox)]);

    let without = lan.run(&["lan", "push", "demo-app", "--to", "10.77.0.20"]);
    without.exits(2).says(&["it wants a token: give --token-file FILE", "(token_missing)", "0 of 1 done"]);

    let token = lan.operator.write_secret("token", &format!("{TOKEN}\n"));
    let token = ["--token-file", token.to_str().unwrap(), "--plain-http"];
    let clear = lan.run(&[&["lan", "push", "demo-app", "--to", "10.77.0.20"], &token[..2]].concat());
    clear.exits(1).complains(&["what is said to 10.77.0.20 is not encrypted", "--plain-http if you mean it"]);
    let push = |words: &[&str]| lan.run(&[&["lan", "push"], words, &["--to", "10.77.0.20"], &token[..]].concat());
    let dry = push(&["demo-app", "--dry-run"]);
    insta::assert_snapshot!(dry.exits(0).stdout, @r"
    10.77.0.20: 1 change
      demo-app 1.0 → 2.0
    nothing was changed
    ");
    assert_eq!(sandbox.installed_version("demo-app").as_deref(), Some("1.0"));

    let json = push(&["demo-app", "--json"]).exits(0).json();
    assert_eq!(json["devices"][0]["message"], "updated; generation 1 is in force", "{json:#}");
    let failed = push(&["broken", "--json"]).exits(3).json();
    let failed = &failed["devices"][0];
    assert_eq!((&failed["outcome"], &failed["reason"]), (&"undone".into(), &"apply_failed".into()), "{failed:#}");
    assert_eq!(sandbox.installed_version("broken"), None);

    // The token can also stand in the site file, under a name.
    let kept = lan.run(&["lan", "scan", "--save"]);
    let file = lan.operator.home().join("config/belay/site.toml");
    let text = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{error}: {kept}"));
    let named = format!("kind = \"locked\"\nname = \"kitchen\"\ntoken_file = {:?}", token[1]);
    belay_testkit::ownership::write(&file, text.replace("kind = \"locked\"", &named));
    let clear = lan.run(&["lan", "rollback", "--to", "kitchen"]);
    clear.exits(1).complains(&["its token could be read on the way"]);
    let back = lan.run(&["lan", "rollback", "--to", "kitchen", "--plain-http"]);
    back.exits(0).says(&["10.77.0.20", "kitchen", "went back", "1 of 1 done"]);
    assert_eq!(sandbox.installed_version("demo-app").as_deref(), Some("1.0"));
    let nothing = lan.run(&["lan", "rollback", "--to", "all", "--plain-http"]);
    nothing.exits(2).says(&["(nothing_to_undo)"]);
}

#[test]
fn an_agent_that_dies_in_the_middle_is_followed_to_its_end() {
    let Some(lan) = Lan::new() else { return };
    let (open, locked) = (slow_sandbox(), slow_sandbox());
    let (at_open, at_locked) = (lan.network.station(21), lan.network.station(22));
    let agents = start_all([open_agent(&at_open, &open), locked_agent(&at_locked, &locked)]);
    let token = lan.operator.write_secret("token", TOKEN);
    let words = ["lan", "push", "demo-app=2.0", "--json", "--to", "10.77.0.21", "10.77.0.22", "--plain-http"];
    // Without a token for the open one: that goes the old controller's way.
    let site = format!("[[device]]\naddress = \"10.77.0.22:5000\"\nkind = \"locked\"\ntoken_file = {token:?}\n");
    let site = lan.operator.write("site.toml", site);
    let mut command = lan.command(&[&words[..], &["--site", site.to_str().unwrap()]].concat());
    let child = command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap();
    for sandbox in [&open, &locked] {
        let reached = sandbox.run_dir().join("reached");
        wait_until("the maintainer script", PATIENCE, || reached.exists().then_some(()));
    }
    let launches: Vec<_> = agents
        .into_iter()
        .map(|mut agent| {
            agent.kill_tree();
            agent.into_launch()
        })
        .collect();
    for sandbox in [&open, &locked] {
        belay_testkit::ownership::write(&sandbox.run_dir().join("go"), "");
    }
    let _agents = start_all(launches);
    let ran = crate::support::Ran::of(&words, child.wait_with_output().unwrap());
    let answer = ran.exits(3).json();
    for (address, sandbox) in [("10.77.0.21:5000", &open), ("10.77.0.22:5000", &locked)] {
        let ended = ended(&answer, address);
        assert_eq!((&ended["outcome"], &ended["reason"]), (&"undone".into(), &"interrupted".into()), "{ended:#}");
        assert_eq!(sandbox.installed_version("demo-app").as_deref(), Some("1.0"), "{address}");
    }
}

#[test]
fn at_a_terminal_it_is_asked_before_a_device_that_cannot_undo_is_touched() {
    let Some(lan) = Lan::new() else { return };
    let (old, new) = (demo_sandbox(), demo_sandbox());
    let station = lan.network.station(31);
    let _agents = start_all([open_agent(&station, &new)]);
    let Some(flask) = lan.flask(9, &old) else { return };
    let words = ["lan", "push", "demo-app=2.0", "--to", "10.77.0.9", "10.77.0.31"];

    let no = lan.run_on_a_terminal(&words, "n\n");
    no.exits(2).says(&[
        "1 of 2 devices cannot undo, for the old Flask program runs there: 10.77.0.9",
        "demo-app=2.0: an old device can install a version that is named, but its rollback fails on that line",
        "Go on? [y/N]",
        "nothing was sent",
    ]);
    assert!(!flask.said().contains("POST"), "{}", flask.said());
    assert_eq!(new.installed_version("demo-app").as_deref(), Some("1.0"));

    // Where nobody can be asked, it must be said beforehand.
    for words in [&words[..], &["lan", "rollback", "--json", "--to", "10.77.0.9"]] {
        let nobody = lan.run(words);
        assert!(format!("{nobody}").contains("nobody can be asked here"), "{nobody}");
        nobody.exits(1);
    }
    assert!(!flask.said().contains("POST") && !flask.said().contains("/rollback"), "{}", flask.said());

    let yes = lan.run_on_a_terminal(&words, "y\n");
    yes.exits(0).says(&["10.77.0.31 [", "] 100 % done: updated", "2 of 2 done"]);
    for sandbox in [&old, &new] {
        assert_eq!(sandbox.installed_version("demo-app").as_deref(), Some("2.0"));
    }
    // Agents can undo: nothing is asked for them alone.
    let back = lan.run_on_a_terminal(&["lan", "rollback", "--to", "10.77.0.31"], "");
    back.exits(0).says(&["1 of 1 done"]);
}

#[test]
fn who_is_ended_in_the_middle_says_what_is_known_of_each_device() {
    let Some(lan) = Lan::new() else { return };
    let (slow, waiting) = (slow_sandbox(), demo_sandbox());
    let (at_slow, at_waiting) = (lan.network.station(21), lan.network.station(22));
    let _agents = start_all([open_agent(&at_slow, &slow), open_agent(&at_waiting, &waiting)]);
    let words = ["lan", "push", "demo-app=2.0", "--json", "--parallel", "1", "--to", "10.77.0.21", "10.77.0.22"];
    let child =
        lan.command(&words).stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap();
    let reached = slow.run_dir().join("reached");
    wait_until("the maintainer script", PATIENCE, || reached.exists().then_some(()));
    belay_testkit::command::succeed(belay_testkit::command::command("kill").args(["-INT", &child.id().to_string()]));
    let ran = crate::support::Ran::of(&words, child.wait_with_output().unwrap());
    let answer = ran.exits(4).json();
    assert_eq!(outcome(&answer, "10.77.0.21:5000"), "silent", "{answer:#}");
    let untold = ended(&answer, "10.77.0.22:5000");
    assert_eq!((&untold["outcome"], &untold["reason"]), (&"refused".into(), &"ended".into()), "{untold:#}");
    // Whoever was told goes on without us.
    belay_testkit::ownership::write(&slow.run_dir().join("go"), "");
    wait_until("the update", PATIENCE, || (slow.installed_version("demo-app")? == "2.0").then_some(()));
    assert_eq!(waiting.installed_version("demo-app").as_deref(), Some("1.0"));
}
