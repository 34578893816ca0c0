use super::*;

#[test]
fn systemctl_is_read_with_options_anywhere() {
    for (line, asked) in [
        ("systemctl", query("list-units", &[], &[])),
        ("systemctl --failed --no-legend", query("list-units", &["--failed", "--no-legend"], &[])),
        ("systemctl is-active --quiet app", query("is-active", &["--quiet"], &["app"])),
        ("systemctl -q is-active -- app", query("is-active", &["--quiet"], &["app"])),
        ("systemctl show app -p MainPID --value", query("show", &["--property=MainPID", "--value"], &["app"])),
        ("systemctl show -PMainPID app", query("show", &["--property=MainPID", "--value"], &["app"])),
        ("systemctl status -ln5 app", query("status", &["--full", "--lines=5"], &["app"])),
        ("systemctl --type timer list-units", query("list-units", &["--type=timer"], &[])),
        ("systemctl restart app --no-block", record("restart", &["app"])),
        ("systemctl --now --job-mode=replace start app b.timer", record("start", &["app", "b.timer"])),
        ("systemctl condrestart app", record("try-restart", &["app"])),
        ("systemctl daemon-reexec", record("daemon-reload", &[])),
        ("systemctl reset-failed", record("reset-failed", &[])),
        ("systemctl cat app", Asked::Cat(words(&["app"]))),
        ("systemctl enable app", offline(&["enable", "--", "app"], None)),
        ("systemctl enable --now -f app", offline(&["--force", "enable", "--", "app"], Some(("start", "app")))),
        (
            "systemctl enable --now /opt/a/x.service",
            offline(&["enable", "--", "/opt/a/x.service"], Some(("start", "x.service"))),
        ),
        ("systemctl --now disable app", offline(&["disable", "--", "app"], Some(("stop", "app")))),
        ("systemctl mask --now app", offline(&["mask", "--", "app"], Some(("stop", "app")))),
        ("systemctl is-enabled --now app", offline(&["is-enabled", "--", "app"], None)),
        ("systemctl reboot -f", Asked::Reboot),
        ("systemctl start reboot.target", Asked::Reboot),
        ("systemctl reboot --when=cancel", Asked::NoReboot),
        ("systemctl reboot --dry-run", Asked::Nothing(0)),
        ("systemctl --version", Asked::Real),
        ("systemctl enable --help", Asked::Real),
        ("systemctl restart", Asked::Wrong(1, "Too few arguments.".to_owned())),
        ("systemctl frobnicate", Asked::Wrong(1, "Unknown command verb frobnicate.".to_owned())),
        ("systemctl start a;b", Asked::Wrong(1, "Invalid unit name \"a;b\".".to_owned())),
        ("systemctl start -- -x", Asked::Wrong(1, "Invalid unit name \"-x\".".to_owned())),
        ("systemctl show -p", Asked::Wrong(1, "systemctl: option '-p' requires an argument".to_owned())),
    ] {
        assert_eq!(of(line), asked, "{line}");
    }
}

#[test]
fn what_ends_the_device_or_leaves_it_is_refused() {
    for (line, code, what) in [
        ("systemctl poweroff", 1, "systemctl poweroff"),
        ("systemctl isolate rescue.target", 1, "systemctl isolate"),
        ("systemctl start poweroff.target", 1, "systemctl start poweroff.target"),
        ("systemctl enable --now emergency.target", 1, "systemctl start emergency.target"),
        ("systemctl --user restart app", 1, "systemctl --user"),
        ("systemctl --root /mnt enable app", 1, "systemctl --root"),
        ("systemctl -M box start app", 1, "systemctl --machine"),
        ("systemctl mask --runtime app", 1, "systemctl mask --runtime"),
        ("systemctl kill -s HUP app", 1, "systemctl kill app"),
        ("systemctl start --job-mode=flush app", 1, "systemctl start --job-mode=flush"),
        ("systemctl stop belay-host.service", 1, "systemctl stop belay-host.service"),
        ("systemctl restart be*", 1, "systemctl restart be*"),
        ("systemctl disable --now belay-agent", 1, "systemctl stop belay-agent"),
        ("poweroff", 1, "poweroff"),
        ("halt", 1, "halt"),
        ("reboot -p", 1, "poweroff"),
        ("shutdown now", 1, "shutdown"),
        ("shutdown -h +1", 1, "shutdown"),
        ("shutdown -rP now", 1, "shutdown"),
        ("init 0", 1, "init 0"),
        ("telinit 1", 1, "telinit 1"),
        ("mount -o remount,rw /", 1, "mount"),
        ("mount -a", 1, "mount"),
        ("umount /mnt", 1, "umount"),
        ("modprobe i2c-dev", 1, "modprobe"),
        ("rmmod snd", 1, "rmmod"),
        ("snap install core", 1, "snap"),
        ("apt-get -y -o Dpkg::Use-Pty=0 install curl", 100, "apt-get install"),
        ("apt -t list install curl", 100, "apt install"),
        ("aptitude -v install curl", 100, "aptitude install"),
        ("apt-get list", 100, "apt-get list"),
        ("dpkg -i x.deb", 2, "dpkg -i"),
        ("dpkg --no-pager --purge x", 2, "dpkg --purge"),
        ("dpkg --configure -a", 2, "dpkg --configure"),
        ("service app upgrade", 3, "service app upgrade"),
    ] {
        let Asked::Refused { code: given, what: named, .. } = of(line) else { panic!("{line}: {:?}", of(line)) };
        assert_eq!((given, named.as_str()), (code, what), "{line}");
    }
}

#[test]
fn the_older_programs_mean_what_systemctl_means() {
    for (line, asked) in [
        ("service app restart", record("restart", &["app.service"])),
        ("service app.sh force-reload", record("reload-or-restart", &["app.service"])),
        ("service app --full-restart", record("restart", &["app.service"])),
        ("service app status", query("status", &[], &["app.service"])),
        ("service --status-all", query("list-units", &["--type=service", "--all", "--plain", "--no-legend"], &[])),
        ("invoke-rc.d --quiet app start", record("start", &["app.service"])),
        ("invoke-rc.d --skip-systemd-native app start", Asked::Nothing(0)),
        ("invoke-rc.d --query app start", Asked::Nothing(104)),
        ("invoke-rc.d app", Asked::Wrong(103, "invoke-rc.d: syntax error: missing required parameter".to_owned())),
        ("reboot", Asked::Reboot),
        ("reboot --force --force", Asked::Reboot),
        ("reboot -w", Asked::Nothing(0)),
        ("halt --reboot", Asked::Reboot),
        ("shutdown -r +1 going down", Asked::Reboot),
        ("shutdown -fr now", Asked::Reboot),
        ("shutdown -c", Asked::NoReboot),
        ("shutdown -k now", Asked::Nothing(0)),
        ("init 6", Asked::Reboot),
        ("telinit q", record("daemon-reload", &[])),
    ] {
        assert_eq!(of(line), asked, "{line}");
    }
}

#[test]
fn what_only_looks_is_let_through() {
    for line in [
        "dpkg -l curl",
        "dpkg -s curl",
        "dpkg -L curl",
        "dpkg -S /bin/sh",
        "dpkg --print-architecture",
        "dpkg --compare-versions 1 lt 2",
        "dpkg --no-pager --list",
        "dpkg -x some.deb /opt/some",
        "dpkg --version",
        "apt list --installed",
        "apt-get --version",
        "apt-get -v",
        "apt -o a=b policy curl",
        "modprobe -n i2c-dev",
        "mount --version",
    ] {
        assert_eq!(of(line), Asked::Real, "{line}");
    }
    for line in ["mount", "mount -l", "mount -t ext4", "mount --types=ext4 -l"] {
        assert_eq!(of(line), Asked::Mounts, "{line}");
    }
}

#[test]
fn a_question_is_read_again_as_the_same_question() {
    for line in
        ["systemctl show a --value -pId", "systemctl is-active -q a b", "systemctl --failed", "systemctl status -- -x"]
    {
        let Asked::Query(query) = of(line) else { panic!("{line}") };
        assert_eq!(read("systemctl", &query.args()), Asked::Query(query), "{line}");
    }
}

#[test]
fn every_program_is_read() {
    for name in crate::host::bundle::shims::NAMES {
        assert_ne!(read(name, &[]), Asked::Wrong(127, format!("{name}: not known here")), "{name}");
    }
}

proptest::proptest! {
    #[test]
    fn no_command_line_is_too_odd(program in 0..crate::host::bundle::shims::NAMES.len(), args: Vec<String>, dashed: Vec<String>) {
        let args: Vec<String> = args.into_iter().chain(dashed.into_iter().map(|word| format!("-{word}"))).collect();
        let _ = read(crate::host::bundle::shims::NAMES[program], &args);
    }
}

fn of(line: &str) -> Asked {
    let mut words = line.split(' ').map(str::to_owned);
    let program = words.next().unwrap();
    read(&program, &words.collect::<Vec<_>>())
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn query(verb: &'static str, options: &[&str], names: &[&str]) -> Asked {
    Asked::Query(Query { verb, options: words(options), names: words(names) })
}

fn record(verb: &'static str, units: &[&str]) -> Asked {
    Asked::Record(verb, words(units))
}

fn offline(args: &[&str], then: Option<(&'static str, &str)>) -> Asked {
    let args = words(&[&["--no-pager"], args].concat());
    Asked::Offline { args, then: then.map(|(verb, unit)| (verb, words(&[unit]))) }
}
