//! The raw client against a server that answers with fixed bytes.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::thread;

use belay_testkit::http::Endpoint;

#[test]
fn a_body_of_a_known_length_is_read_exactly() {
    let endpoint = serve_once("HTTP/1.1 409 Conflict\r\nContent-Length: 12\r\nX-Kind: a: b\r\n\r\n{\"error\": 1}tail");
    let response = endpoint.get("/rollback");
    assert_eq!((response.status, response.reason.as_str()), (409, "Conflict"));
    assert_eq!(response.header("x-kind"), Some("a: b"));
    assert_eq!(response.json()["error"], 1);
}

#[test]
fn chunks_are_put_together() {
    let endpoint =
        serve_once("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;x=y\r\n world\r\n0\r\n\r\n");
    assert_eq!(endpoint.post("/", "text/plain", "body").text(), "hello world");
}

#[test]
fn a_body_without_a_length_ends_with_the_connection() {
    assert_eq!(serve_once("HTTP/1.1 200 OK\r\n\r\nall of it").get("/").text(), "all of it");
}

#[test]
fn an_event_stream_is_read_line_by_line() {
    let endpoint = serve_once("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\ndata: 2\n\n");
    let mut connection = endpoint.connect().expect("somebody listens");
    connection.send("GET /events HTTP/1.1\r\n\r\n");
    assert_eq!(connection.head().status, 200);
    let lines: Vec<String> = std::iter::from_fn(|| connection.line()).collect();
    assert_eq!(lines, ["data: 1", "", "data: 2", ""]);
}

#[test]
fn a_unix_socket_is_reached_as_well() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let path = dir.path().join("s");
    let listener = UnixListener::bind(&path).expect("a socket");
    thread::spawn(move || {
        let (stream, _) = listener.accept().expect("a connection");
        answer(stream, "HTTP/1.1 204 No Content\r\n\r\n");
    });
    assert_eq!(Endpoint::Unix(path).get("/healthz").status, 204);
}

fn serve_once(text: &'static str) -> Endpoint {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        let (stream, _) = listener.accept().expect("a connection");
        answer(stream, text);
    });
    Endpoint::Tcp(address)
}

fn answer(mut stream: impl Read + Write, text: &str) {
    let mut request = Vec::new();
    let mut byte = [0];
    while !request.ends_with(b"\r\n\r\n") && stream.read(&mut byte).expect("a request") > 0 {
        request.extend_from_slice(&byte);
    }
    if request.starts_with(b"POST") {
        stream.read_exact(&mut [0; 4]).expect("a body");
    }
    stream.write_all(text.as_bytes()).expect("a reader");
}
