//! Bundles that come in one form: whole, in any order, broken off, wrong.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::Request;
use futures_util::stream::{self, StreamExt};
use serde_json::{Value, json};

use super::world::{Answer, World, manifest};
use crate::api_words::signature;

const BYTES: &[u8] = b"an archive, as far as the server can tell";
const NAME: [(&str, &[u8]); 3] = [("device_type", b"raspberry_pi"), ("distribution", b"alpha"), ("version", b"1.0")];
const BOUNDARY: &str = "belay-tests";

/// The bytes of a form.
fn form(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, content) in parts {
        let head = format!("--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"{name}\"; filename=\"x\"\r\n\r\n");
        bytes.extend([head.as_bytes(), content, b"\r\n"].concat());
    }
    bytes.extend(format!("--{BOUNDARY}--\r\n").into_bytes());
    bytes
}

async fn send(world: &World, bytes: Vec<u8>) -> Answer {
    // Byte by byte: a boundary may be torn anywhere.
    let pieces: Vec<_> = bytes.chunks(7).map(|piece| Ok::<_, String>(Bytes::copy_from_slice(piece))).collect();
    send_body(world, Body::from_stream(stream::iter(pieces))).await
}

async fn send_body(world: &World, body: Body) -> Answer {
    let request = Request::post("/api/v1/releases/publish")
        .header("authorization", format!("Bearer {}", world.admin))
        .header("content-type", format!("multipart/form-data; boundary={BOUNDARY}"))
        .body(body)
        .unwrap();
    world.send(request).await
}

fn parts<'a>(more: &[(&'a str, &'a [u8])]) -> Vec<(&'a str, &'a [u8])> {
    NAME.iter().copied().chain(more.iter().copied()).collect()
}

async fn nothing_stays(world: &World, why: &str) {
    let gone = async {
        while !world.artifacts().is_empty() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), gone)
        .await
        .unwrap_or_else(|_| panic!("{why}: {:?}", world.artifacts()));
}

#[tokio::test]
async fn a_form_publishes_a_bundle_whatever_its_order_and_once() {
    let text = manifest(BYTES).to_string();
    let signature = signature(1, 1);
    let all: [(&str, &[u8]); 7] = [
        NAME[0],
        NAME[1],
        NAME[2],
        ("notes", b"new\nlines"),
        ("manifest", text.as_bytes()),
        ("signature", signature.as_bytes()),
        ("archive", BYTES),
    ];
    for turn in 0..all.len() {
        let world = World::new().await;
        let mut parts = all;
        parts.rotate_left(turn);
        let made = send(&world, form(&parts)).await.expect(201);
        assert_eq!(made["path"], "raspberry_pi/alpha/1.0");
        assert_eq!(made["manifest_url"], "/api/v1/releases/raspberry_pi/alpha/1.0/manifest.json");
        assert_eq!(made["size_bytes"], BYTES.len());
        assert_eq!((&made["signed"], &made["notes"]), (&json!(true), &json!("new\nlines")));
        let archive = world.ask("GET", made["archive_url"].as_str().unwrap(), Value::Null).await;
        assert_eq!((archive.status.as_u16(), archive.bytes.as_slice()), (200, BYTES));
        assert_eq!(send(&world, form(&parts)).await.expect(200), made);
        assert_eq!(world.artifacts().len(), 1);
    }
}

#[tokio::test]
async fn two_forms_at_once_are_one_release() {
    let world = World::new().await;
    let whole = form(&parts(&[("archive", BYTES)]));
    let (one, other) = tokio::join!(send(&world, whole.clone()), send(&world, whole));
    let mut statuses = [one.status.as_u16(), other.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 201]);
    assert_eq!(one.body, other.body);
    let found = world.ask("GET", "/api/v1/releases/raspberry_pi/alpha/1.0/verify", Value::Null).await.expect(200);
    assert_eq!(found["sha256_match"], true);
}

#[tokio::test]
async fn a_form_that_makes_no_sense_is_refused_with_its_part_and_leaves_nothing() {
    let world = World::new().await;
    let wrong = manifest(b"something else").to_string();
    let other = manifest(BYTES).to_string().replace("raspberry_pi", "toaster");
    let (large, notes) = (vec![b'x'; 1025], vec![b'x'; 64 * 1024 + 1]);
    let archive = ("archive", BYTES);
    let cases: Vec<Case<'_>> = vec![
        (vec![NAME[0], NAME[1], archive], 422, "version"),
        (vec![archive, NAME[0], NAME[2]], 422, "distribution"),
        (parts(&[]), 422, "archive"),
        (parts(&[archive, archive]), 422, "archive"),
        (parts(&[NAME[0], archive]), 422, "device_type"),
        (parts(&[archive, ("notse", b"new")]), 422, "notse"),
        (parts(&[archive, ("notes", b"a\0b")]), 422, "notes"),
        (parts(&[archive, ("notes", &notes)]), 413, "notes"),
        (parts(&[archive, ("notes", b"\xff")]), 422, "notes"),
        (parts(&[("archive", &large)]), 413, "archive"),
        (parts(&[("manifest", wrong.as_bytes()), archive]), 422, "archive"),
        (parts(&[archive, ("manifest", wrong.as_bytes())]), 422, "manifest"),
        (parts(&[archive, ("manifest", other.as_bytes())]), 422, "manifest"),
        (parts(&[("manifest", b"{}"), archive]), 422, "manifest"),
        (parts(&[archive, ("signature", b"signed")]), 422, "manifest"),
        (vec![("device_type", &b"a/b"[..]), NAME[1], NAME[2], archive], 422, "device_type"),
    ];
    for (parts, status, field) in cases {
        let answer = send(&world, form(&parts)).await;
        assert_eq!(answer.refused(status).1, field, "{:?}", answer.body);
        nothing_stays(&world, field).await;
    }
    assert_eq!(world.ask("GET", "/api/v1/releases", Value::Null).await.expect(200)["total"], 0);
}

#[tokio::test]
async fn a_form_that_breaks_off_anywhere_leaves_nothing() {
    let world = World::new().await;
    let whole = form(&parts(&[("archive", BYTES), ("notes", b"new")]));
    for end in (0..whole.len() - 4).step_by(11) {
        let answer = send(&world, whole[..end].to_vec()).await;
        assert_eq!(answer.status.as_u16(), 400, "{end}: {:?}", answer.body);
        nothing_stays(&world, "cut").await;
        let broken = stream::iter([Ok(Bytes::copy_from_slice(&whole[..end])), Err("the line went dead")]);
        assert_eq!(send_body(&world, Body::from_stream(broken)).await.status.as_u16(), 400, "{end}");
        nothing_stays(&world, "broken").await;
    }
}

#[tokio::test]
async fn a_client_that_leaves_after_its_archive_leaves_nothing() {
    let world = World::new().await;
    let mut whole = form(&[("archive", BYTES), NAME[0]]);
    whole.truncate(whole.len() - 8);
    let sent = stream::iter([Ok::<_, String>(Bytes::from(whole))]).chain(stream::pending());
    let asked = send_body(&world, Body::from_stream(sent));
    let arrived = async {
        let used = || {
            world.store.read(|connection| {
                Box::pin(
                    async move { Ok(sqlx::query("SELECT used_at FROM artifacts").fetch_all(connection).await?.len()) },
                )
            })
        };
        while used().await.unwrap() == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::select! {
        answer = asked => panic!("it is not all there: {answer:?}"),
        () = arrived => {}
    }
    nothing_stays(&world, "left").await;
}

#[tokio::test]
async fn an_archive_that_was_there_before_a_wrong_form_stays() {
    let world = World::new().await;
    send(&world, form(&parts(&[("archive", BYTES)]))).await.expect(201);
    let mut other = parts(&[("archive", BYTES), ("nonsense", b"")]);
    other[2] = ("version", b"2.0");
    send(&world, form(&other)).await.refused(422);
    let found = world.ask("GET", "/api/v1/releases/raspberry_pi/alpha/1.0/verify", Value::Null).await.expect(200);
    assert_eq!(found["sha256_match"], true);
}

#[tokio::test]
async fn what_is_no_form_is_refused() {
    let world = World::new().await;
    let refused = world.ask("POST", "/api/v1/releases/publish", json!({})).await;
    assert_eq!(refused.refused(415).0, "not_multipart");
    let endless = stream::repeat_with(|| Ok::<_, String>(Bytes::from_static(&[b'x'; 4096])));
    let refused = send_body(&world, Body::from_stream(endless)).await;
    assert_eq!(refused.refused(400).0, "bad_body", "what is no part is not kept until it ends");
    let refused = send_body(&world, Body::from(vec![b'x'; 2 * 1024 * 1024])).await;
    assert_eq!(refused.refused(413).0, "too_large");
}

/// The parts of a form, and what it is answered: status and code.
type Case<'a> = (Vec<(&'a str, &'a [u8])>, u16, &'a str);
