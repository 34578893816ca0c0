//! The program itself, as a process: its commands, their answers and exit codes, and many of them at once.

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use belay_server::clock::Clock;
use belay_server::service::{Options, PageOf, Service};
use belay_server::store::Store;
use belay_testkit::command::{command, output};
use belay_testkit::notify::NotifySocket;
use belay_testkit::ownership::{base_dir, temp_dir_in, write};
use belay_testkit::wait_until;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tempfile::TempDir;

use crate::databases::run;

const SOON: Duration = Duration::from_secs(20);

/// A folder for one server, of the user that its processes run as.
fn folder() -> TempDir {
    temp_dir_in(&base_dir(), "belay-server-")
}

fn belay_server(folder: &Path, arguments: &str) -> Command {
    let mut command = command(env!("CARGO_BIN_EXE_belay-server"));
    command.current_dir(folder).env("BELAY_SERVER_STATE_DIR", folder.join("state"));
    // Not this machine's own settings.
    write(&folder.join("none.toml"), "");
    command.env("BELAY_SERVER_CONFIG", folder.join("none.toml")).args(arguments.split(' '));
    command
}

#[track_caller]
fn succeeded(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap().trim_end().to_owned()
}

#[track_caller]
fn refused(output: &Output, code: i32, said: &str) {
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{output:?}");
    assert!(error.starts_with("belay-server: ") && error.contains(said), "{error}");
    assert!(output.stdout.is_empty(), "{output:?}");
}

async fn service(folder: &Path) -> Service {
    let store = Store::open("", &folder.join("state")).await.unwrap();
    Service::new(store, Clock::System, Options::default())
}

#[test]
fn a_token_made_before_any_server_ran_lets_its_owner_in_until_it_is_revoked() {
    let folder = folder();
    let belay_server = |arguments: &str| output(&mut belay_server(folder.path(), arguments));
    let token = succeeded(&belay_server("token create --name ci --permission fleet:view --expires-in 90d"));
    run(async {
        let who = service(folder.path()).await.authenticate(&token).await.unwrap();
        assert_eq!(who.name, "ci");
        let left = who.expires_at.unwrap().as_second() - Clock::System.now().as_second();
        assert!((90 * 86400 - 600..=90 * 86400).contains(&left), "{left} s");
    });

    let tokens: Value = serde_json::from_str(&succeeded(&belay_server("token list --json"))).unwrap();
    let id = tokens[0]["id"].as_str().unwrap();
    assert_eq!(tokens.as_array().unwrap().len(), 1);
    assert!(succeeded(&belay_server("token list")).contains(id));

    assert_eq!(succeeded(&belay_server(&format!("token revoke {id}"))), format!("revoked {id}"));
    run(async {
        let service = service(folder.path()).await;
        service.authenticate(&token).await.unwrap_err();
        let audit = service.audit("command line", "", PageOf { page: 1, page_size: 10 }).await.unwrap();
        assert_eq!(audit.total, 2, "{audit:?}");
    });
    refused(&belay_server("token revoke t_nobody"), 2, "t_nobody");
}

#[test]
fn an_enrolment_token_carries_its_terms() {
    let folder = folder();
    let belay_server = |arguments: &str| output(&mut belay_server(folder.path(), arguments));
    let made = "enrolment-token create --name shelf --uses 5 --device-type raspberry_pi --distribution alpha --json";
    let token: Value = serde_json::from_str(&succeeded(&belay_server(made))).unwrap();
    assert!(token["token"].as_str().is_some_and(|token| token.len() > 20), "{token}");
    let listed = succeeded(&belay_server("enrolment-token list"));
    for word in [token["id"].as_str().unwrap(), "shelf", "raspberry_pi", "alpha", "0 of 5", "never"] {
        assert!(listed.contains(word), "{word}:\n{listed}");
    }
}

#[test]
fn many_processes_at_once_on_an_empty_folder_all_do_their_work() {
    let folder = folder();
    let start = |at: usize| {
        let arguments = format!("token create --name n{at} --permission admin:full");
        belay_server(folder.path(), &arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let processes: Vec<Child> = (0..8).map(start).collect();
    for process in processes {
        succeeded(&process.wait_with_output().unwrap());
    }
    let listed = succeeded(&output(&mut belay_server(folder.path(), "token list --json")));
    assert_eq!(serde_json::from_str::<Vec<Value>>(&listed).unwrap().len(), 8);
}

#[test]
fn a_running_server_says_when_it_is_ready_and_leaves_when_asked() {
    let folder = folder();
    let notes = NotifySocket::bind(&folder.path().join("notify"));
    let mut serve = belay_server(folder.path(), "serve --listen 127.0.0.1:0");
    serve.env("NOTIFY_SOCKET", notes.path()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut server = Ended(serve.spawn().unwrap());
    wait_until("the server", SOON, || notes.has("READY=1").then_some(()));

    let command = |arguments: &str| output(&mut belay_server(folder.path(), arguments));
    succeeded(&command("token create --name beside --permission fleet:view"));
    succeeded(&command("backup copy.db"));
    refused(&command("backup copy.db"), 2, "copy.db is there already");

    kill(Pid::from_raw(server.0.id().cast_signed()), Signal::SIGTERM).unwrap();
    let status = wait_until("its end", SOON, || server.0.try_wait().unwrap());
    assert!(status.success(), "{status}");
    wait_until("its last note", SOON, || notes.has("STOPPING=1").then_some(()));
}

#[test]
fn a_check_says_what_is_there_and_what_is_open() {
    let folder = folder();
    let check = |arguments: &str| {
        output(belay_server(folder.path(), arguments).env("BELAY_SERVER_CONFIG", folder.path().join("s.toml")))
    };
    let settings = |text: &str| write(&folder.path().join("s.toml"), text);

    settings("");
    let found: Value = serde_json::from_str(&succeeded(&check("check --json"))).unwrap();
    assert_eq!((&found["valid"], &found["database"]["schema"]), (&Value::Bool(true), &Value::Null));
    assert!(!folder.path().join("state").exists(), "it makes nothing");

    settings("plain_http = true\nlisten = [\"0.0.0.0:1\"]\nenrolment.mode = \"open\"");
    let said = succeeded(&check("check"));
    assert_eq!(said.matches("warning: ").count(), 2, "{said}");

    settings("\nlisten = 7");
    refused(&check("check"), 1, "s.toml:2: invalid type: integer");
    settings("tls.certificate = \"/nowhere/c.pem\"\ntls.key = \"/nowhere/k.pem\"");
    refused(&check("check"), 1, "cannot use /nowhere/c.pem: No such file");
    settings("database = \"postgres://u:secret@localhost/d?host=/nowhere\"");
    let unreachable = check("check");
    refused(&unreachable, 5, "the database failed");
    assert!(!String::from_utf8_lossy(&unreachable.stderr).contains("secret"));
}

/// A process that does not outlive its test.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        if self.0.try_wait().is_ok_and(|status| status.is_none()) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }
}
