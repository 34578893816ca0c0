//! What is written wrong is refused with file, line, setting and what to write instead.

use belay_settings::Layer;

use super::super::{Overrides, settle};
use super::{file, settings};

#[track_caller]
fn refused(text: &str, expected: &str) {
    let error = settings(text).expect_err(text).to_string();
    assert!(error.starts_with(expected), "{text}\n{error}");
}

#[test]
fn unknown_settings_and_words_are_named_with_their_line() {
    refused(
        "state_dir = \"/a\"\n\n[contrl]\n",
        "agent.toml:3: unknown setting \"contrl\", expected one of \"state_dir\"",
    );
    refused(
        "[control]\nsocket = \"/a\"\nlisten_on = []\n",
        "agent.toml:3: unknown setting \"listen_on\", expected one",
    );
    refused("[[health.check]]\nname = \"a\"\nport = 1\n", "agent.toml:3: unknown setting \"port\", expected one of");
    refused(
        "[host]\nmode = \"thread\"\n",
        "agent.toml:2: unknown variant \"thread\", expected \"in_process\" or \"socket\"",
    );
    refused("[log]\nlevel = 3\n", "agent.toml:2: ");
    refused("\n[packages]\nlock_timeout_s = \"60\"\n", "agent.toml:3: invalid type: string \"60\", expected f64");
    refused("[[health.check]]\nunit = \"a.service\"\n", "agent.toml:1: missing setting \"name\"");
    refused("state_dir = \n", "agent.toml:1: ");
    refused("[log]\nlevel = \"info\"\n[log]\n", "agent.toml:3: ");
}

#[test]
fn values_that_cannot_be_used_are_named_with_their_line() {
    for (text, expected) in [
        ("state_dir = \"belay\"", "agent.toml:1: state_dir: \"belay\" is no absolute path"),
        (
            "[control]\nlisten = [\"127.0.0.1:70000\"]",
            "agent.toml:2: control.listen: \"127.0.0.1:70000\" is no address with a port from 0 to 65535",
        ),
        ("[control]\nlisten = [\"localhost:5000\"]", "agent.toml:2: control.listen: \"localhost:5000\" is no address"),
        (
            "[control]\nlegacy = [\"192.168.1.7\"]",
            "agent.toml:2: control.legacy: \"192.168.1.7\" is no network; write it with the length of its prefix",
        ),
        ("[control]\nnames = [\"a:80\"]", "agent.toml:2: control.names: \"a:80\" is no host name"),
        ("[control]\n\ngroup = \"\"", "agent.toml:3: control.group: name the group"),
        ("control.token_file = \"token\"", "agent.toml:1: control.token_file: \"token\" is no absolute path"),
        (
            "[policy]\nlockdown = false\nwindows = [\"Mon 25:00\"]",
            "agent.toml:3: policy.windows: \"Mon 25:00\" is no maintenance window",
        ),
        ("[policy]\ntime_zone = \"Mars/Base\"", "agent.toml:2: policy.time_zone: \"Mars/Base\" cannot be used"),
        ("[server]\nurl = \"belay.example\"", "agent.toml:2: server.url: \"belay.example\" is no address of a server"),
        ("[server]\nurl = \"http://belay.example\"", "agent.toml:2: server.url: http://belay.example would send"),
        ("[server]\ntoken_file = \"token\"", "agent.toml:2: server.token_file: \"token\" is no absolute path"),
        ("[server]\nca_file = \"ca.pem\"", "agent.toml:2: server.ca_file: \"ca.pem\" is no absolute path"),
        ("[server]\ndevice_type = \"a/b\"", "agent.toml:2: server.device_type: \"a/b\" is no device type"),
        ("[server]\ndistribution = \"\"", "agent.toml:2: server.distribution: \"\" is no distribution"),
        ("[server]\nproxy = \"https://a\"", "agent.toml:2: server.proxy: it is no proxy"),
        ("[server]\npoll_s = 0.5", "agent.toml:2: server.poll_s: 0.5 s is too short; at least 1 s"),
        (
            "[policy]\nserver_may_approve = [\"window\", \"lockdown\"]",
            "agent.toml:2: policy.server_may_approve: \"lockdown\" cannot be approved; these can: guard_removal, ",
        ),
        ("[policy]\nserver_rollback_days = -1", "agent.toml:2: policy.server_rollback_days: -"),
        ("[packages]\nlock_timeout_s = -1", "agent.toml:2: packages.lock_timeout_s: -1 is no time from 0 s"),
        ("[packages]\napt_timeout_s = 0", "agent.toml:2: packages.apt_timeout_s: 0 s is too short"),
        ("[packages]\nlock_timeout_s = nan", "agent.toml:2: packages.lock_timeout_s: NaN is no time"),
        ("[packages]\nlock_timeout_s = 1e300", "agent.toml:2: packages.lock_timeout_s: 1000"),
        ("[guard]\nreserve_mb = 99999999999999999", "agent.toml:2: guard.reserve_mb: 99999999999999999 MB is more"),
        ("[guard]\nreserve_mb = -1", "agent.toml:2: "),
        ("[guard]\nboot = [\"Linux Image\"]", "agent.toml:2: guard.boot: no package is called \"Linux Image\""),
        ("[guard]\nallowed_origins = [\"\"]", "agent.toml:2: guard.allowed_origins: \"\" is no origin"),
        ("[vault]\nkeep = 0", "agent.toml:2: vault.keep: at least 1 restore point is kept"),
    ] {
        refused(text, expected);
    }
    let long = "/".repeat(108);
    refused(
        &format!("control.socket = \"{long}\""),
        &format!("agent.toml:1: control.socket: \"{long}\" has 108 bytes"),
    );
    settings(&format!("control.socket = \"{}\"", "/".repeat(107))).unwrap();
}

#[test]
fn a_check_that_cannot_be_used_is_named_with_its_line() {
    let ahead = "[[health.check]]\nname = \"first\"\nunit = \"a.service\"\n[[health.check]]\nname = \"web\"\n";
    for (text, expected) in [
        ("", "agent.toml:4: health.check.web: write exactly one of unit, http, tcp and command"),
        ("unit = \"a\"\ntcp = \"b:1\"", "agent.toml:4: health.check.web: write exactly one of"),
        ("unit = \"--help\"", "agent.toml:6: health.check.web.unit: \"--help\" is no unit"),
        ("http = \"https://localhost/\"", "agent.toml:6: health.check.web.http: https:// cannot be checked yet"),
        ("http = \"localhost\"", "agent.toml:6: health.check.web.http: \"localhost\" is no URL of a host"),
        ("http = \"http://a b/\"", "agent.toml:6: health.check.web.http: \"http://a b/\" is no URL"),
        ("http = \"http://a/\"\nstatus = 42", "agent.toml:6: health.check.web.http: 42 is no HTTP status"),
        ("tcp = \"localhost:70000\"", "agent.toml:6: health.check.web.tcp: \"localhost:70000\" is no host with a port"),
        ("tcp = \"localhost\"", "agent.toml:6: health.check.web.tcp: \"localhost\" is no host with a port"),
        ("tcp = \"a:1\"\nstatus = 200", "agent.toml:7: health.check.web.status: only an http check has a status"),
        ("command = []", "agent.toml:6: health.check.web.command: it is empty"),
        ("tcp = \"a:1\"\n\ninterval_s = 0", "agent.toml:8: health.check.web.interval_s: 0 s is too short"),
        (
            "tcp = \"a:1\"\n[[health.check]]\nname = \"web\"\ntcp = \"a:1\"",
            "agent.toml:4: health.check.web: two checks",
        ),
    ] {
        refused(&format!("{ahead}{text}"), expected);
    }
}

#[test]
fn a_token_does_not_cross_the_network_unencrypted_unless_accepted() {
    let beyond = "[control]\ntoken_file = \"/token\"\nlisten = [\"127.0.0.1:5000\", \"0.0.0.0:5000\"]\n";
    refused(
        beyond,
        "agent.toml:3: control.listen: 0.0.0.0:5000 can be reached from other machines, and the token would cross the \
         network for all to read; listen on 127.0.0.1, or accept that by plain_tokens = true",
    );
    refused(&beyond.replace("0.0.0.0", "[::]"), "agent.toml:3: control.listen: [::]:5000 can be reached");
    settings(&format!("{beyond}plain_tokens = true")).unwrap();
    settings(&beyond.replace("0.0.0.0", "127.0.0.2")).unwrap();
    settings(&beyond.replace("token_file = \"/token\"\n", "")).unwrap();
}

#[test]
fn scripts_outside_their_root_are_refused_with_root_rights() {
    let layers = [file("agent.toml", "[root]\npath = \"/sandbox\"\nscripts = \"chrootless\"")];
    settle(&layers, false).unwrap();
    let error = settle(&layers, true).unwrap_err().to_string();
    assert_eq!(
        error,
        "agent.toml:3: root.scripts: with root rights, \"chrootless\" would let maintainer scripts change the \
         machine itself; run the agent as an ordinary user, or set \"chroot\""
    );
}

#[test]
fn the_layer_that_won_is_the_one_that_is_named() {
    let layers = |overrides: Overrides| {
        let first = file("agent.toml", "[control]\nlisten = [\"nonsense\"]\ngroup = \"a\"");
        let second = file("agent.toml.d/10.toml", "# ours\n[control]\nlisten = [\"nowhere\"]");
        [first, second, Layer::Environment(overrides.given()), Layer::CommandLine(Vec::new())]
    };
    let message = |layers: &[Layer]| settle(layers, false).unwrap_err().to_string();
    let of_drop_in = message(&layers(Overrides::default()));
    assert!(of_drop_in.starts_with("agent.toml.d/10.toml:3: control.listen: \"nowhere\""), "{of_drop_in}");

    let state_dir = Overrides { state_dir: Some("relative".to_owned()), ..Overrides::default() };
    let of_environment = message(&layers(state_dir));
    assert!(
        of_environment.starts_with("environment variable BELAY_STATE_DIR: state_dir: \"relative\""),
        "{of_environment}"
    );

    let level = Overrides { log_level: Some("loud".to_owned()), ..Overrides::default() };
    let of_flag = message(&[Layer::CommandLine(level.given())]);
    assert!(of_flag.starts_with("command line: log.level: unknown variant \"loud\", expected one of"), "{of_flag}");
}
