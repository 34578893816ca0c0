use super::*;
use crate::commands::enrol::EnrolResult;

fn server() -> Url {
    Url::parse("https://belay.example/").unwrap()
}

fn said(code: i32, stdout: &str, stderr: &str) -> Said {
    Said { code, stdout: stdout.to_owned(), stderr: stderr.to_owned() }
}

fn refused(url: &str) -> Said {
    let refusal = r#"{"error": "already_enrolled", "message": "this device is d1 already"}"#;
    let status = format!(
        r#"{{"version": "1", "generation": 0, "previous": null, "needs_attention": false, "job": null, "progress": null,
        "queued": null, "last": null, "warnings": [], "server": {{"url": "{url}", "device": "d1"}}}}"#
    );
    said(2, &format!("{refusal}\n{status}\n"), "")
}

#[test]
fn a_new_device_has_a_name_and_one_that_waits_says_so() {
    let answer = r#"{"url": "https://belay.example/", "device": "d1", "authorized": true}"#;
    let outcome = enrolled(&said(0, answer, ""), &server());
    assert_eq!((outcome.result, outcome.reason), (EnrolResult::Enrolled, None));
    assert_eq!(outcome.device.unwrap().as_str(), "d1");
    let outcome = enrolled(&said(0, &answer.replace("true", "false"), ""), &server());
    assert_eq!(outcome.reason.unwrap(), "it waits to be let in: `belayctl device approve d1`");
}

#[test]
fn a_device_of_this_server_counts_and_one_of_another_does_not() {
    let here = enrolled(&refused("https://belay.example"), &server());
    assert_eq!((here.result, here.device.unwrap().as_str()), (EnrolResult::WasEnrolled, "d1"));
    let elsewhere = enrolled(&refused("https://other.example"), &server());
    assert_eq!(elsewhere.result, EnrolResult::Failed);
    assert!(elsewhere.reason.unwrap().starts_with("it is d1 at https://other.example;"));
}

#[test]
fn every_other_end_says_why() {
    for (said, reason) in [
        (said(0, "welcome", ""), "its agent answered something that belayctl cannot read"),
        (said(127, "", "sh: 9: belay-agent: not found"), "belay-agent is not installed there: give --install FILE.deb"),
        (
            said(1, "", "sudo: a password is required"),
            "sudo: a password is required; log in as root, or let the user call sudo without a password",
        ),
        (said(2, r#"{"error": "server_refused", "message": "the token is used up"}"#, ""), "the token is used up"),
        (said(7, "", ""), "exit code 7"),
    ] {
        let outcome = enrolled(&said, &server());
        assert_eq!((outcome.result, outcome.reason.as_deref()), (EnrolResult::Failed, Some(reason)));
    }
    assert!(installed(&said(0, "", "W: a remark")).is_none());
    let failed = installed(&said(100, "", "E: broken")).unwrap();
    assert_eq!(failed.reason.unwrap(), "the package was not installed: E: broken");
}

#[test]
fn the_words_of_a_script_reach_it_as_they_are() {
    let line = enrol(Sudo::Never, &["--device-type", "it's"]);
    assert!(line.starts_with("sh -c 'set -eu\n"), "{line}");
    assert!(line.ends_with(r"' 'belay-enrol' 'never' '--device-type' 'it'\''s'"), "{line}");
    assert!(install(Sudo::Auto).ends_with("' 'belay-enrol' 'auto'"));
}

#[test]
fn what_a_device_says_moves_no_terminal_and_forges_no_row() {
    let refusal = r#"{"error": "x", "message": "no\u001b]0;title\u0007\n10.0.0.9  enrolled\u009b2J"}"#;
    let reason = enrolled(&said(2, refusal, ""), &server()).reason.unwrap();
    assert_eq!(reason, "no]0;title 10.0.0.9  enrolled2J");
}
