//! More clients than there is room for.

use std::time::Duration;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::world::{HELLO, World, answer, ask, is_cut, soon};
use crate::serve::Limits;

const WAIT: &str = "GET /wait HTTP/1.1\r\nhost: belay\r\n\r\n";

#[tokio::test]
async fn a_flood_of_silent_connections_leaves_good_clients_served() {
    let world = World::new(Limits { connections: 50, ..Limits::default() });
    let mut flood = Vec::new();
    for _ in 0..10 {
        for _ in 0..50 {
            flood.push(world.connect().await);
        }
        assert!(world.is_served().await);
    }
    assert!(is_cut(&mut flood[0]).await, "the first to come and say nothing is the first to go");
}

#[tokio::test]
async fn thousands_of_connections_leave_a_good_client_served() {
    let (held, flood) = (3000, 6000);
    if !may_open(2 * (held + flood)) {
        eprintln!("SKIPPED: the limit on open files is too low for {flood} connections");
        return;
    }
    let world = World::new(Limits { connections: held as usize, ..Limits::default() });
    let mut resting = world.connect().await;
    assert!(ask(&mut resting, HELLO).await.contains("hello"));
    let mut streams = Vec::new();
    for number in 0..flood {
        let mut stream = world.connect().await;
        // Every other one begins a head and leaves it there.
        if number % 2 == 0 {
            let _ = stream.write_all(b"GET /").await;
        }
        streams.push(stream);
        if number % 500 == 0 {
            assert!(world.is_served().await, "after {number}");
        }
    }
    assert!(world.is_served().await);
    assert!(
        ask(&mut resting, HELLO).await.contains("hello"),
        "who was good before is kept before those who never asked"
    );
}

#[tokio::test]
async fn where_everybody_rests_the_one_that_rests_longest_goes() {
    let world = World::new(Limits { connections: 3, ..Limits::default() });
    let mut streams: Vec<TcpStream> = Vec::new();
    for _ in 0..3 {
        let mut stream = world.connect().await;
        assert!(ask(&mut stream, HELLO).await.contains("hello"));
        // Ages are told apart by the millisecond.
        tokio::time::sleep(Duration::from_millis(5)).await;
        streams.push(stream);
    }
    assert!(ask(&mut streams[0], HELLO).await.contains("hello"));
    assert!(world.is_served().await);
    assert!(is_cut(&mut streams[1]).await);
    assert!(ask(&mut streams[0], HELLO).await.contains("hello"), "it asked a moment ago");
    assert!(ask(&mut streams[2], HELLO).await.contains("hello"));
}

#[tokio::test]
async fn nobody_who_is_being_served_has_to_go_and_newcomers_wait_for_a_place() {
    let mut world = World::new(Limits { connections: 2, ..Limits::default() });
    let (mut first, mut second) = (world.connect().await, world.connect().await);
    first.write_all(WAIT.as_bytes()).await.unwrap();
    second.write_all(WAIT.as_bytes()).await.unwrap();
    soon(world.waiting.wait_for(|count| *count == 2)).await.unwrap();
    let mut newcomer = world.connect().await;
    newcomer.write_all(HELLO.as_bytes()).await.unwrap();
    let early = tokio::time::timeout(Duration::from_millis(300), answer(&mut newcomer)).await;
    assert!(early.is_err(), "there is no place yet, and yet: {early:?}");
    world.gate.notify_one();
    assert!(answer(&mut newcomer).await.contains("hello"), "whoever was served rests now, and makes room");
    world.gate.notify_one();
    let (first, second) = (answer(&mut first).await, answer(&mut second).await);
    assert!(first.contains("done") && second.contains("done"), "{first} {second}");
}

#[tokio::test]
async fn uploads_that_crawl_make_room_where_the_house_is_full() {
    let limits = Limits { connections: 2, body_idle: Duration::from_millis(500), ..Limits::default() };
    let world = World::new(limits);
    let mut crawling = Vec::new();
    for _ in 0..2 {
        let mut stream = world.connect().await;
        stream.write_all(b"POST /length HTTP/1.1\r\nhost: belay\r\ncontent-length: 10000\r\n\r\n").await.unwrap();
        crawling.push(stream);
    }
    let dripping = tokio::spawn(async move {
        // Each byte is in time, so that nothing but the need for room ends it.
        while !crawling.is_empty() {
            tokio::time::sleep(Duration::from_millis(50)).await;
            let mut still = Vec::new();
            for mut stream in crawling.drain(..) {
                if stream.write_all(b"x").await.is_ok() {
                    still.push(stream);
                } else {
                    return true;
                }
            }
            crawling = still;
        }
        false
    });
    assert!(world.is_served().await);
    assert!(soon(dripping).await.unwrap(), "one of those that crawl was cut");
}

#[tokio::test]
async fn an_address_that_has_its_share_pays_for_its_own_newcomers() {
    let world = World::new(Limits { per_address: Some(2), ..Limits::default() });
    let mut neighbour = world.connect_from(3).await;
    let mut mine: Vec<TcpStream> = Vec::new();
    for _ in 0..3 {
        mine.push(world.connect_from(2).await);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(is_cut(&mut mine[0]).await);
    assert!(ask(&mut mine[2], HELLO).await.contains("hello"));
    assert!(ask(&mut neighbour, HELLO).await.contains("hello"));
}

#[tokio::test]
async fn where_the_house_is_full_the_address_with_the_most_connections_pays() {
    let world = World::new(Limits { connections: 10, ..Limits::default() });
    let mut good = world.connect_from(3).await;
    let mut flood = Vec::new();
    for _ in 0..60 {
        flood.push(world.connect_from(2).await);
    }
    assert!(ask(&mut good, HELLO).await.contains("hello"), "it came first and had not even asked yet");
}

/// Raises the limit on open files, where it has to be.
fn may_open(files: u64) -> bool {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    let needed = files + 500;
    soft >= needed || (hard >= needed && setrlimit(Resource::RLIMIT_NOFILE, needed, hard).is_ok())
}
