//! A disk that is full.

use belay_protocol::Sha256;
use futures_util::StreamExt;
use nix::mount::{MsFlags, mount};

use super::assembled::{assembly, gone, megabyte_pieces, send, service};
use super::process::{run, with_own_mounts};
use super::world::{NOTHING, World, digest_of_megabytes, megabytes};
use crate::artifacts::{ArtifactError, Upload};
use crate::service::NotAssembled;

#[test]
fn a_full_disk_refuses_the_upload_and_keeps_the_rest() {
    with_own_mounts("full_disk::a_full_disk_refuses_the_upload_and_keeps_the_rest", || run(fill()));
}

#[test]
fn pieces_need_room_only_once() {
    with_own_mounts("full_disk::pieces_need_room_only_once", || run(assemble()));
}

#[test]
fn pieces_that_will_not_fit_are_refused_before_they_are_sent() {
    let name = "full_disk::pieces_that_will_not_fit_are_refused_before_they_are_sent";
    with_own_mounts(name, || run(ask()));
}

async fn assemble() {
    let world = small().await;
    let (_folder, service) = service(&world.artifacts).await;
    let pieces = megabyte_pieces(3);
    let assembly = assembly(&pieces);
    for piece in &pieces {
        send(&service, piece).await;
    }
    assert!(service.assemble_artifact(assembly.clone()).await.unwrap().new, "3 MB and 3 MB are more than 5 MB");
    assert_eq!(world.artifacts.digest(assembly.sha256).await.unwrap().0, assembly.sha256);
    gone(&world.artifacts, &assembly.pieces).await;
    unmount(&world);
}

async fn ask() {
    let world = small().await;
    let (_folder, service) = service(&world.artifacts).await;
    let pieces = megabyte_pieces(6);
    let mut missing = Vec::<Sha256>::new();
    for (count, fits) in [(6, false), (5, false), (3, true)] {
        match service.assemble_artifact(assembly(&pieces[..count])).await {
            Err(NotAssembled::Refused(error)) if !fits && matches!(*error, ArtifactError::NoSpace) => {}
            Err(NotAssembled::Missing(named)) if fits => missing = named,
            other => panic!("{count}: {other:?}"),
        }
    }
    assert_eq!(missing.len(), 3);
    unmount(&world);
}

/// A folder on a disk of five megabytes.
async fn small() -> World {
    let world = World::new().await;
    let options = Some("size=5m,mode=0700");
    mount(Some("belay"), world.folder.path(), Some("tmpfs"), MsFlags::empty(), options).unwrap();
    std::fs::create_dir(world.folder.path().join("incoming")).unwrap();
    world
}

fn unmount(world: &World) {
    nix::mount::umount2(world.folder.path(), nix::mount::MntFlags::MNT_DETACH).unwrap();
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
