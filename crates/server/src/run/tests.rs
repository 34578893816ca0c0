//! The server ends when one of its parts does.

use super::*;

async fn ended_with(part: impl Future<Output = &'static str> + Send + 'static) -> Result<(), RunError> {
    let (stop, mut stopped) = watch::channel(false);
    let mut parts = JoinSet::new();
    parts.spawn(part);
    let doors = async {
        stopped.wait_for(|ends| *ends).await.expect("the other end is held");
        Ok(())
    };
    let end = until_the_end(std::future::pending(), doors, &mut parts, &stop);
    tokio::time::timeout(Duration::from_secs(10), end).await.expect("the server ends")
}

#[tokio::test]
async fn a_part_that_ends_by_itself_ends_the_server_with_an_error() {
    let error = ended_with(async { "engine" }).await.unwrap_err().to_string();
    assert!(error.contains("engine"), "{error}");
}

#[tokio::test]
async fn a_part_that_panics_ends_the_server_with_an_error() {
    let error = ended_with(async { panic!("a hole in the engine") }).await.unwrap_err().to_string();
    assert!(error.contains("a hole in the engine"), "{error}");
}
