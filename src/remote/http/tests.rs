mod rounds;
mod troubles;
mod trust;

use belay_testkit::scripted::{Reply, ScriptedServer};

use super::*;

/// Limits that a test can wait for.
const SHORT: Limits = Limits { connect: Duration::from_millis(400), whole: Duration::from_millis(400), body: 1024 };

fn client(server: &ScriptedServer) -> Client {
    client_with(server, SHORT)
}

fn client_with(server: &ScriptedServer, limits: Limits) -> Client {
    Client::new(&server.url().parse().unwrap(), &[], &Proxy::Direct, limits).unwrap()
}

async fn post(client: &mut Client) -> Result<Answer, HttpError> {
    client.post("/api/v1/sync", Some("key"), b"{}".to_vec()).await
}

/// An error with its causes.
fn story(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
