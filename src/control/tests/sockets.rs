//! The same over real sockets: peer credentials, tokens, slow clients, shutdown.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::*;

async fn ask(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), request: &str) -> String {
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8(answer).unwrap()
}

async fn tcp(world: &World) -> (SocketAddr, oneshot::Sender<()>, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let router = world.router.clone();
    let server = tokio::spawn(serve_tcp(listener, router, async { stopped.await.unwrap_or_default() }));
    (address, stop, server)
}

#[tokio::test]
async fn the_socket_knows_its_peer_and_only_its_group_can_open_it() {
    let mut world = World::new(commits);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.sock");
    let listener = bind_socket(&path, "no-such-group").unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o660);
    let taken = bind_socket(&path, "no-such-group").unwrap_err().to_string();
    assert!(
        taken.ends_with("another agent answers there; only one may run: `systemctl status belay-agent`"),
        "{taken}"
    );
    let (stop, stopped) = oneshot::channel::<()>();
    let router = world.router.clone();
    let server =
        tokio::spawn(serve_socket(listener, "no-such-group", router, async { stopped.await.unwrap_or_default() }));
    let mut stream = UnixStream::connect(&path).await.unwrap();
    let answer = ask(&mut stream, "GET /rollback HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
    assert!(
        answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with(r#"{"status":"Rollback completed"}"#),
        "{answer}"
    );
    assert_eq!(world.asked.recv().await.unwrap().1, Door::Socket);
    stop.send(()).unwrap();
    server.await.unwrap();
    // What a killed agent left does not stand in the way of the next; a file of somebody else does.
    bind_socket(&path, "no-such-group").unwrap();
    let file = folder.path().join("file");
    crate::durable::write_atomic(&file, b"", 0o600).unwrap();
    assert!(
        bind_socket(&file, "no-such-group").unwrap_err().to_string().ends_with("there is a file that is no socket")
    );
}

#[tokio::test]
async fn tcp_takes_a_token_or_a_legacy_call() {
    let settings = Control { legacy: vec!["127.0.0.0/8".parse().unwrap()], ..settings() };
    let mut world = World::with(commits, settings);
    let (address, _stop, _server) = tcp(&world).await;
    let call = async |line: &str, headers: &str| {
        let mut stream = TcpStream::connect(address).await.unwrap();
        ask(&mut stream, &format!("{line} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n{headers}\r\n")).await
    };
    let answer = call("GET /rollback", "").await;
    assert!(answer.ends_with(r#"{"status":"Rollback completed"}"#), "{answer}");
    assert_eq!(world.asked.recv().await.unwrap().1, Door::Legacy);
    assert!(call("GET /history", "").await.starts_with("HTTP/1.1 401 Unauthorized"));
    let answer = call("POST /rollback", &format!("authorization: Bearer {TOKEN}\r\ncontent-length: 0\r\n")).await;
    assert!(answer.starts_with("HTTP/1.1 20"), "{answer}");
    assert_eq!(world.asked.recv().await.unwrap().1, Door::Tcp);
    let answer = call("GET /rollback", "origin: http://evil.example\r\n").await;
    assert!(answer.contains("foreign_origin"), "{answer}");
    // All of a large body is sent before the answer is read, as simple clients do.
    let mut stream = TcpStream::connect(address).await.unwrap();
    let body = "a".repeat(10 << 20);
    let head = format!(
        "POST /update HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let answer = ask(&mut stream, &(head + &body)).await;
    assert!(answer.starts_with("HTTP/1.1 413 ") && answer.contains("body_too_large"), "{answer}");
}

#[tokio::test]
async fn a_silent_client_is_let_go_and_costs_nobody_else() {
    let world = World::with(commits, Control { legacy: vec!["127.0.0.0/8".parse().unwrap()], ..settings() });
    let (address, _stop, _server) = tcp(&world).await;
    let mut silent = TcpStream::connect(address).await.unwrap();
    let mut half = TcpStream::connect(address).await.unwrap();
    half.write_all(b"GET /ping HTTP/1.1\r\nhost: loc").await.unwrap();
    let mut prompt = TcpStream::connect(address).await.unwrap();
    let answer = ask(&mut prompt, "GET /ping HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    // From here on time passes as fast as everything else stands still.
    tokio::time::pause();
    let start = tokio::time::Instant::now();
    let mut rest = Vec::new();
    let _ = silent.read_to_end(&mut rest).await;
    let _ = half.read_to_end(&mut rest).await;
    assert!(start.elapsed() < Duration::from_secs(60), "{:?}", start.elapsed());
}

#[tokio::test]
async fn a_shutdown_ends_connections_that_wait_for_ever() {
    let world = World::with(goes_on, Control { legacy: vec!["127.0.0.0/8".parse().unwrap()], ..settings() });
    let (address, stop, server) = tcp(&world).await;
    let mut waiting = TcpStream::connect(address).await.unwrap();
    waiting.write_all(b"GET /rollback HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    world.view.subscribe().wait_for(|view| view.state.running.is_some()).await.unwrap();
    stop.send(()).unwrap();
    tokio::time::pause();
    server.await.unwrap();
    let mut rest = Vec::new();
    let _ = waiting.read_to_end(&mut rest).await;
    assert!(TcpStream::connect(address).await.is_err(), "the listener is closed");
}
