mod shipped;
mod wrong;

use std::path::Path;

use super::settings::HostSettings;
use super::*;
use crate::machine::rules::Probe;

/// Reads settings from the text of one file.
pub(super) fn settings(text: &str) -> Result<Settings, ConfigError> {
    settle(&[file("agent.toml", text)], false)
}

fn file(path: &str, text: &str) -> Layer {
    Layer::File { path: path.into(), text: text.to_owned() }
}

fn names(settings: &Settings) -> Vec<&str> {
    settings.health.checks.iter().map(|check| check.name.as_str()).collect()
}

#[test]
fn an_empty_file_gives_the_defaults() {
    assert_eq!(settings("").unwrap(), Settings::default());
}

#[test]
fn the_command_line_wins_over_the_environment_and_that_over_files() {
    let given = |text: &str| Overrides { socket: Some(text.to_owned()), ..Overrides::default() }.given();
    let mut layers = vec![
        file("agent.toml", "[control]\nsocket = \"/a.sock\"\ngroup = \"a\""),
        Layer::Environment(given("/b.sock")),
        Layer::CommandLine(given("/c.sock")),
    ];
    for socket in ["/c.sock", "/b.sock", "/a.sock"] {
        let merged = settle(&layers, false).unwrap().control;
        assert_eq!((merged.socket.as_path(), merged.group.as_str()), (Path::new(socket), "a"));
        layers.pop();
    }
}

#[test]
fn a_drop_in_adds_health_checks_and_replaces_those_of_the_same_name() {
    let check = |name: &str, port: u16| format!("[[health.check]]\nname = \"{name}\"\ntcp = \"localhost:{port}\"\n");
    let first = check("web", 80) + &check("database", 5432);
    let layers = [file("agent.toml", &first), file("10.toml", &(check("mail", 25) + &check("web", 8080)))];
    let merged = settle(&layers, false).unwrap();
    assert_eq!(names(&merged), ["web", "database", "mail"]);
    assert_eq!(merged.health.checks[0].probe, Probe::Tcp("localhost:8080".to_owned()));

    let layers = [file("agent.toml", &first), file("10.toml", "[health]\ncheck = []")];
    assert_eq!(names(&settle(&layers, false).unwrap()), [""; 0]);
}

#[test]
fn the_environment_sets_what_it_names_and_empty_means_unset() {
    let variable = |name: &str| match name {
        "BELAY_STATE_DIR" => Some("/state".to_owned()),
        "BELAY_ROOT" => Some("/sandbox".to_owned()),
        "BELAY_LOG" => Some("debug".to_owned()),
        "BELAY_SOCKET" => Some(String::new()),
        _ => None,
    };
    let settings = settle(&[Layer::Environment(Overrides::from_environment(variable).given())], false).unwrap();
    assert_eq!(settings.state_dir, Path::new("/state"));
    assert_eq!(settings.root.path, Path::new("/sandbox"));
    assert_eq!(settings.log_level, tracing::Level::DEBUG);
    assert_eq!(settings.control.socket, Settings::default().control.socket);
}

#[test]
fn what_is_written_arrives_with_its_unit() {
    let settings = settings(
        r#"
        [control]
        listen = ["127.0.0.1:0", "[::1]:5000"]
        token_file = "/etc/belay/token"
        legacy = ["127.0.0.0/8", "fd00::/8"]
        [host]
        mode = "in_process"
        [packages]
        lock_timeout_s = 1.5
        undo = "best_effort"
        [guard]
        reserve_mb = 2
        [vault]
        max_age_days = 0.5
        [policy]
        windows = ["Mon 02:00-05:00"]
        time_zone = "UTC"
        [[health.check]]
        name = "web"
        http = "http://localhost:8080/health"
        status = 204
        interval_s = 0.25
        "#,
    )
    .unwrap();
    assert_eq!(settings.control.listen, ["127.0.0.1:0".parse().unwrap(), "[::1]:5000".parse().unwrap()]);
    assert_eq!(settings.control.token_file.as_deref(), Some(Path::new("/etc/belay/token")));
    assert_eq!(settings.control.legacy, ["127.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()]);
    assert_eq!(settings.host, HostSettings::InProcess);
    assert_eq!(settings.packages.lock_timeout.as_millis(), 1500);
    assert_eq!(settings.packages.undo, settings::Undo::BestEffort);
    assert_eq!(settings.rules.guard.reserve_bytes, 2 * 1024 * 1024);
    assert_eq!(settings.vault.max_age.as_secs(), 12 * 60 * 60);
    assert_eq!(settings.rules.policy.windows, ["Mon 02:00-05:00".parse().unwrap()]);
    assert_eq!(settings.time_zone.as_deref(), Some("UTC"));
    let check = &settings.health.checks[0];
    assert_eq!(check.probe, Probe::Http { url: "http://localhost:8080/health".to_owned(), status: 204 });
    assert_eq!((check.interval.as_millis(), check.required, check.retries), (250, true, 2));
}

#[test]
fn the_clock_of_this_machine_is_past_the_instant_before_which_none_is_believed() {
    assert!(Settings::default().rules.policy.not_before < crate::clock::now());
}

#[test]
fn a_server_is_reached_in_clear_only_where_that_is_set_by_name() {
    let url = |settings: Settings| settings.server.url.map(|url| url.to_string());
    let clear = "[server]\nurl = \"http://belay.example/\"\nplain_http = true";
    assert_eq!(url(settings(clear).unwrap()).as_deref(), Some("http://belay.example"));
    assert_eq!(crate::remote::open_link(&settings(clear).unwrap().server).len(), 1, "and then it is told");
    let loopback = settings("server.url = \"http://127.0.0.1:8080\"").unwrap();
    assert!(crate::remote::open_link(&loopback.server).is_empty());
    assert_eq!(url(loopback).as_deref(), Some("http://127.0.0.1:8080"));
}
