//! `device approve --all-pending`: a person is asked on a terminal, and a no changes nothing.

use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use serde_json::Value;

use crate::support::{Fleet, Operator, Ran, binary, demo_sandbox};

/// Runs belayctl on a pseudo-terminal where somebody types this.
fn typed(operator: &Operator, words: &[&str], answer: &str) -> Ran {
    let line = format!("exec {} {}", binary("belayctl").display(), words.join(" "));
    let mut script = operator.any(Path::new("/usr/bin/script"));
    script.args(["--quiet", "--return", "--command", &line, "/dev/null"]).env("SHELL", "/bin/sh").env("TERM", "xterm");
    let mut child =
        script.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("script starts");
    child.stdin.take().expect("it was piped").write_all(answer.as_bytes()).expect("script reads");
    Ran::of(words, child.wait_with_output().expect("a child of ours can be waited for"))
}

#[test]
fn a_person_is_asked_which_devices_come_in_and_a_no_changes_nothing() {
    let fleet = Fleet::with("enrolment.mode = \"approval\"");
    let operator = fleet.operator();
    let sandboxes = [demo_sandbox(), demo_sandbox()];
    let _agents: Vec<_> = sandboxes.iter().map(|sandbox| fleet.apply(sandbox)).collect();
    let pending = || {
        let page = fleet.ask("GET", "/api/v1/devices?state=pending", &Value::Null);
        page["total"].as_u64()
    };
    let words = ["device", "approve", "--all-pending"];
    let ran = typed(&operator, &words, "n\n");
    ran.exits(2).says(&["let all 2 in? [y/N]", "no device was let in"]);
    assert_eq!(pending(), Some(2));
    typed(&operator, &words, "y\n").exits(0).says(&["let all 2 in? [y/N]"]);
    assert_eq!(pending(), Some(0));
    // Nobody waits, so nobody is asked.
    typed(&operator, &words, "").exits(0).says(&["no device was let in"]);
}
