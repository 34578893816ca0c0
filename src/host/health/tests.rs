mod scripts;

use std::cell::{Cell, RefCell};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::thread::JoinHandle;
use std::time::Duration;

use super::probe::Seen;
use super::*;
use crate::machine::rules::{CheckSpec, Probe};

/// Short times for a check whose end does not depend on them.
fn spec(name: &str, probe: Probe) -> CheckSpec {
    CheckSpec {
        name: name.to_owned(),
        probe,
        required: true,
        grace: Duration::ZERO,
        interval: Duration::from_millis(1),
        retries: 0,
        timeout: Duration::from_secs(20),
        settle: Duration::ZERO,
    }
}

fn command(words: &[&str]) -> Probe {
    Probe::Command(words.iter().map(ToString::to_string).collect())
}

fn settings(checks: Vec<CheckSpec>) -> HealthSettings {
    HealthSettings {
        scripts: PathBuf::from("/nowhere"),
        script_timeout: Duration::from_secs(20),
        settle: Duration::from_secs(600),
        checks,
    }
}

/// A root that systemd does not run.
fn sandbox() -> &'static Path {
    Path::new("/nowhere/root")
}

fn results(checks: Vec<CheckSpec>) -> Vec<(String, bool, String)> {
    let results = run_checks(sandbox(), &settings(checks), &|_, _| {});
    results.into_iter().map(|result| (result.name, result.passed, result.message)).collect()
}

/// Answers one request with this status and returns the request.
fn answer_once(status: &'static str) -> (u16, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = Vec::new();
        let mut buffer = [0; 1024];
        while !request.ends_with(b"\r\n\r\n") {
            let count = stream.read(&mut buffer).unwrap();
            request.extend_from_slice(&buffer[..count]);
        }
        write!(stream, "HTTP/1.1 {status}\r\nContent-Length: 2\r\n\r\nok").unwrap();
        String::from_utf8(request).unwrap()
    });
    (port, server)
}

/// A port of this machine on which nobody listens.
fn closed_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[test]
fn a_sandbox_root_has_no_units_of_its_own() {
    let audit = vec!["demo-app is half-configured".to_owned()];
    let expected = Vitals { audit: audit.clone(), ..Vitals::default() };
    assert_eq!(vitals(sandbox(), audit).unwrap(), expected);
}

#[test]
fn without_checks_and_units_there_is_nothing_to_wait_for() {
    assert_eq!(results(Vec::new()), []);
}

#[test]
fn a_url_must_answer_with_its_status() {
    let (port, server) = answer_once("200 OK");
    let url = format!("http://127.0.0.1:{port}/health?full=1");
    let probe = Probe::Http { url: url.clone(), status: 200 };
    assert_eq!(results(vec![spec("web", probe)]), [("web".to_owned(), true, format!("{url} answers 200"))]);
    let request = server.join().unwrap();
    assert!(request.starts_with("GET /health?full=1 HTTP/1.1\r\n"), "{request}");
    assert!(request.contains(&format!("host: 127.0.0.1:{port}\r\n")), "{request}");

    let (port, server) = answer_once("503 Service Unavailable");
    let url = format!("http://127.0.0.1:{port}");
    let probe = Probe::Http { url: url.clone(), status: 200 };
    let expected = ("web".to_owned(), false, format!("{url} answers 503 instead of 200"));
    assert_eq!(results(vec![spec("web", probe)]), [expected]);
    server.join().unwrap();
}

#[test]
fn a_url_that_does_not_answer_fails_in_time() {
    let url = format!("http://127.0.0.1:{}/", closed_port());
    let refused = results(vec![spec("web", Probe::Http { url, status: 200 })]).remove(0);
    assert!(!refused.1 && refused.2.contains("does not answer: Connection refused"), "{refused:?}");

    // It accepts and stays silent.
    let listener = TcpListener::bind("[::1]:0").or_else(|_| TcpListener::bind("127.0.0.1:0")).unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let silent = CheckSpec { timeout: Duration::from_millis(50), ..spec("web", Probe::Http { url, status: 200 }) };
    assert_eq!(results(vec![silent]), [("web".to_owned(), false, "no answer within 0.05 s".to_owned())]);
}

#[test]
fn a_port_must_accept_connections() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let open = listener.local_addr().unwrap().to_string();
    let message = format!("{open} accepts connections");
    assert_eq!(results(vec![spec("port", Probe::Tcp(open))]), [("port".to_owned(), true, message)]);

    let closed = format!("127.0.0.1:{}", closed_port());
    let refused = results(vec![spec("port", Probe::Tcp(closed))]).remove(0);
    assert!(!refused.1 && refused.2.contains("accepts no connection: Connection refused"), "{refused:?}");
}

#[test]
fn a_command_is_judged_by_its_exit_code_and_speaks_by_its_last_line() {
    for (words, passed, message) in [
        (&["/bin/true"][..], true, "exit code 0"),
        (&["/bin/false"], false, "(exit code 1)"),
        (&["/bin/sh", "-c", "echo one; echo two; echo"], true, "two"),
        (&["/bin/sh", "-c", "echo one; echo bad >&2; exit 3"], false, "bad (exit code 3)"),
        (&["/bin/sh", "-c", "kill -9 $$"], false, "(ended by a signal)"),
    ] {
        let expected = ("do".to_owned(), passed, message.to_owned());
        assert_eq!(results(vec![spec("do", command(words))]), [expected], "{words:?}");
    }
    let absent = results(vec![spec("do", command(&["/nowhere/program"]))]).remove(0);
    assert!(!absent.1 && absent.2.contains("/nowhere/program"), "{absent:?}");
    let slow = CheckSpec { timeout: Duration::from_millis(50), ..spec("do", command(&["/bin/sleep", "60"])) };
    let slow = results(vec![slow]).remove(0);
    assert!(!slow.1 && slow.2.contains("ended"), "{slow:?}");
}

#[test]
fn a_check_is_looked_at_until_it_holds() {
    let looks = Cell::new(0);
    let look = || {
        looks.set(looks.get() + 1);
        if looks.get() < 4 { Seen::bad("starting") } else { Seen::good("up") }
    };
    let patient = CheckSpec { retries: 3, ..spec("web", Probe::Tcp(String::new())) };
    let up = follow::follow(&patient, &look);
    assert_eq!((up.passed, up.message.as_str(), looks.get()), (true, "up", 4));

    looks.set(0);
    let strict = CheckSpec { retries: 2, ..patient };
    let down = follow::follow(&strict, &look);
    assert_eq!((down.passed, down.message.as_str(), looks.get()), (false, "starting (3 times)", 3));
}

#[test]
fn a_check_holds_for_its_settle_time_before_it_passes() {
    let begun = crate::clock::monotonic();
    let settle = Duration::from_millis(30);
    let steady = CheckSpec { settle, interval: Duration::from_secs(60), ..spec("web", Probe::Tcp(String::new())) };
    assert!(follow::follow(&steady, &|| Seen::good("up")).passed);
    assert!(begun.elapsed() >= settle);
}

#[test]
fn checks_run_side_by_side() {
    let folder = tempfile::tempdir().unwrap();
    // Each waits for the other's file, so one after the other would never pass.
    let meet = |own: &str, other: &str| {
        let script = format!("touch {own}; until test -e {other}; do sleep 0.01; done");
        command(&["/bin/sh", "-c", &format!("cd {}; {script}", folder.path().display())])
    };
    let results = results(vec![spec("one", meet("one", "two")), spec("two", meet("two", "one"))]);
    assert!(results.iter().all(|(_, passed, _)| *passed), "{results:?}");
}

#[test]
fn progress_tells_each_end() {
    let told = RefCell::new(Vec::new());
    let checks = vec![spec("one", command(&["/bin/true"])), spec("two", command(&["/bin/false"]))];
    run_checks(sandbox(), &settings(checks), &|percent, detail| told.borrow_mut().push((percent, detail.to_owned())));
    let mut told = told.into_inner();
    assert_eq!(told.iter().map(|(percent, _)| *percent).collect::<Vec<_>>(), [0.0, 50.0, 100.0]);
    told.sort_by(|one, other| one.1.cmp(&other.1));
    let details: Vec<_> = told.iter().map(|(_, detail)| detail.as_str()).collect();
    assert_eq!(details, ["2 health checks", "check one passed: exit code 0", "check two failed: (exit code 1)"]);
}
