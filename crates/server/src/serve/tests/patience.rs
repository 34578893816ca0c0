//! Clients that are slow, or do nothing at all.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::io::AsyncWriteExt;

use super::world::{HELLO, World, answer, ask, is_cut, soon};
use crate::serve::Limits;

const SHORT: Duration = Duration::from_millis(500);

#[tokio::test]
async fn a_head_that_comes_byte_by_byte_is_cut_while_others_are_served() {
    let world = World::new(Limits { head: SHORT, ..Limits::default() });
    let (mut reader, mut writer) = world.connect().await.into_split();
    let dripping = tokio::spawn(async move {
        // Each byte on its own is in time; all of them together never are.
        while writer.write_all(b"G").await.is_ok() {
            tokio::time::sleep(SHORT / 8).await;
        }
    });
    assert!(world.is_served().await);
    assert!(is_cut(&mut reader).await);
    soon(dripping).await.unwrap();
}

#[tokio::test]
async fn a_client_that_says_nothing_is_cut() {
    let world = World::new(Limits { head: SHORT, ..Limits::default() });
    assert!(is_cut(&mut world.connect().await).await);
}

#[tokio::test]
async fn a_connection_rests_longer_than_a_head_may_take_but_not_for_ever() {
    let limits = Limits { head: SHORT, keep_alive: SHORT * 6, ..Limits::default() };
    let world = World::new(limits);
    let mut stream = world.connect().await;
    assert!(ask(&mut stream, HELLO).await.contains("hello"));
    tokio::time::sleep(SHORT * 3 / 2).await;
    assert!(ask(&mut stream, HELLO).await.contains("hello"), "it rested for less than it may");
    assert!(is_cut(&mut stream).await);
}

#[tokio::test]
async fn a_body_that_stands_still_is_answered_with_408_and_closed() {
    let world = World::new(Limits { body_idle: SHORT, ..Limits::default() });
    let mut stream = world.connect().await;
    let said = ask(&mut stream, "POST /length HTTP/1.1\r\nhost: belay\r\ncontent-length: 10\r\n\r\nhalf").await;
    assert!(said.starts_with("HTTP/1.1 408 "), "{said}");
    assert!(said.contains("connection: close\r\n"), "{said}");
    assert!(said.contains(r#"{"error":"request_timeout","message":"#), "{said}");
    assert!(is_cut(&mut stream).await);
}

#[tokio::test]
async fn a_body_that_is_slow_but_moves_is_taken() {
    let world = World::new(Limits { body_idle: SHORT * 3, ..Limits::default() });
    let mut stream = world.connect().await;
    stream.write_all(b"POST /length HTTP/1.1\r\nhost: belay\r\ncontent-length: 10\r\n\r\n").await.unwrap();
    for _ in 0..10 {
        tokio::time::sleep(SHORT / 3).await;
        stream.write_all(b"x").await.unwrap();
    }
    assert!(answer(&mut stream).await.ends_with("\r\n\r\n10"));
}

#[tokio::test]
async fn a_client_that_never_reads_its_answer_is_cut_and_little_is_made_for_it() {
    let mut world = World::new(Limits { write_stall: SHORT, ..Limits::default() });
    let mut stream = world.connect().await;
    stream.write_all(b"GET /endless HTTP/1.1\r\nhost: belay\r\n\r\n").await.unwrap();
    soon(world.given_up.wait_for(|count| *count == 1)).await.unwrap();
    // What the kernel holds for both ends is not ours to bound.
    let made = world.made.load(Ordering::Relaxed);
    assert!(made < 32 * 1024 * 1024, "{made} bytes were made for somebody who reads none");
    assert!(world.is_served().await);
}

#[tokio::test]
async fn a_head_that_is_too_long_is_refused() {
    let world = World::new(Limits::default());
    let request = format!("GET /hello HTTP/1.1\r\nhost: belay\r\nx: {}\r\n\r\n", "x".repeat(17 * 1024));
    let said = ask(&mut world.connect().await, &request).await;
    assert!(said.starts_with("HTTP/1.1 431 "), "{said}");
    let request = format!("GET /hello HTTP/1.1\r\nhost: belay\r\nx: {}\r\n\r\n", "x".repeat(15 * 1024));
    assert!(ask(&mut world.connect().await, &request).await.contains("hello"));
}

#[tokio::test]
async fn a_client_that_sends_everything_before_it_reads_still_learns_why_it_was_refused() {
    let world = World::new(Limits::default());
    let mut stream = world.connect().await;
    let length = 8 * 1024 * 1024;
    let head = format!("POST /limited HTTP/1.1\r\nhost: belay\r\ncontent-length: {length}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    soon(stream.write_all(&vec![0; length])).await.expect("it is let send all of it");
    let said = answer(&mut stream).await;
    assert!(said.starts_with("HTTP/1.1 413 ") && said.contains(r#""error":"too_large""#), "{said}");
}

#[tokio::test]
async fn a_client_that_goes_on_sending_after_a_refusal_is_cut() {
    let world = World::new(Limits { linger: SHORT, ..Limits::default() });
    let mut stream = world.connect().await;
    stream.write_all(b"POST /refuse HTTP/1.1\r\nhost: belay\r\ncontent-length: 9999999999\r\n\r\n").await.unwrap();
    soon(async { while stream.write_all(&[0; 4096]).await.is_ok() {} }).await;
}

#[tokio::test]
async fn a_handler_that_panics_takes_nobody_with_it() {
    let world = World::new(Limits { connections: 1, ..Limits::default() });
    for _ in 0..3 {
        assert_eq!(ask(&mut world.connect().await, "GET /panic HTTP/1.1\r\nhost: belay\r\n\r\n").await, "");
    }
    assert!(world.is_served().await);
}

#[tokio::test]
async fn what_is_not_json_may_not_be_guessed_at_and_the_server_keeps_its_name_to_itself() {
    let world = World::new(Limits::default());
    let page = ask(&mut world.connect().await, HELLO).await;
    assert!(page.contains("x-content-type-options: nosniff\r\n"), "{page}");
    let json = ask(&mut world.connect().await, "GET /json HTTP/1.1\r\nhost: belay\r\n\r\n").await;
    let (head, _) = json.split_once("\r\n\r\n").unwrap();
    let names: Vec<&str> = head.lines().skip(1).filter_map(|line| line.split_once(':')).map(|(name, _)| name).collect();
    assert_eq!(names, ["content-type", "content-length", "date"]);
}
