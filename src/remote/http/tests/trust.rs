//! Whom the device believes: certificates, good and bad, straight and through a proxy.

use belay_testkit::authority::{Authority, Validity};

use super::*;

const PATIENT: Limits = Limits { connect: Duration::from_secs(10), whole: Duration::from_secs(10), body: 1024 };

fn client_trusting(server: &ScriptedServer, ca_pem: &[&str], proxy: &Proxy) -> Result<Client, TrustError> {
    Client::new(&server.url().parse().unwrap(), ca_pem, proxy, PATIENT)
}

/// A client whose server is behind a name that only a proxy knows.
fn client_through(proxy: &ScriptedServer, user: &str, server: &ScriptedServer, ca_pem: &str) -> Client {
    let through = Proxy::Through(proxy.url().replace("http://", &format!("http://{user}")));
    let url = format!("https://belay.example:{}", server.address().port()).parse().unwrap();
    Client::new(&url, &[ca_pem], &through, PATIENT).unwrap()
}

fn tls_server(authority: &Authority, names: &[&str], validity: Validity) -> ScriptedServer {
    ScriptedServer::start_tls(authority.server(names, validity), |_| Reply::json("{}"))
}

#[tokio::test]
async fn a_certificate_of_the_operators_own_authority_is_trusted() {
    let authority = Authority::new();
    let server = tls_server(&authority, &["127.0.0.1"], Validity::Valid);
    let mut client = client_trusting(&server, &[&authority.pem()], &Proxy::Direct).unwrap();
    for _ in 0..2 {
        assert_eq!(post(&mut client).await.unwrap().status, 200);
    }
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn any_other_certificate_is_refused_before_the_key_is_sent() {
    let (ours, other) = (Authority::new(), Authority::new());
    for (server, why) in [
        (tls_server(&other, &["127.0.0.1"], Validity::Valid), "of a stranger"),
        (tls_server(&ours, &["127.0.0.2"], Validity::Valid), "for another host"),
        (tls_server(&ours, &["127.0.0.1"], Validity::Expired), "that has ended"),
    ] {
        let mut client = client_trusting(&server, &[&ours.pem()], &Proxy::Direct).unwrap();
        let error = post(&mut client).await.expect_err(why);
        assert!(matches!(error, HttpError::Connect(ConnectError::Tls { .. })), "{why}: {error:?}");
        assert!(story(&error).contains("server.ca_file"), "{}", story(&error));
        assert!(server.received().is_empty(), "{why}");
    }
}

#[tokio::test]
async fn a_server_that_speaks_no_tls_is_an_error() {
    let authority = Authority::new();
    let server = ScriptedServer::start(|_| Reply::json("{}"));
    let url = server.url().replace("http://", "https://").parse().unwrap();
    let mut client = Client::new(&url, &[&authority.pem()], &Proxy::Direct, SHORT).unwrap();
    assert!(post(&mut client).await.is_err());
    assert!(server.received().is_empty());
}

#[tokio::test]
async fn tls_goes_through_a_proxy_that_does_not_see_it() {
    let authority = Authority::new();
    let server = tls_server(&authority, &["belay.example"], Validity::Valid);
    let target = server.address();
    let proxy = ScriptedServer::start(move |_| Reply::Tunnel(target));
    let mut client = client_through(&proxy, "me:secret@", &server, &authority.pem());
    assert_eq!(post(&mut client).await.unwrap().status, 200);
    let [asked] = &proxy.received()[..] else { panic!("one tunnel") };
    assert_eq!(asked.line(), format!("CONNECT belay.example:{}", target.port()));
    assert_eq!(asked.header("proxy-authorization"), Some("Basic bWU6c2VjcmV0"));
    assert_eq!(server.received()[0].header("proxy-authorization"), None);
    assert_eq!(server.received()[0].header("authorization"), Some("Bearer key"));
}

#[tokio::test]
async fn a_proxy_that_refuses_is_told_with_its_answer() {
    let authority = Authority::new();
    let server = tls_server(&authority, &["belay.example"], Validity::Valid);
    let proxy = ScriptedServer::start(|_| Reply::status(407, ""));
    let mut client = client_through(&proxy, "", &server, &authority.pem());
    let error = post(&mut client).await.unwrap_err();
    assert!(story(&error).contains("it answers \"HTTP/1.1 407 x\""), "{}", story(&error));
    assert!(server.received().is_empty());
}

#[tokio::test]
async fn what_is_no_certificate_is_refused_when_it_is_set() {
    let server = tls_server(&Authority::new(), &["127.0.0.1"], Validity::Valid);
    for text in ["", "certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        assert!(client_trusting(&server, &[text], &Proxy::Direct).is_err(), "{text:?}");
    }
}

#[tokio::test]
async fn loopback_is_never_asked_through_a_proxy() {
    let server = ScriptedServer::start(|_| Reply::json("{}"));
    let proxy = ScriptedServer::start(|_| Reply::json("{}"));
    let mut client = client_trusting(&server, &[], &Proxy::Through(proxy.url())).unwrap();
    post(&mut client).await.unwrap();
    assert_eq!((server.received().len(), proxy.received().len()), (1, 0));
}

#[test]
fn a_proxys_password_is_not_shown() {
    let proxy = Proxy::Through("http://me:sec@ret@proxy.example:3128".to_owned());
    assert_eq!(format!("{proxy:?}"), "Through(\"proxy.example:3128\")");
}
