use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use tokio::sync::Semaphore;

use super::*;
use crate::artifacts::ArtifactError;

#[tokio::test]
async fn who_asks_meanwhile_waits_and_looks_once_and_who_leaves_stops_nobody() {
    let world = World::default();
    let mut first = Box::pin(world.ask(order(1), Ok(stored(true))));
    assert!((&mut first).now_or_never().is_none());
    let others = [world.ask(order(1), Ok(stored(false))), world.ask(order(1), Ok(stored(false)))];
    let mut others = others.map(Box::pin);
    for other in &mut others {
        assert!(other.now_or_never().is_none());
    }
    drop(first);
    assert_eq!(world.begun.load(Relaxed), 1);
    world.go_on.add_permits(2);
    let [one, other] = others;
    let (one, other) = tokio::join!(one, other);
    assert_eq!((one.unwrap(), other.unwrap()), (stored(false), stored(false)));
    assert_eq!(world.begun.load(Relaxed), 2, "both together look what came of it");
}

#[tokio::test]
async fn a_refusal_is_shared_and_whoever_comes_later_begins_anew() {
    let world = World::default();
    let (first, second) = (world.ask(order(1), Err(no_space())), world.ask(order(1), Ok(stored(true))));
    world.go_on.add_permits(1);
    let (first, second) = tokio::join!(first, second);
    for answer in [first, second] {
        assert!(matches!(answer, Err(NotAssembled::Refused(error)) if matches!(*error, ArtifactError::NoSpace)));
    }
    world.go_on.add_permits(1);
    assert_eq!(world.ask(order(1), Ok(stored(true))).await.unwrap(), stored(true));
    assert_eq!(world.begun.load(Relaxed), 2);
}

#[tokio::test]
async fn the_same_artifact_of_other_pieces_waits_until_it_is_its_turn() {
    let world = World::default();
    let mut first = Box::pin(world.ask(order(1), Ok(stored(true))));
    let mut other = Box::pin(world.ask(order(2), Ok(stored(false))));
    assert!((&mut first).now_or_never().is_none() && (&mut other).now_or_never().is_none());
    assert_eq!(world.begun.load(Relaxed), 1);
    world.go_on.add_permits(1);
    assert_eq!(first.await.unwrap(), stored(true));
    assert!((&mut other).now_or_never().is_none());
    assert_eq!(world.begun.load(Relaxed), 2);
    world.go_on.add_permits(1);
    assert_eq!(other.await.unwrap(), stored(false), "its own answer");
    // What makes another artifact waits for nobody.
    let another = Assembly { sha256: Sha256::from_bytes([7; 32]), ..order(1) };
    let _held = Box::pin(world.ask(order(1), Ok(stored(true)))).as_mut().now_or_never();
    world.go_on.add_permits(2);
    world.ask(another, Ok(stored(true))).await.unwrap();
}

#[tokio::test]
async fn who_is_told_by_another_that_pieces_are_missing_looks_again() {
    let world = World::default();
    let mut first = Box::pin(world.ask(order(1), Err(NotAssembled::Missing(Vec::new()))));
    assert!((&mut first).now_or_never().is_none());
    // The last piece may have come in between.
    let mut second = Box::pin(world.ask(order(1), Ok(stored(true))));
    assert!((&mut second).now_or_never().is_none());
    world.go_on.add_permits(2);
    assert!(matches!(first.await, Err(NotAssembled::Missing(_))));
    assert_eq!(second.await.unwrap(), stored(true));
}

#[tokio::test]
async fn one_that_panics_is_told_to_all_and_is_over() {
    let world = World::default();
    let panics = || world.running.answer(order(1), |_| async { panic!("on purpose") });
    let (first, second) = tokio::join!(panics(), panics());
    for answer in [first, second] {
        assert!(matches!(answer, Err(NotAssembled::Failed(error)) if error.kind == Kind::Internal));
    }
    world.go_on.add_permits(1);
    assert_eq!(world.ask(order(1), Ok(stored(true))).await.unwrap(), stored(true));
}

/// Assemblies that begin at once and end when they may.
struct World {
    running: Arc<Running>,
    begun: Arc<AtomicUsize>,
    go_on: Arc<Semaphore>,
}

impl Default for World {
    fn default() -> Self {
        Self { running: Arc::default(), begun: Arc::default(), go_on: Arc::new(Semaphore::new(0)) }
    }
}

impl World {
    /// Asks for one that ends like this, if it begins at all.
    async fn ask(&self, assembly: Assembly, end: Answer) -> Answer {
        let work = |_| {
            self.begun.fetch_add(1, Relaxed);
            let (go_on, end) = (Arc::clone(&self.go_on), end.clone());
            async move {
                go_on.acquire().await.unwrap().forget();
                end
            }
        };
        self.running.answer(assembly, work).await
    }
}

fn order(piece: u8) -> Assembly {
    let pieces = vec![Sha256::from_bytes([piece; 32])];
    Assembly { sha256: Sha256::from_bytes([0; 32]), size: 5, pieces, limit: 9 }
}

fn stored(new: bool) -> Stored {
    Stored { sha256: Sha256::from_bytes([0; 32]), size: 5, new }
}

fn no_space() -> NotAssembled {
    ArtifactError::NoSpace.into()
}
