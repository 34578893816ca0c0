//! Who may do what: peers, tokens, legacy networks, hosts and web pages.

use axum::http::Method;

use super::*;

const DEVICE: &str = "192.168.1.17:5000";

fn request(method: &str, path: &str) -> Builder {
    HttpRequest::builder().method(Method::from_bytes(method.as_bytes()).unwrap()).uri(path).header("host", DEVICE)
}

fn with_token(builder: Builder, token: &str) -> HttpRequest<Body> {
    empty(builder.header("authorization", format!("Bearer {token}")))
}

#[tokio::test]
async fn a_stranger_on_the_socket_is_refused_everything() {
    let mut world = World::new(commits);
    for path in ["/ping", "/status", "/rollback", "/nowhere"] {
        let answer = world.call(Peer::Stranger { uid: 1001 }, empty(get(path))).await;
        assert_eq!(code(answer).await, "403 foreign_peer", "{path}");
    }
    assert!(world.asked.try_recv().is_err());
    let answer = text(world.call(Peer::Stranger { uid: 1001 }, empty(get("/ping"))).await).await;
    insta::assert_snapshot!(answer, @r#"
    403 Forbidden
    content-type: application/json
    {"error":"foreign_peer","message":"user 1001 may not use this socket: be root, or join its group and log in again"}
    "#);
}

#[tokio::test]
async fn tcp_needs_the_token_for_whatever_the_old_controller_does_not_ask() {
    let mut world = World::new(commits);
    for (method, path) in [
        ("POST", "/status"),
        ("GET", "/status/"),
        ("POST", "/jobs/1"),
        ("GET", "/jobs/"),
        ("GET", "/jobs/one"),
        ("GET", "/jobs/1/other"),
        ("GET", "/jobs//events"),
        ("GET", "/history"),
        ("GET", "/metrics"),
        ("GET", "/healthz"),
        ("POST", "/rollback"),
        ("POST", "/plan"),
        ("HEAD", "/rollback"),
        ("OPTIONS", "/update"),
        ("GET", "/nowhere"),
        ("GET", "/rollback/"),
        ("GET", "//rollback"),
        ("GET", "/restore-points"),
    ] {
        let answer = world.from("192.168.1.5", empty(request(method, path))).await;
        assert_eq!(answer.status(), 401, "{method} {path}");
    }
    let native = request("POST", "/update").header("content-type", "application/json");
    let answer = world.from("192.168.1.5", native.body(r#"{"packages":["demo-app"]}"#.into()).unwrap()).await;
    insta::assert_snapshot!(text(answer).await, @r#"
    401 Unauthorized
    content-type: application/json
    www-authenticate: Bearer
    {"error":"token_missing","message":"this needs `Authorization: Bearer TOKEN`; without one, only the old controller's calls are served, and only to the networks of control.legacy"}
    "#);
    assert!(world.asked.try_recv().is_err());
}

#[tokio::test]
async fn the_legacy_door_is_open_to_its_networks_alone() {
    let mut world = World::new(commits);
    let list = || request("POST", "/update").header("content-type", "text/plain").body("demo-app".into()).unwrap();
    for (address, status) in
        [("192.168.1.5", 200), ("::ffff:192.168.1.5", 200), ("192.168.2.5", 401), ("127.0.0.1", 401)]
    {
        for open in [empty(request("GET", "/ping")), empty(request("GET", "/rollback")), list()] {
            let shown = format!("{address} {} {}", open.method(), open.uri());
            assert_eq!(world.from(address, open).await.status(), status, "{shown}");
        }
    }
    // A plain list without a credential is answered as the old formats are.
    let answer = text(world.from("192.168.1.5", list()).await).await;
    assert!(answer.ends_with(r#"{"status":"Update completed"}"#), "{answer}");
    while let Ok((_, door, _)) = world.asked.try_recv() {
        assert_eq!(door, Door::Legacy);
    }
}

#[tokio::test]
async fn whoever_may_order_without_a_credential_may_see_how_far_it_is() {
    let mut world = World::new(commits);
    for (path, there) in [("/status", 200), ("/jobs/1", 404), ("/jobs/1/events", 404)] {
        for (address, status) in [("192.168.1.5", there), ("192.168.2.5", 401), ("127.0.0.1", 401)] {
            let answer = world.from(address, empty(request("GET", path))).await;
            assert_eq!(answer.status(), status, "{address} {path}");
        }
        let page = empty(request("GET", path).header("origin", "http://evil.example"));
        assert_eq!(code(world.from("192.168.1.5", page).await).await, "403 foreign_origin", "{path}");
        let rebound = HttpRequest::get(path).header("host", "evil.example:5000");
        assert_eq!(code(world.from("192.168.1.5", empty(rebound)).await).await, "421 wrong_host", "{path}");
    }
    assert!(world.asked.try_recv().is_err());
}

#[tokio::test]
async fn every_answer_says_whose_it_is_and_no_version() {
    let world = World::new(commits);
    for (address, path) in [("192.168.1.5", "/ping"), ("192.168.2.5", "/ping"), ("192.168.1.5", "/nowhere")] {
        let answer = world.from(address, empty(request("GET", path))).await;
        assert_eq!(answer.headers()["server"], "belay-agent", "{address} {path}");
    }
}

#[tokio::test]
async fn a_wrong_token_is_refused_even_where_none_is_needed() {
    let world = World::new(commits);
    for address in ["127.0.0.1", "192.168.1.5"] {
        let settings = Control { plain_tokens: true, ..settings() };
        let world = World::with(commits, settings);
        let answer = world.from(address, with_token(request("GET", "/ping"), "another-token-of-16")).await;
        assert_eq!(code(answer).await, "401 token_wrong");
        let answer = world.from(address, with_token(request("GET", "/status"), TOKEN)).await;
        assert_eq!(answer.status(), 200);
    }
    let basic = empty(request("GET", "/status").header("authorization", format!("Basic {TOKEN}")));
    assert_eq!(code(world.from("127.0.0.1", basic).await).await, "401 token_wrong");
}

#[tokio::test]
async fn a_token_opens_tcp_from_this_device_and_from_beyond_only_by_setting() {
    let mut world = World::new(goes_on);
    let answer = world.from("127.0.0.1", with_token(request("POST", "/rollback"), TOKEN)).await;
    assert_eq!(answer.status(), 202);
    assert_eq!(world.asked.recv().await, Some((rollback_of(None), Door::Tcp, None)));
    let answer = world.from("192.168.2.5", with_token(request("POST", "/rollback"), TOKEN)).await;
    assert_eq!(code(answer).await, "403 token_in_clear");
    let world = World::with(goes_on, Control { plain_tokens: true, ..settings() });
    let answer = world.from("192.168.2.5", with_token(request("POST", "/rollback"), TOKEN)).await;
    assert_eq!(answer.status(), 202);
}

#[tokio::test]
async fn a_foreign_name_in_host_is_refused_before_anything_else() {
    let mut world = World::new(commits);
    let with_host = |host: &str| empty(HttpRequest::get("/rollback").header("host", host));
    for host in ["evil.example", "evil.example:5000", "localhost.evil.example", "user@localhost", "0.0.0.0:5000", ""] {
        let answer = world.from("192.168.1.5", with_host(host)).await;
        assert_eq!(code(answer).await, "421 wrong_host", "{host:?}");
    }
    assert_eq!(world.from("192.168.1.5", empty(HttpRequest::get("/rollback"))).await.status(), 421);
    let absolute = HttpRequest::get("http://evil.example/rollback").header("host", "localhost");
    assert_eq!(world.from("192.168.1.5", empty(absolute)).await.status(), 421);
    assert!(world.asked.try_recv().is_err());
    for host in [
        DEVICE,
        "localhost",
        "LOCALHOST:80",
        "127.0.0.1:5000",
        "[::1]:5000",
        "kitchen.example",
        "Kitchen.Example.:5000",
    ] {
        assert_eq!(world.from("192.168.1.5", with_host(host)).await.status(), 200, "{host:?}");
    }
}

#[tokio::test]
async fn a_web_page_of_another_host_is_refused_on_every_door() {
    let mut world = World::new(commits);
    for (name, value) in [
        ("origin", "http://evil.example"),
        ("origin", "null"),
        ("origin", "http://localhost.evil.example"),
        ("origin", "localhost"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ] {
        let request = || empty(post("/rollback").header(name, value));
        assert_eq!(code(world.local(request()).await).await, "403 foreign_origin", "{name}: {value}");
    }
    let read = empty(get("/status").header("origin", "http://evil.example"));
    assert_eq!(code(world.local(read).await).await, "403 foreign_origin");
    assert!(world.asked.try_recv().is_err());
    for origin in ["http://localhost", "https://localhost", "http://localhost:80"] {
        assert_eq!(world.local(empty(post("/rollback").header("origin", origin))).await.status(), 200, "{origin}");
    }
}

#[tokio::test]
async fn no_web_page_at_all_may_roll_back_by_get() {
    let mut world = World::new(commits);
    for (name, value) in [
        ("origin", "http://localhost"),
        ("referer", "http://localhost/"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ] {
        let legacy = empty(HttpRequest::get("/rollback").header("host", DEVICE).header(name, value));
        assert_eq!(code(world.from("192.168.1.5", legacy).await).await, "403 foreign_origin", "{name}: {value}");
        let local = empty(get("/rollback").header(name, value));
        assert_eq!(code(world.local(local).await).await, "403 foreign_origin", "{name}: {value}");
    }
    assert!(world.asked.try_recv().is_err());
    let typed = empty(get("/rollback").header("sec-fetch-site", "none"));
    assert_eq!(world.local(typed).await.status(), 200);
}

/// What browsers say of themselves to a plain-HTTP address, where a page holds back `Origin` and `Referer`.
const BROWSER: [(&str, &str); 8] = [
    ("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"),
    ("accept", "image/avif,image/webp,image/png,*/*;q=0.8"),
    ("accept", "Text/HTML,application/xhtml+xml"),
    ("upgrade-insecure-requests", "1"),
    ("purpose", "prefetch"),
    ("sec-purpose", "prefetch"),
    ("sec-gpc", "1"),
    ("sec-fetch-dest", "image"),
];

#[tokio::test]
async fn a_browser_without_origin_and_referer_is_refused_where_a_page_could_call() {
    let mut world = World::new(commits);
    for (name, value) in BROWSER {
        let shown = format!("{name}: {value}");
        let answer = world.from("192.168.1.5", empty(request("GET", "/rollback").header(name, value))).await;
        assert_eq!(code(answer).await, "403 foreign_origin", "{shown}");
        let answer = world.local(empty(get("/plan?packages=demo-app").header(name, value))).await;
        assert_eq!(code(answer).await, "403 foreign_origin", "{shown}");
        for media_type in [Some("text/plain"), Some("application/octet-stream"), None] {
            let list = request("POST", "/update").header(name, value);
            let list = media_type.into_iter().fold(list, |list, value| list.header("content-type", value));
            let answer = world.from("192.168.1.5", list.body("ZGVtby1hcHA=".into()).unwrap()).await;
            assert_eq!(code(answer).await, "403 foreign_origin", "{shown} {media_type:?}");
        }
    }
    assert!(world.asked.try_recv().is_err());
}

#[tokio::test]
async fn the_old_controller_is_no_browser() {
    let world = World::new(commits);
    let qt = |method: &str, path: &str| {
        request(method, path).header("user-agent", "Mozilla/5.0").header("accept-language", "en-US,*")
    };
    assert_eq!(world.from("192.168.1.5", empty(qt("GET", "/rollback"))).await.status(), 200);
    let update = qt("POST", "/update").header("content-type", "application/json");
    let update = update.body(r#"{"filename":"a","filedata":"ZGVtby1hcHA="}"#.into()).unwrap();
    assert_eq!(world.from("192.168.1.5", update).await.status(), 200);
    let curl = request("GET", "/rollback").header("user-agent", "curl/7.88.1").header("accept", "*/*");
    assert_eq!(world.from("192.168.1.5", empty(curl)).await.status(), 200);
}

#[test]
fn open_doors_are_named() {
    let open = Control { plain_tokens: true, ..settings() };
    insta::assert_snapshot!(open_doors(&open).join("\n"), @r"
    control.legacy: whoever is in 192.168.1.0/24 may update this device and roll it back without a credential
    control.plain_tokens: tokens cross the network in clear text; whoever reads one may update this device
    ");
    assert!(open_doors(&Control { listen: vec![], ..open.clone() }).is_empty());
    let shut = Control { legacy: vec![], token_file: None, plain_tokens: false, ..open };
    insta::assert_snapshot!(open_doors(&shut).join("\n"), @r"control.listen is set, but neither a token nor a legacy network: TCP refuses everybody");
}
