//! `belayctl lan ui` as a technician sees it: real keys, a real terminal, a real agent, the old Flask program.

mod plant;
mod window;

use belay_testkit::ownership::{create_dir, write};
use belay_testkit::{Sandbox, Script, wait_until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use self::plant::Plant;
use self::window::Window;
use crate::support::{Operator, PATIENCE, demo, demo_sandbox};

#[test]
fn a_technician_scans_chooses_a_list_updates_and_takes_back() {
    let (plant, operator) = (Plant::new(), Operator::new());
    let (new, old) = (demo_sandbox(), demo_sandbox());
    let _agent = plant.agent(7, &new).start();
    let Some(_flask) = plant.flask(8, &old) else { return };
    operator.write("broken.list", "demo-app\n--purge\n");
    operator.write("tools.txt", "# what the plant needs\ndemo-app=2.0\n");
    operator.write("image.bin", [0_u8, 1, 2]);
    let Some(window) = Window::open(&operator, &["lan", "ui", "--subnet", &plant.subnet()]) else { return };
    let compare = |name: &str, screen: String| compare(name, &plant.plain(&screen, operator.home()));

    window.shows(&["press s to look for devices on this network"]);
    window.press(&["s"]);
    compare("found", window.shows(&["scan: 2 devices answered", "→ select devices"]));

    window.press(&["a", "u"]);
    compare("broken", window.shows(&["✘ line 2", "✘   2 --purge", "Enter: take"]));
    window.press(&["Enter"]);
    window.shows(&["broken.list is no package list"]);
    window.write("TOOL");
    window.shows(&["find: TOOL", "✔ 1 package"]);
    window.press(&["Enter"]);
    compare("asked", window.shows(&["Install 1 package from tools.txt on 2 devices?", "y: yes"]));
    assert_eq!(new.installed_version("demo-app").as_deref(), Some("1.0"), "nothing is changed before yes");

    window.press(&["y"]);
    compare("summary", window.shows(&["┌ Summary", "2 of 2 done", "Enter or Esc: back"]));
    for sandbox in [&new, &old] {
        assert_eq!(sandbox.installed_version("demo-app").as_deref(), Some("2.0"));
    }
    window.press(&["Enter"]);
    window.shows(&["· 2 of 2 done"]);
    window.press(&["Home", "r"]);
    window.shows(&["Take 1 device back"]);
    window.press(&["y"]);
    window.shows(&["┌ Summary", "1 of 1 done"]);
    assert_eq!(new.installed_version("demo-app").as_deref(), Some("1.0"));
    window.press(&["Enter"]);
    window.shows(&["· 1 of 1 done"]);
    window.press(&["q"]);
    gave_back(&window.closes(), "ended with 0");
}

#[test]
fn leaving_asks_and_the_devices_go_on() {
    let (plant, operator) = (Plant::new(), Operator::new());
    let sandbox = slow_sandbox();
    let _agent = plant.agent(7, &sandbox).start();
    operator.write("tools.txt", "demo-app=2.0\n");
    let site = format!("[[device]]\naddress = \"{}:5000\"\nname = \"press-1\"\nkind = \"agent\"\n", plant.address(7));
    keep(&operator, &site);
    let Some(window) = Window::open(&operator, &["lan", "ui"]) else { return };
    let compare = |name: &str, screen: String| compare(name, &plant.plain(&screen, operator.home()));

    compare("site", window.shows(&["press-1", "not looked for yet", "q quit"]));
    window.press(&["u"]);
    window.shows(&["✔ 1 package"]);
    window.press(&["Enter"]);
    window.shows(&["Install 1 package from tools.txt on 1 device?"]);
    window.press(&["y"]);
    let reached = sandbox.run_dir().join("reached");
    wait_until("the maintainer script", PATIENCE, || reached.exists().then_some(()));
    window.shows(&["applying"]);

    window.resize(60, 20);
    window.shows(&["80 columns and 24 lines; it has 60", "and 20."]);
    window.press(&["u", "y"]);
    window.resize(100, 30);
    window.shows(&["press-1", "applying", "1 device at work"]);
    window.resize(80, 24);

    window.press(&["q"]);
    window.shows(&["1 device is still at work. Leave?"]);
    window.press(&["n"]);
    window.shows(&["1 device at work"]);
    window.press(&["q"]);
    window.shows(&["1 device is still at work. Leave?"]);
    window.press(&["y"]);
    let last = window.closes();
    gave_back(&last, "ended with 0");
    assert!(last.contains("1 device still at work; `belayctl lan scan` shows how they fare"), "{last}");

    write(&sandbox.run_dir().join("go"), "");
    wait_until("the update to end by itself", PATIENCE, || {
        (sandbox.installed_version("demo-app").as_deref() == Some("2.0")).then_some(())
    });
}

#[test]
fn a_failure_is_told_in_full() {
    let (plant, operator) = (Plant::new(), Operator::new());
    let sandbox = demo_sandbox();
    let _agent = plant.agent(7, &sandbox).toml("[policy]\nlockdown = true").start();
    operator.write("tools.txt", "demo-app=2.0\n");
    // Nobody is at the second address.
    let device = |last, kind| format!("[[device]]\naddress = \"{}:5000\"\nkind = \"{kind}\"\n", plant.address(last));
    keep(&operator, &(device(7, "agent") + &device(8, "flask")));
    let Some(window) = Window::open(&operator, &["lan", "ui"]) else { return };
    window.shows(&["2 devices"]);
    window.press(&["a", "u"]);
    window.shows(&["✔ 1 package"]);
    window.press(&["Enter"]);
    window.shows(&["1 of them runs the old Flask program"]);
    window.press(&["y"]);
    let screen = window.shows(&["┌ Summary", "0 of 2 done, 2 failed", "Enter or Esc: back"]);
    compare("failed", &plant.plain(&screen, operator.home()));
    window.press(&["Enter"]);
    window.shows(&["Enter on a device says why"]);
    window.press(&["Home", "Enter"]);
    window.shows(&["reason: lockdown", "What happened"]);
}

#[test]
fn a_signal_gives_the_terminal_back() {
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP] {
        let operator = Operator::new();
        let Some(window) = Window::open(&operator, &["lan", "ui"]) else { return };
        window.shows(&["press s to look for devices"]);
        kill(Pid::from_raw(window.pid()), signal).expect("it runs");
        gave_back(&window.closes(), "ended with 1");
    }
}

#[test]
fn colours_are_left_out_where_they_are_not_wanted() {
    let coloured = |screen: &str| screen.contains("[38;5;") || screen.contains("[36m");
    for (operator, expected) in [(Operator::new(), true), (Operator::new().env("NO_COLOR", "1"), false)] {
        let Some(window) = Window::open(&operator, &["lan", "ui"]) else { return };
        window.shows(&["press s to look for devices"]);
        let screen = window.colours();
        assert_eq!(coloured(&screen), expected, "{screen}");
        window.press(&["q"]);
        window.closes();
    }
}

#[test]
fn without_a_terminal_it_says_what_to_use_instead() {
    let operator = Operator::new();
    operator.run(&["lan", "ui"]).exits(1).complains(&["needs a terminal", "belayctl lan push"]);
    assert_eq!(operator.run(&["lan", "ui", "--json"]).exits(1).json()["error"], "usage");
}

/// The terminal is as it was: what was there before is there again, lines are edited, keys are shown.
#[track_caller]
fn gave_back(screen: &str, code: &str) {
    for part in ["what was there before", code, "echo icanon"] {
        assert!(screen.contains(part), "{part:?} is missing:\n{screen}");
    }
    assert!(!screen.contains('┌'), "the interface is still there:\n{screen}");
}

fn compare(name: &str, screen: &str) {
    let filters = [
        (r"\d\d:\d\d:\d\d", "hh:mm:ss"),
        // What of a time is not covered by a question.
        (r"│ \d\d│", "│ hh│"),
        (r"in \d+ s", "in N s"),
        (r"(127\.0\.0\.7) +\S* +agent \d+\.\d+\.\d+", "$1 NAME agent x.y.z"),
    ];
    insta::with_settings!({prepend_module_to_snapshot => false, omit_expression => true, filters => filters}, {
        insta::assert_snapshot!(name, screen);
    });
}

/// Writes the site file.
fn keep(operator: &Operator, site: &str) {
    create_dir(&operator.home().join("config/belay"));
    write(&operator.home().join("config/belay/site.toml"), site);
}

/// A sandbox whose demo-app 2.0 waits in its maintainer script until it is let go.
fn slow_sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    let wait = "touch \"$DPKG_ROOT/../run/reached\"\nwhile ! test -e \"$DPKG_ROOT/../run/go\"; do sleep 0.02; done\n";
    sandbox.repository().publish(&[demo("1.0"), demo("2.0").script(Script::Postinst, wait)]);
    sandbox.install(&["demo-app=1.0"]);
    sandbox
}
