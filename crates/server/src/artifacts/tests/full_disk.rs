//! A disk that is full.

use futures_util::StreamExt;
use nix::mount::{MsFlags, mount};

use super::process::{run, with_own_mounts};
use super::world::{NOTHING, World, digest_of_megabytes, megabytes};
use crate::artifacts::Upload;

#[test]
fn a_full_disk_refuses_the_upload_and_keeps_the_rest() {
    with_own_mounts("full_disk::a_full_disk_refuses_the_upload_and_keeps_the_rest", || run(fill()));
}

async fn fill() {
    let world = World::new().await;
    let options = Some("size=4m,mode=0700");
    mount(Some("belay"), world.folder.path(), Some("tmpfs"), MsFlags::empty(), options).unwrap();
    std::fs::create_dir(world.folder.path().join("incoming")).unwrap();
    let large = Upload { expected: Some(digest_of_megabytes(8)), announced: None, limit: 1 << 30 };
    for announced in [None, Some(8 << 20)] {
        // What says how long it is need not be read for this.
        let stream = megabytes(8).inspect(|_| assert!(announced.is_none(), "nothing of it is read"));
        let refused = world.artifacts.put(Upload { announced, ..large }, stream).await.unwrap_err();
        assert_eq!((refused.code(), refused.status().as_u16()), ("disk_full", 507), "announced: {announced:?}");
        assert_eq!(world.files(), NOTHING, "announced: {announced:?}");
    }
    let small = Upload { expected: Some(digest_of_megabytes(2)), announced: Some(2 << 20), limit: 1 << 30 };
    assert!(world.artifacts.put(small, megabytes(2)).await.unwrap().new, "there is room for this one");
    nix::mount::umount2(world.folder.path(), nix::mount::MntFlags::MNT_DETACH).unwrap();
}
