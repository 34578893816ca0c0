//! The end.

use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::world::{HELLO, World, answer, ask, is_cut, soon};
use crate::serve::{Ended, Limits};

const WAIT: &[u8] = b"GET /wait HTTP/1.1\r\nhost: belay\r\n\r\n";

#[tokio::test]
async fn a_request_under_way_is_finished_and_nobody_new_is_let_in() {
    let mut world = World::new(Limits::default());
    let (mut busy, mut resting) = (world.connect().await, world.connect().await);
    assert!(ask(&mut resting, HELLO).await.contains("hello"));
    busy.write_all(WAIT).await.unwrap();
    soon(world.waiting.wait_for(|count| *count == 1)).await.unwrap();
    world.tell_to_stop();
    assert!(is_cut(&mut resting).await, "who rests is shown out at once");
    soon(async { while TcpStream::connect(world.address).await.is_ok() {} }).await;
    world.gate.notify_one();
    let said = answer(&mut busy).await;
    assert!(said.contains("done") && said.contains("connection: close"), "{said}");
    assert_eq!(world.ended().await, Ended { cut: 0 });
}

#[tokio::test]
async fn a_request_that_does_not_end_within_the_grace_is_cut() {
    let mut world = World::new(Limits { grace: Duration::from_millis(200), ..Limits::default() });
    let mut busy = world.connect().await;
    busy.write_all(WAIT).await.unwrap();
    soon(world.waiting.wait_for(|count| *count == 1)).await.unwrap();
    world.tell_to_stop();
    assert_eq!(answer(&mut busy).await, "");
    assert_eq!(world.ended().await, Ended { cut: 1 });
}
