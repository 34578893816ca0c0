//! `kill -9` of the server under load, again and again, on the same data: nothing that was promised is lost.
//!
//! A fleet and an operator write down what the server acknowledged; after every death a judge looks for all of it in the
//! database. KILLS says how often (`make kill-server`), SEED when; the instants are the same for the same seed, what the
//! server was at then is not quite.

mod book;
mod device;
mod judge;
mod operator;
mod wire;
mod world;

use std::str::FromStr;

use self::world::{Story, tell};
use crate::databases::{Database, run_on_postgres};

#[test]
fn a_server_killed_again_and_again_under_load_loses_nothing_that_it_acknowledged() {
    let database = Database::sqlite_of_programs();
    let story = Story { seed: setting("SEED", 1), kills: setting("KILLS", 15), servers: 1, devices: 60 };
    println!("SEED={}: {:?}", story.seed, tell(story, &database));
}

#[test]
fn two_servers_on_one_postgres_killed_in_turn_lose_nothing_that_they_acknowledged() {
    run_on_postgres(|database| {
        let story = Story { seed: setting("SEED", 2), kills: setting("KILLS", 12), servers: 2, devices: 60 };
        println!("SEED={}: {:?}", story.seed, tell(story, &database));
    });
}

fn setting<T: FromStr>(name: &str, usual: T) -> T {
    std::env::var(name)
        .ok()
        .map_or(usual, |text| text.parse().unwrap_or_else(|_| panic!("{name}={text:?} is no number")))
}
