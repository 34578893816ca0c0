//! Who asks which server: what `login` keeps, who may read it, and what outdoes it.

use std::os::unix::fs::PermissionsExt;

use crate::support::{Fleet, Operator};

/// Somebody who logged in at a server.
fn logged_in(fleet: &Fleet) -> Operator {
    let operator = Operator::new();
    let login = operator.run_with_input(&["login", "plant", "--server", &fleet.url()], &format!("{}\n", fleet.token()));
    login.exits(0).says(&["profile plant is in use", "operator", "admin:full"]);
    operator
}

#[test]
fn who_logged_in_names_neither_server_nor_token_again() {
    let fleet = Fleet::start();
    let operator = logged_in(&fleet);
    assert_eq!(operator.json(&["whoami"])["name"], "operator");
    let listed = operator.json(&["profile", "list"]);
    assert_eq!(
        (&listed[0]["name"], &listed[0]["active"], &listed[0]["token"]),
        (&"plant".into(), &true.into(), &true.into())
    );
}

#[test]
fn a_token_is_for_its_owners_eyes_alone_and_shown_to_nobody() {
    let fleet = Fleet::start();
    let operator = logged_in(&fleet);
    let keyring = operator.home().join("config/belay/keyring.toml");
    let mode = std::fs::metadata(&keyring).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "{mode:o}");
    for words in [&["profile", "list"][..], &["profile", "list", "--json"], &["whoami", "--json"]] {
        let ran = operator.run(words);
        assert!(!ran.exits(0).stdout.contains(fleet.token()), "{ran}");
    }
    std::fs::set_permissions(&keyring, PermissionsExt::from_mode(0o644)).unwrap();
    operator.run(&["whoami"]).exits(1).complains(&["can be read by others", "chmod 600"]);
}

#[test]
fn a_token_that_the_server_does_not_know_is_not_kept() {
    let fleet = Fleet::start();
    let operator = Operator::new();
    let wrong = operator.run_with_input(&["login", "--server", &fleet.url()], "belay_op_nobody\n");
    wrong.exits(2).complains(&["belayctl: "]);
    assert!(!operator.home().join("config/belay").exists(), "something was kept");
    operator.run(&["whoami"]).exits(1).complains(&["no server is named", "belayctl login --server URL"]);
}

#[test]
fn who_logs_out_is_asked_for_a_token_again() {
    let fleet = Fleet::start();
    let operator = logged_in(&fleet);
    operator.run(&["logout"]).exits(0).says(&["the token of plant is forgotten here"]);
    operator.run(&["whoami"]).exits(1).complains(&["no token for http://127.0.0.1", "belayctl login"]);
    operator.run(&["logout"]).exits(0).says(&["no token was kept for plant"]);
    // The profile stays, so that its name is enough.
    operator.run_with_input(&["login", "plant"], fleet.token()).exits(0);
    operator.run(&["whoami"]).exits(0);
    operator.run(&["profile", "delete", "plant"]).exits(0).says(&["profile plant is forgotten with its token"]);
    operator.run(&["whoami"]).exits(1).complains(&["no server is named"]);
}

#[test]
fn a_pipeline_is_understood_with_the_variables_of_older_tools_and_without_a_home() {
    let fleet = Fleet::start();
    let pipeline = Operator::new()
        .env("MEETING_API_URL", &format!("{}/api", fleet.url()))
        .env("MEETING_AUTH_TOKEN", fleet.token())
        .env("HOME", "/nonexistent")
        .env("XDG_CONFIG_HOME", "/nonexistent/config");
    assert_eq!(pipeline.json(&["whoami"])["name"], "operator");
    let older = pipeline.without_env("MEETING_AUTH_TOKEN").env("MEETING_TOKEN", fleet.token());
    assert_eq!(older.json(&["whoami"])["name"], "operator");
}

#[test]
fn a_kept_token_goes_to_no_other_server() {
    let (fleet, other) = (Fleet::start(), Fleet::start());
    let operator = logged_in(&fleet);
    let asked = operator.run(&["whoami", "--server", &other.url()]);
    asked.exits(1).complains(&["no token for", &other.url()]);
}

#[test]
fn a_person_at_a_terminal_is_asked_and_sees_nothing_of_what_is_typed() {
    let fleet = Fleet::start();
    let operator = Operator::new().env("BELAY_SERVER", &fleet.url());
    let words = format!(
        "echo {} | script -qec '{} whoami' /dev/null",
        fleet.token(),
        crate::support::binary("belayctl").display()
    );
    let mut shell = operator.any(std::path::Path::new("/bin/sh"));
    let shown = belay_testkit::command::output(shell.args(["-c", &words]).env("SHELL", "/bin/sh"));
    let text = String::from_utf8_lossy(&shown.stdout);
    assert!(text.contains("Token for http://127.0.0.1") && text.contains("operator"), "{text}");
    assert!(!text.lines().skip(1).any(|line| line.contains(fleet.token())), "{text}");
}

#[test]
fn a_profile_that_makes_no_sense_is_named_with_its_line() {
    let operator = Operator::new();
    let path = operator.home().join("config/belay");
    std::fs::create_dir_all(&path).unwrap();
    belay_testkit::ownership::write(&path.join("profiles.toml"), "active = 'plant'\n\n[profile.plant]\nserve = 'x'\n");
    operator.run(&["whoami"]).exits(1).complains(&["profiles.toml, line 4", "unknown field `serve`"]);
    belay_testkit::ownership::write(&path.join("profiles.toml"), "active = 'plant'\n");
    operator.run(&["whoami"]).exits(1).complains(&["there is no profile \"plant\"", "belayctl login plant"]);
}
