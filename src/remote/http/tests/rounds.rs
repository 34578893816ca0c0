//! Calls that go well: what is sent, on which connection, by which way.

use super::*;

#[tokio::test]
async fn a_request_is_as_small_as_http_allows() {
    let server = ScriptedServer::start(|_| Reply::json("{}"));
    let answer = post(&mut client(&server)).await.unwrap();
    assert_eq!((answer.status, &answer.body[..]), (200, &b"{}"[..]));
    let [request] = &server.received()[..] else { panic!("one request") };
    let expected = format!(
        "POST /api/v1/sync HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer key\r\ncontent-type: application/json\r\n\
         content-length: 2",
        server.address()
    );
    assert_eq!(request.head, expected);
}

#[tokio::test]
async fn one_connection_is_kept_for_the_next_call() {
    let server = ScriptedServer::start(|_| Reply::json("{}"));
    let mut client = client(&server);
    for _ in 0..3 {
        post(&mut client).await.unwrap();
    }
    assert_eq!((server.received().len(), server.connections()), (3, 1));
}

#[tokio::test]
async fn a_kept_connection_that_the_server_closed_costs_nothing_but_another_one() {
    let server = ScriptedServer::start(|_| Reply::json("{}"));
    let mut client = client(&server);
    for _ in 0..3 {
        post(&mut client).await.unwrap();
        server.close_connections();
    }
    assert_eq!((server.received().len(), server.connections()), (3, 3));
}

#[tokio::test]
async fn a_kept_connection_that_breaks_within_the_call_is_tried_once_on_another_one() {
    let server = ScriptedServer::start(|request| match request.connection {
        0 if request.number > 0 => Reply::Close,
        _ => Reply::json("{}"),
    });
    let mut client = client(&server);
    post(&mut client).await.unwrap();
    post(&mut client).await.unwrap();
    let connections: Vec<usize> = server.received().iter().map(|request| request.connection).collect();
    assert_eq!(connections, [0, 0, 1]);
}

#[tokio::test]
async fn a_path_of_the_servers_address_stands_before_every_call() {
    let server = ScriptedServer::start(|_| Reply::json("{}"));
    let url = format!("{}/fleet/", server.url()).parse().unwrap();
    post(&mut Client::new(&url, &[], &Proxy::Direct, SHORT).unwrap()).await.unwrap();
    assert_eq!(server.received()[0].line(), "POST /fleet/api/v1/sync");
}

#[tokio::test]
async fn a_refusal_is_an_answer_with_its_headers() {
    let server = ScriptedServer::start(|_| Reply::status(429, "{}").header("Retry-After: 30"));
    let answer = post(&mut client(&server)).await.unwrap();
    assert_eq!((answer.status, answer.retry_after.as_deref()), (429, Some("30")));
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let other = ScriptedServer::start(|_| Reply::json("{}"));
    let to = format!("Location: {}/api/v1/sync", other.url());
    let server = ScriptedServer::start(move |_| Reply::status(307, "").header(&to));
    let answer = post(&mut client(&server)).await.unwrap();
    assert_eq!((answer.status, answer.location), (307, Some(format!("{}/api/v1/sync", other.url()))));
    assert!(other.received().is_empty(), "the key went nowhere else");
}

#[tokio::test]
async fn a_proxy_is_told_where_a_plain_request_goes() {
    let proxy = ScriptedServer::start(|_| Reply::json("{}"));
    let through = Proxy::Through(proxy.url().replace("http://", "http://me:secret@"));
    let url = "http://belay.example:8080".parse().unwrap();
    post(&mut Client::new(&url, &[], &through, SHORT).unwrap()).await.unwrap();
    let [request] = &proxy.received()[..] else { panic!("one request") };
    assert_eq!(request.line(), "POST http://belay.example:8080/api/v1/sync");
    assert_eq!(request.header("host"), Some("belay.example:8080"));
    assert_eq!(request.header("proxy-authorization"), Some("Basic bWU6c2VjcmV0"));
}
