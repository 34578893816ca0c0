//! Who may order an update: root, members of one group, and the old controller where a port was opened for it.

use belay_testkit::command::transcript;

use crate::device::{Device, Lab};
use crate::packages::demo;

#[test]
fn a_member_of_the_group_updates_the_device_and_anybody_else_is_turned_away() {
    let lab = Lab::offering(&[demo("2.0")]);
    let device = lab.device();
    device.sh("useradd --groups belay alice; useradd mallory");
    let status = device.run(&["runuser", "-u", "mallory", "--", "belay-agent", "status"]);
    assert_eq!(status.status.code(), Some(5), "{}", transcript(&status));
    let update = device.run(&["runuser", "-u", "alice", "--", "belay-agent", "update", "demo=2.0"]);
    assert_eq!(update.status.code(), Some(0), "{}", transcript(&update));
    assert_eq!(device.demo(), "ii 2.0 2.0");
    // Neither of them reaches the host, whatever its socket's folder lets them see.
    for user in ["alice", "mallory"] {
        let knock = format!("runuser -u {user} -- test -w /run/belay-host/host.sock");
        assert!(!device.holds(&knock), "{user} may write to the host's socket");
    }
}

#[test]
fn the_old_controller_pushes_to_a_port_that_a_drop_in_of_the_socket_opened() {
    let lab = Lab::offering(&[demo("2.0")]);
    let root = lab.root();
    root.write("/etc/systemd/system/belay-agent.socket.d/port.conf", "[Socket]\nListenStream=127.0.0.1:5000\n");
    root.write("/etc/belay/agent.toml.d/60-legacy.toml", "[control]\nlegacy = [\"127.0.0.0/8\"]\n");
    let device = Device::boot(&root);
    let before = device.state();
    let list = "ZGVtbz0yLjAK"; // demo=2.0
    let body = format!("{{\"filedata\": \"{list}\", \"filename\": \"packages.txt\"}}");
    let pushed = device.http(|at| at("127.0.0.1:5000").post("/update", "application/json", &body));
    assert_eq!((pushed.status, pushed.text().as_str()), (200, r#"{"status":"Update completed"}"#));
    assert_eq!(device.demo(), "ii 2.0 2.0");
    let status = device.agent(0, "status");
    assert!(status.contains("127.0.0.0/8"), "the status does not say who may push without a credential: {status}");
    let back = device.http(|at| at("127.0.0.1:5000").get("/rollback"));
    assert_eq!((back.status, back.text().as_str()), (200, r#"{"status":"Rollback completed"}"#));
    assert_eq!(device.state(), before);
}
