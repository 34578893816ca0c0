//! Devices that announce themselves, by the service file that we ship and a real announcer.

use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};

use belay_testkit::network::Station;
use belay_testkit::ownership::write;
use belay_testkit::process_tree::Tree;
use belay_testkit::tools::unpacked;
use belay_testkit::wait_until;

use super::world::*;
use crate::support::{PATIENCE, demo_sandbox, skipped};

const AVAHI: [&str; 5] = ["avahi-daemon", "libavahi-core7", "libavahi-common3", "libdaemon0", "libdbus-1-3"];

/// What we ship for it.
const SERVICE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../packaging/announce/belay.service");

/// Gives the daemon an /etc/avahi, a user and a /run of its own, in a private mount namespace.
const PRIVATE: &str = "\
set -eu
mount -t tmpfs tmpfs /mnt
mkdir -p /mnt/upper/avahi/services /mnt/work
cp \"$1\" /mnt/upper/avahi/services/
cp /etc/passwd /etc/group /mnt/upper/
echo avahi:x:65534:65534::/:/bin/false >> /mnt/upper/passwd
echo avahi:x:65534: >> /mnt/upper/group
mount -t overlay -o lowerdir=/etc,upperdir=/mnt/upper,workdir=/mnt/work overlay /etc
mount -t tmpfs tmpfs /run
mkdir /run/avahi-daemon
shift
exec \"$@\"
";

/// A running announcer; killed when it is dropped.
struct Announcer(Child);

impl Announcer {
    /// Starts avahi-daemon on a station, with our service file.
    fn start(lan: &Lan, station: &Station, name: &str, avahi: &Path) -> Self {
        let settings = lan.operator.path(&format!("{name}.conf"));
        write(&settings, format!("[server]\nhost-name={name}\nuse-ipv6=no\nenable-dbus=no\n"));
        let mut command = foreign(station.door(), avahi, "unshare");
        let log = lan.operator.path(&format!("{name}.log"));
        let file = fs::File::create(&log).unwrap();
        command.args(["--mount", "--propagation", "private", "--", "/bin/sh", "-c", PRIVATE, "sh", SERVICE]);
        command.arg(avahi.join("usr/sbin/avahi-daemon")).arg("-f").arg(&settings);
        command.args(["--no-drop-root", "--no-chroot", "--no-rlimits"]);
        command.stdout(Stdio::from(file.try_clone().unwrap())).stderr(Stdio::from(file));
        let announcer = Self(command.spawn().unwrap());
        wait_until(&format!("{name} to announce itself, see {}", log.display()), PATIENCE, || {
            fs::read_to_string(&log).unwrap_or_default().contains("successfully established").then_some(())
        });
        announcer
    }
}

impl Drop for Announcer {
    fn drop(&mut self) {
        Tree::default().below(self.0.id().cast_signed()).kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_device_that_announces_itself_is_found_under_its_name() {
    let Some(lan) = Lan::new() else { return };
    let Some(avahi) = unpacked(&AVAHI) else {
        skipped("there is no avahi-daemon to be had");
        return;
    };
    let sandbox = demo_sandbox();
    let (kitchen, shed) = (lan.network.station(60), lan.network.station(61));
    let _agents = start_all([open_agent(&kitchen, &sandbox)]);
    let _announcers =
        [("kitchen", &kitchen), ("shed", &shed)].map(|(name, station)| Announcer::start(&lan, station, name, &avahi));

    let scan = lan.run(&["lan", "scan", "--json"]);
    let found = scan.exits(0).json();
    let device = &found["devices"][0];
    assert_eq!((&device["address"], &device["name"]), (&"10.77.0.60:5000".into(), &"kitchen".into()), "{found:#}");
    assert_eq!(device["version"], env!("CARGO_PKG_VERSION"));
    let remark = "shed announces itself at 10.77.0.61:5000, but it does not answer: connection refused; an agent \
                  listens there once `control.listen` says so";
    assert_eq!(found["remarks"], serde_json::json!([remark]), "{found:#}");
}
