//! The whole in one process: agents' real machines and the real server in virtual time, with lost requests, crashes,
//! clock jumps and slow devices. One seed is one history: `SEED=7 DEVICES=200` replays one.

mod checks;
mod device;
mod host;
mod operator;
mod random;
mod world;

use belay_server::store::Store;

use self::world::World;

#[test]
fn every_deployment_ends_and_every_verdict_is_true() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().expect("a number"));
    let devices = u32::try_from(number("DEVICES").unwrap_or(40)).unwrap();
    let seeds = match (number("SEED"), number("SEEDS")) {
        (Some(seed), _) => seed..seed + 1,
        (None, seeds) => 1..seeds.unwrap_or(2) + 1,
    };
    for seed in seeds {
        simulate(seed, devices);
    }
}

#[test]
fn two_thousand_devices_end_well() {
    simulate(1, 2_000);
}

#[test]
fn a_seed_tells_the_same_story_each_time() {
    assert_eq!(simulate(11, 40), simulate(11, 40));
    assert_ne!(simulate(11, 40), simulate(12, 40));
}

/// One history; its digest.
fn simulate(seed: u64, devices: u32) -> u64 {
    println!("simulation: SEED={seed} DEVICES={devices}");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("belay.db").display());
        let store = Store::open(&url, folder.path()).await.unwrap();
        let mut world = World::new(store.clone(), seed, devices).await;
        let digest = world.run().await;
        world.check_end().await;
        println!("simulation: over after {} s, digest {digest:016x}: {:?}", world.now, world.counts);
        store.close().await;
        digest
    })
}
