//! `belayctl lan …` with one agent on this machine, and `enrol bulk`. Networks of many hosts are in `suite::lan`, hosts
//! behind SSH in `suite::enrol`.

use std::net::{Ipv4Addr, TcpListener};

use super::*;

#[test]
fn a_technician_updates_a_device_without_a_server() {
    let sandbox = demo_sandbox();
    let port = free_port();
    let control = format!("listen = [\"127.0.0.1:{port}\"]\nlegacy = [\"127.0.0.0/8\"]");
    let _agent = launch(&sandbox).control(&control).start();
    let mut transcript = Transcript::of(Operator::new());
    transcript.operator().write("app.list", "demo-app=2.0\n");
    let scan = format!("lan scan --subnet 127.0.0.1/32 --port {port}");
    transcript.run(&format!("{scan} --save")).exits(0).says(&["agent 0.1"]);
    transcript.json_outline(&scan);
    transcript.remark("A line for each device, for spreadsheets.");
    transcript.run(&format!("{scan} -o csv")).exits(0);
    transcript.run_quietly("lan push app.list --to all").exits(0);
    transcript.remark("What is so already is done.");
    transcript.json("lan push app.list --to all");
    transcript.run_quietly("lan rollback --to all").exits(0);
    transcript.run_quietly("lan push app.list --to all").exits(0);
    transcript.json(&format!("lan rollback --to 127.0.0.1:{port}"));
    transcript.remark("Nobody is at that address.");
    transcript.run_quietly("lan push app.list --to 127.0.0.1:9").exits(5);
    transcript.json("lan push app.list --to 127.0.0.1:9");
    transcript.remark("A list that is none is found before anybody is asked.");
    transcript.operator().write("wrong.list", "demo-app=2.0\nDemo App\n");
    transcript.run("lan push wrong.list --to all").exits(1);
    // Said only where the job was seen before it ended, and it may take less than a look.
    for generation in 0..=2 {
        transcript.leave_out(&format!("; generation {generation} is in force"));
    }
    transcript.compare("lan");
}

#[test]
fn many_devices_are_enrolled_over_ssh() {
    let fleet = Fleet::start();
    let mut transcript = Transcript::of(fleet.operator());
    transcript.operator().write("devices.csv", "IP,Hostname\n127.0.0.1,kitchen\n");
    transcript.run_quietly("enrol bulk devices.csv --port 9 --timeout 20").exits(5);
    transcript.json("enrol bulk devices.csv --port 9 --timeout 20");
    transcript.operator().write("wrong.csv", "Name\nkitchen\n");
    transcript.run("enrol bulk wrong.csv").exits(1);
    transcript.compare("enrol");
}

/// A port of loopback that nobody listens at.
fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a free port");
    listener.local_addr().expect("it is bound").port()
}
