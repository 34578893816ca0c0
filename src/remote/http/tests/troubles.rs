//! Servers that answer badly, late or not at all.

use super::*;

#[tokio::test]
async fn nobody_listening_is_told_with_the_place() {
    let server = ScriptedServer::start(|_| Reply::json("{}"));
    let (mut client, address) = (client(&server), server.address());
    drop(server);
    let error = post(&mut client).await.unwrap_err();
    assert!(story(&error).starts_with(&format!("failed to reach {address}: ")), "{}", story(&error));
    let server = ScriptedServer::start_at(address, |_| Reply::json("{}"));
    post(&mut client).await.expect("it is back");
    drop(server);
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_given_up_and_its_connection_with_it() {
    let server = ScriptedServer::start(|request| if request.number == 0 { Reply::Hang } else { Reply::json("{}") });
    let mut client = client(&server);
    assert!(matches!(post(&mut client).await, Err(HttpError::Timeout(_))));
    post(&mut client).await.unwrap();
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn an_answer_that_drips_is_given_up() {
    let server = ScriptedServer::start(|_| Reply::Answer {
        status: 200,
        headers: vec!["x: y\r\n\r\n{".into()],
        body: "".into(),
    });
    let mut client = client(&server);
    // Its head says that the body has no bytes; what follows is rubbish for the next answer.
    let first = post(&mut client).await.unwrap();
    assert!(first.body.is_empty());
    let announces = ScriptedServer::start(|_| Reply::Answer {
        status: 200,
        headers: vec!["content-length: 100".into()],
        body: String::new(),
    });
    assert!(post(&mut client_with(&announces, SHORT)).await.is_err(), "two lengths");
}

#[tokio::test]
async fn what_is_no_http_is_an_error_and_the_next_call_starts_afresh() {
    for garbage in
        [&b"SSH-2.0-OpenSSH\r\n"[..], b"\0\0\0\0", b"HTTP/1.1 200", b"HTTP/1.1 200 x\r\ncontent-length: 9\r\n\r\n{"]
    {
        let bytes = garbage.to_vec();
        let server = ScriptedServer::start(move |request| match request.number {
            0 => Reply::Raw(bytes.clone()),
            _ => Reply::json("{}"),
        });
        let mut client = client(&server);
        let error = post(&mut client).await.expect_err("it is no HTTP");
        assert!(matches!(error, HttpError::Broken(_) | HttpError::Body(_)), "{error:?}");
        post(&mut client).await.unwrap();
    }
}

#[tokio::test]
async fn a_connection_that_closes_without_a_word_is_an_error() {
    let server = ScriptedServer::start(|_| Reply::Close);
    assert!(matches!(post(&mut client(&server)).await, Err(HttpError::Broken(_))));
    assert_eq!(server.received().len(), 1, "a fresh connection is not tried twice");
}

#[tokio::test]
async fn an_answer_over_the_limit_is_not_read() {
    for (length, fits) in [(1024, true), (1025, false), (10_000_000, false)] {
        let server = ScriptedServer::start(move |_| Reply::json("x".repeat(length)));
        match post(&mut client_with(&server, Limits { whole: Duration::from_secs(20), ..SHORT })).await {
            Ok(answer) => assert!(fits && answer.body.len() == length, "{length}"),
            Err(error) => assert!(!fits && matches!(error, HttpError::TooLarge(1024)), "{length}: {error:?}"),
        }
    }
}

#[tokio::test]
async fn a_key_that_is_no_header_is_an_error() {
    let server = ScriptedServer::start(|_| Reply::json("{}"));
    let sent = client(&server).post("/", Some("a\nb"), Vec::new()).await;
    assert!(matches!(sent, Err(HttpError::Request(_))));
}
