//! An operator under load: one release after the other, each by a canary; every third is called off.

use std::sync::Arc;
use std::time::Duration;

use belay_protocol::DeploymentId;
use belay_protocol::admin::{DeploymentStatus, DeploymentView};
use belay_testkit::soak::random::Random;
use serde_json::{Value, json};

use super::device::NOTHING;
use super::wire::Answer;
use super::world::World;

/// Works until the world is to end, and brings what was begun to its end.
pub(super) async fn work(world: Arc<World>) {
    let mut random = Random::of_case(world.seed, 1);
    let mut round = 0;
    while !world.is_enough() {
        round += 1;
        publish(&world, round).await;
        for _ in 0..5 {
            tag(&world, &mut random).await;
        }
        let id = create(&world, round).await;
        world.book.open().under_way = Some(id.clone());
        steer(&world, &id, "start", |view| view.status != DeploymentStatus::Pending).await;
        let cancelled = round % 3 == 2;
        if cancelled {
            steer(&world, &id, "cancel", |view| view.status == DeploymentStatus::Cancelled).await;
        } else {
            let _ = seen(&world, &id, |view| view.buckets.completed >= view.allowed).await;
            steer(&world, &id, "expand", |view| view.allowed == view.total).await;
        }
        let end = seen(&world, &id, |view| view.ended_at.is_some() && at_work(view) == 0).await;
        let wanted = if cancelled { DeploymentStatus::Cancelled } else { DeploymentStatus::Completed };
        if end.status != wanted {
            world.book.wrong(format!("{id} ended as {:?}: {}", end.status, end.reason));
        }
        let mut pages = world.book.open();
        pages.under_way = None;
        pages.ended.insert(id, cancelled);
    }
}

fn at_work(view: &DeploymentView) -> u64 {
    view.buckets.offered + view.buckets.downloading + view.buckets.installing + view.buckets.verifying
}

async fn publish(world: &World, round: u32) {
    let release = json!({"device_type": "raspberry_pi", "distribution": "alpha", "version": format!("{round}.0"),
        "packages": ["demo-app"]});
    let target = format!("raspberry_pi/alpha/{round}.0");
    loop {
        if ask(world, "release.create", &target, "POST", "/api/v1/releases", &release).await.is_some() {
            return;
        }
    }
}

/// Puts a tag on some device that no device had before.
async fn tag(world: &World, random: &mut Random) {
    let (device, number) = {
        let mut pages = world.book.open();
        let devices: Vec<_> = pages.acknowledged.keys().cloned().collect();
        let Some(last) = u32::try_from(devices.len()).unwrap().checked_sub(1) else { return };
        let device = devices[random.below(last + 1) as usize].clone();
        let number = random.next() >> 1;
        pages.tags.entry(device.clone()).or_default().0.push(number);
        (device, number)
    };
    let path = format!("/api/v1/devices/{device}");
    let change = json!({"tags": [format!("t{number}")]});
    if ask(world, "device.update", device.as_str(), "PATCH", &path, &change).await.is_some() {
        world.book.open().tags.entry(device).or_default().1 = Some(number);
    }
}

/// Makes a deployment; where the answer was lost, it is looked up by its name.
async fn create(world: &World, round: u32) -> DeploymentId {
    let name = format!("round {round}");
    let wish = json!({"name": name, "strategy": {"kind": "canary", "percent": 20},
        "release": {"device_type": "raspberry_pi", "distribution": "alpha", "version": format!("{round}.0")},
        "policy": {"max_in_flight": 25}});
    loop {
        let answer = once(world, "POST", "/api/v1/deployments", &wish).await;
        if let Some(answer) = answer.filter(Answer::is_success) {
            let made: DeploymentView = serde_json::from_value(answer.body).unwrap();
            let mut pages = world.book.open();
            pages.ask("deployment.create", made.id.as_str());
            pages.grant("deployment.create", made.id.as_str());
            return made.id;
        }
        let listed = once(world, "GET", "/api/v1/deployments?page_size=500", &NOTHING).await;
        let listed = listed.map(|answer| answer.body["items"].clone()).unwrap_or_default();
        let made = listed.as_array().into_iter().flatten().find(|deployment| deployment["name"] == name);
        if let Some(made) = made {
            return made["id"].as_str().unwrap().parse().unwrap();
        }
    }
}

/// Gives an order until it is there: the answer to one that was carried out may have been lost.
async fn steer(world: &World, id: &DeploymentId, verb: &str, is_done: impl Fn(&DeploymentView) -> bool) {
    loop {
        let path = format!("/api/v1/deployments/{id}/{verb}");
        if ask(world, &format!("deployment.{verb}"), id.as_str(), "POST", &path, &NOTHING).await.is_some() {
            return;
        }
        if look(world, id).await.is_some_and(|view| is_done(&view)) {
            return;
        }
    }
}

async fn seen(world: &World, id: &DeploymentId, wanted: impl Fn(&DeploymentView) -> bool) -> DeploymentView {
    loop {
        if let Some(view) = look(world, id).await.filter(|view| wanted(view)) {
            return view;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn look(world: &World, id: &DeploymentId) -> Option<DeploymentView> {
    let answer = once(world, "GET", &format!("/api/v1/deployments/{id}"), &NOTHING).await?;
    if answer.status == 404 {
        world.book.wrong(format!("{id} was made and is gone"));
    }
    serde_json::from_value(answer.body).ok()
}

/// Asks for something that the audit log tells of, and writes down that it was granted.
async fn ask(world: &World, action: &str, target: &str, method: &str, path: &str, body: &Value) -> Option<Answer> {
    world.book.open().ask(action, target);
    let answer = once(world, method, path, body).await.filter(Answer::is_success)?;
    world.book.open().grant(action, target);
    Some(answer)
}

/// Asks once; pauses where nobody answered.
async fn once(world: &World, method: &str, path: &str, body: &Value) -> Option<Answer> {
    let answer = world.wire.ask(method, path, &world.operator_token, body).await;
    match &answer {
        None => tokio::time::sleep(Duration::from_millis(20)).await,
        Some(answer) if answer.is_success() || [409, 429, 503].contains(&answer.status) => {}
        Some(answer) => {
            world.book.wrong(format!("{method} {path} was answered {}: {}", answer.status, answer.body));
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    answer
}
