use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::host::bundle::shims::{Broker, Recorded};

#[test]
fn calls_of_a_script_come_back_in_order() {
    let place = Place::new();
    for line in [
        "systemctl daemon-reload",
        "systemctl restart app",
        "service app restart",
        "systemctl restart app",
        "reboot -f",
    ] {
        assert_eq!(place.run(line), Ended::Answered(Answer::default()), "{line}");
    }
    let recorded = place.finish();
    let calls: Vec<_> = recorded.calls.iter().map(|call| (call.verb.as_str(), call.units.join(" "))).collect();
    let app = |unit: &str| ("restart", unit.to_owned());
    assert_eq!(calls, [("daemon-reload", String::new()), app("app"), app("app.service"), app("app")]);
    assert_eq!(recorded.reboot.as_deref(), Some("reboot -f"));
}

#[test]
fn where_no_systemd_runs_no_unit_does() {
    let place = Place::new();
    for (line, code, text) in [
        ("systemctl is-active a b", 3, "inactive\ninactive\n"),
        ("systemctl is-active -q a", 3, ""),
        ("systemctl is-failed a", 1, "inactive\n"),
        ("systemctl is-system-running", 1, "offline\n"),
        ("systemctl show a", 0, ""),
        ("systemctl list-timers", 0, ""),
    ] {
        assert_eq!(place.run(line), Ended::Answered(Answer::says(code, text)), "{line}");
    }
    let Ended::Answered(answer) = place.run("systemctl status a") else { panic!() };
    assert_eq!((answer.code, answer.stderr.as_str()), (3, "systemd does not run this root: a cannot be running\n"));
    assert_eq!(place.finish(), Recorded::default());
}

#[test]
fn a_refusal_is_told_to_the_script_and_to_the_host() {
    let place = Place::new();
    let Ended::Answered(answer) = place.run("apt-get install curl") else { panic!() };
    assert_eq!(answer.code, 100);
    assert_eq!(
        answer.stderr,
        "apt-get: `apt-get install` is refused while an update is captured: packages are installed by the bundle's \
         belay.toml: packages = [\"...\"]\n"
    );
    assert_eq!(place.finish().notes, ["the script called `apt-get install`, which was refused"]);
}

#[test]
fn unit_files_are_changed_in_the_root_and_what_follows_is_recorded() {
    let place = Place::new();
    place.program("systemctl", "echo \"$@\"");
    let root = place.inside.root.display();
    let Ended::Answered(answer) = place.run("systemctl enable --now app") else { panic!() };
    assert_eq!(answer, Answer::says(0, format!("--root={root} --no-pager enable -- app\n")));
    assert_eq!(place.run("systemctl mask app"), place.becomes("systemctl", &["--no-pager", "mask", "--", "app"]));
    let recorded = place.finish();
    assert_eq!(recorded.calls.len(), 1);
    assert_eq!((recorded.calls[0].verb.as_str(), recorded.calls[0].units.join(" ")), ("start", "app".to_owned()));
}

#[test]
fn nothing_is_started_where_enabling_failed() {
    let place = Place::new();
    place.program("systemctl", "echo no such unit >&2; exit 4");
    let Ended::Answered(answer) = place.run("systemctl enable --now app") else { panic!() };
    assert_eq!(answer, Answer::complains(4, "no such unit"));
    assert_eq!(place.finish(), Recorded::default());
}

#[test]
fn the_real_systemctl_enables_a_unit_in_another_root() {
    if !Path::new("/usr/bin/systemctl").exists() {
        eprintln!("skipped: needs systemctl");
        return;
    }
    let place = Place::new();
    fs::create_dir_all(&place.inside.real).unwrap();
    std::os::unix::fs::symlink("/usr/bin/systemctl", place.inside.real.join("systemctl")).unwrap();
    place.unit("app.service", "[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\n");
    let Ended::Answered(answer) = place.run("systemctl enable --now app.service") else { panic!() };
    assert_eq!(answer.code, 0, "{answer:?}");
    let link = place.inside.root.join("etc/systemd/system/multi-user.target.wants/app.service");
    assert_eq!(fs::read_link(link).unwrap(), Path::new("/etc/systemd/system/app.service"));
    assert_eq!(place.finish().calls.len(), 1);
}

#[test]
fn the_real_program_is_run_where_it_only_looks() {
    let place = Place::new();
    let missing = Answer::complains(127, "dpkg: it is not installed on this device");
    assert_eq!(place.run("dpkg -l curl"), Ended::Answered(missing));
    place.program("dpkg", "true");
    let program = place.inside.real.join("dpkg");
    assert_eq!(place.run("dpkg -l curl"), Ended::Becomes { program, args: vec!["-l".into(), "curl".into()] });
}

#[test]
fn unit_files_and_mounts_are_shown_as_the_script_sees_them() {
    let place = Place::new();
    place.unit("app.service", "[Service]\n");
    place.unit("app.service.d/10.conf", "[Unit]\n");
    let text = "# /etc/systemd/system/app.service\n[Service]\n\n# /etc/systemd/system/app.service.d/10.conf\n[Unit]\n";
    assert_eq!(place.run("systemctl cat app"), Ended::Answered(Answer::says(0, text)));
    let missing = Answer::complains(1, "No files found for other.service.");
    assert_eq!(place.run("systemctl cat other"), Ended::Answered(missing));
    let mounts = Answer::says(0, "overlay on / type overlay (rw,relatime)\n");
    assert_eq!(place.run("mount"), Ended::Answered(mounts));
}

#[test]
fn a_shim_without_a_broker_says_so() {
    let place = Place::new();
    fs::remove_file(&place.inside.socket).unwrap();
    let Ended::Answered(answer) = place.run("systemctl restart app") else { panic!() };
    assert_eq!(answer.code, 1);
    assert!(answer.stderr.starts_with("Belay, which captures this script, does not answer: "), "{}", answer.stderr);
    let Ended::Answered(answer) = place.run("poweroff") else { panic!() };
    assert_eq!(answer.code, 1);
}

/// A root without a systemd, and a broker for it.
struct Place {
    folder: tempfile::TempDir,
    inside: Inside,
    broker: Broker,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let inside = Inside { socket: at("socket"), real: at("real"), root: at("root"), mounts: at("mounts") };
        fs::create_dir(&inside.root).unwrap();
        #[expect(clippy::disallowed_methods, reason = "a test's file")]
        fs::write(&inside.mounts, "overlay / overlay rw,relatime 0 0\n").unwrap();
        let broker = Broker::start(&inside.socket, &inside.root, false).unwrap();
        Self { folder, inside, broker }
    }

    fn run(&self, line: &str) -> Ended {
        let mut words = line.split(' ');
        let program = words.next().unwrap();
        self.inside.run(program, &words.map(OsString::from).collect::<Vec<_>>())
    }

    fn becomes(&self, program: &str, args: &[&str]) -> Ended {
        let mut root = OsString::from("--root=");
        root.push(&self.inside.root);
        let args = [root].into_iter().chain(args.iter().map(OsString::from)).collect();
        Ended::Becomes { program: self.inside.real.join(program), args }
    }

    #[expect(clippy::disallowed_methods, reason = "a test's file")]
    fn program(&self, name: &str, script: &str) {
        fs::create_dir_all(&self.inside.real).unwrap();
        let path = self.inside.real.join(name);
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    #[expect(clippy::disallowed_methods, reason = "a test's file")]
    fn unit(&self, name: &str, content: &str) {
        let path = self.inside.root.join("etc/systemd/system").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    fn finish(self) -> Recorded {
        let recorded = self.broker.finish();
        drop(self.folder);
        recorded
    }
}
