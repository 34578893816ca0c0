//! The command line against a real router on a real socket.

use std::path::PathBuf;

use belay_protocol::Reason;
use belay_protocol::job::{Job, JobId, JobState, Request};
use belay_protocol::local::{Status, UpdateRequest};
use tokio::net::UnixListener;

use super::client::{Client, ClientError};
use super::exit::Exit;
use super::follow;
use crate::control::tests::{self as control, Fate, World};
use crate::control::{bind_socket, serve_socket};

pub(super) fn update() -> Request {
    control::update_of("demo-app")
}

pub(super) fn rollback() -> Request {
    control::rollback_of(None)
}

pub(super) fn job(request: Request, state: JobState) -> Job {
    control::job(7, request, state)
}

pub(super) struct Agent {
    world: World,
    pub(super) client: Client,
    socket: PathBuf,
    _folder: tempfile::TempDir,
}

pub(super) fn agent(fate: Fate) -> Agent {
    let world = World::new(fate);
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("agent.sock");
    let listener = bind_socket(&socket, "no-such-group").unwrap();
    tokio::spawn(serve_socket(listener, "no-such-group", world.router.clone(), std::future::pending()));
    Agent { world, client: Client::new(&socket), socket, _folder: folder }
}

fn request() -> UpdateRequest {
    UpdateRequest { packages: vec!["demo-app".into()], ..UpdateRequest::default() }
}

#[tokio::test]
async fn answers_and_refusals_arrive_typed() {
    let agent = agent(|job| control::ends(job, JobState::RolledBack, Reason::Unhealthy, "a unit failed"));
    let status: Status = agent.client.get("/status").await.unwrap();
    assert_eq!(status.version, env!("CARGO_PKG_VERSION"));
    let unknown = agent.client.get::<Job>("/jobs/9").await.unwrap_err();
    assert_eq!((unknown.exit(), unknown.body().error.as_str()), (Exit::Failed, "unknown_job"));
    let bad = UpdateRequest { packages: vec!["aa".into(), "-o".into()], ..UpdateRequest::default() };
    let bad = agent.client.post::<Job>("/update", &bad).await.unwrap_err();
    assert_eq!((bad.exit(), bad.body().line), (Exit::Failed, Some(2)));
    let job: Job = agent.client.post("/update", &request()).await.unwrap();
    assert_eq!(job.id, JobId(1));
}

#[tokio::test]
async fn a_denial_is_a_refusal_that_changed_nothing() {
    let agent = agent(|_| {
        let failure = belay_protocol::Failure::new(Reason::Busy, "job 7 runs; wait for it");
        Err(crate::machine::admit::Denial { failure, job: Some(JobId(7)) })
    });
    let busy = agent.client.post::<Job>("/update", &request()).await.unwrap_err();
    assert_eq!((busy.exit(), busy.body().job), (Exit::Refused, Some(JobId(7))));
    let text = super::render::refusal(&busy.body());
    insta::assert_snapshot!(text, @r"job 7 runs; wait for it (busy, job 7)");
}

#[tokio::test]
async fn a_job_is_followed_to_its_end() {
    let agent = agent(control::goes_on);
    let job: Job = agent.client.post("/update", &request()).await.unwrap();
    let following = follow::to_the_end(&agent.client, job, false);
    let ending = async {
        tokio::task::yield_now().await;
        agent.world.change(|view| {
            let running = view.state_mut().running.take().unwrap();
            view.state_mut().ended.push_back(Job { state: JobState::Committed, ..running.job });
        });
    };
    let (ended, ()) = tokio::join!(following, ending);
    assert_eq!(ended.unwrap().state, JobState::Committed);
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_is_away_for_a_moment_is_waited_for_and_one_that_stays_away_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("agent.sock");
    let client = Client::new(&socket);
    let lost = follow::to_the_end(&client, job(update(), JobState::Applying), false).await.unwrap_err();
    assert!(matches!(lost, ClientError::Lost(JobId(7))), "{lost}");
    assert_eq!(lost.exit(), Exit::Unreachable);

    let world = World::new(control::goes_on);
    world.change(|view| view.state_mut().ended.push_back(job(update(), JobState::RolledBack)));
    let back = async {
        tokio::time::sleep(std::time::Duration::from_secs(20)).await;
        let listener = UnixListener::bind(&socket).unwrap();
        serve_socket(listener, "no-such-group", world.router.clone(), std::future::pending()).await;
    };
    let ended = tokio::select! {
        ended = follow::to_the_end(&client, job(update(), JobState::Applying), false) => ended.unwrap(),
        () = back => unreachable!("it serves for ever"),
    };
    assert_eq!(ended.state, JobState::RolledBack);
}

#[tokio::test]
async fn who_cannot_be_reached_is_said_with_what_to_do() {
    let client = Client::new("/nowhere/agent.sock".as_ref());
    let nobody = client.get::<Status>("/status").await.unwrap_err();
    assert_eq!(nobody.exit(), Exit::Unreachable);
    insta::assert_snapshot!(super::render::refusal(&nobody.body()), @r"no agent answers at /nowhere/agent.sock: is it running? `systemctl status belay-agent`");
}

#[tokio::test]
async fn the_process_ends_as_the_job_did() {
    let agent = agent(|job| control::ends(job, JobState::NeedsAttention, Reason::UndoFailed, "look at it"));
    let asked = |no_wait| super::Ask::Rollback {
        to: None,
        to_generation: None,
        to_version: None,
        approve: vec![],
        key: None,
        no_wait,
    };
    assert_eq!(super::ask(&agent.socket, true, &asked(false)).await, Exit::NeedsAttention);
    assert_eq!(super::ask(&agent.socket, true, &asked(true)).await, Exit::Done);
    assert_eq!(super::ask(&agent.socket, true, &super::Ask::Status).await, Exit::NeedsAttention);
    assert_eq!(super::ask(&agent.socket, true, &super::Ask::Verify).await, Exit::Done);
    let found = super::RestorePointCommand::Verify { id: 4 };
    assert_eq!(super::ask(&agent.socket, true, &super::Ask::RestorePoint(found)).await, Exit::Findings);
    let missing = super::Ask::Plan { what: vec!["./no-such-file".into()], bundle: Default::default() };
    assert_eq!(super::ask(&agent.socket, true, &missing).await, Exit::Failed);
}
