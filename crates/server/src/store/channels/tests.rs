//! Tests of channels that two change at once.

use jiff::Timestamp;

use super::*;
use crate::store::Store;

#[tokio::test]
async fn a_channel_that_somebody_changed_in_between_is_not_forgotten() {
    let (_folder, store) = Store::temporary().await;
    let outcome = store.write(|connection| {
        Box::pin(async move {
            let read = Channel {
                id: 1,
                device_type: "raspberry_pi".parse().unwrap(),
                distribution: "alpha".parse().unwrap(),
                name: "default".to_owned(),
                target_version: "2.0".parse().unwrap(),
                active: true,
                deployment: None,
                created_at: Timestamp::UNIX_EPOCH,
                updated_at: Timestamp::UNIX_EPOCH,
            };
            insert(connection, &read).await?;
            let changed = Channel { deployment: Some("dep".parse().unwrap()), ..read.clone() };
            update(connection, &read, &changed).await?;
            let stale = delete(connection, &read).await;
            assert!(matches!(stale, Err(StoreError::Stale)), "{stale:?}");
            assert!(by_id(connection, 1).await?.is_some());
            delete(connection, &changed).await?;
            by_id(connection, 1).await
        })
    });
    assert_eq!(outcome.await.unwrap(), None);
}
