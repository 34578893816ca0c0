use std::os::unix::fs::symlink;

use super::*;

/// A machine that is nothing but files.
struct Machine(tempfile::TempDir);

impl Machine {
    fn new(files: &[(&str, &str)]) -> Self {
        let machine = Self(tempfile::tempdir().unwrap());
        for (path, text) in files {
            machine.write(path, text);
        }
        machine
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.0.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        crate::durable::write_atomic(&path, text.as_bytes(), 0o644).unwrap();
    }

    fn sources(&self) -> Sources {
        Sources { machine: self.0.path().into(), root: self.0.path().into(), keys: None, device_key: None }
    }

    fn sources_of(&self, root: &str) -> Sources {
        Sources { machine: self.0.path().into(), root: self.0.path().join(root), keys: None, device_key: None }
    }
}

#[test]
fn facts_are_read_from_the_root() {
    let machine = Machine::new(&[
        ("etc/os-release", "NAME=x\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n"),
        (
            "var/lib/dpkg/status",
            "Package: all\nArchitecture: all\n\nPackage: dpkg\nStatus: ok\nArchitecture: riscv64\n\nPackage: z\nArchitecture: armhf\n",
        ),
    ]);
    let facts = machine.sources().facts();
    assert_eq!((facts.os.as_str(), facts.architecture.as_str()), ("Debian GNU/Linux 12 (bookworm)", "riscv64"));
    assert_eq!(facts.agent, env!("CARGO_PKG_VERSION"));
    assert!(facts.capabilities.contains("can_roll_back") && !facts.hostname.is_empty());
}

#[test]
fn a_device_says_that_it_wants_signatures_as_long_as_keys_are_pinned() {
    let machine = Machine::new(&[("etc/belay/keys/README", "no key")]);
    let sources = machine.sources().with_keys(&machine.0.path().join("etc/belay/keys"));
    let capabilities = || sources.facts().capabilities;
    assert!(capabilities().contains("bundle") && !capabilities().contains("signed"), "{:?}", capabilities());
    let before = sources.passing();
    machine.write("etc/belay/keys/release.pub", "untrusted comment: x");
    assert!(capabilities().contains("signed"), "{:?}", capabilities());
    assert_ne!(sources.passing(), before, "a pinned key is told with the next poll");
    assert!(!machine.sources().facts().capabilities.contains("signed"));
}

#[test]
fn an_empty_root_has_the_architecture_of_this_program_and_no_system() {
    let facts = Machine::new(&[]).sources().facts();
    assert_eq!((facts.os.as_str(), facts.architecture.as_str()), ("", built_for()));
}

#[test]
fn a_copied_disk_in_another_machine_is_other_hardware_and_another_identity() {
    let machine = |serial: &str| {
        let serial = format!("{serial}\0");
        Machine::new(&[("etc/machine-id", "4711\n"), ("proc/device-tree/serial-number", &serial)])
    };
    let [one, same, other] = ["a", "a", "b"].map(machine);
    let hardware = |machine: &Machine| machine.sources().facts().hardware;
    assert_eq!(hardware(&one), hardware(&same));
    assert_ne!(hardware(&one), hardware(&other));
    assert_eq!(one.sources().identity(), same.sources().identity());
    assert_ne!(one.sources().identity(), other.sources().identity());
}

/// A machine with network ports: name, address, how that was given, and where the device hangs.
fn with_ports(ports: &[(&str, &str, &str, &str)]) -> Machine {
    let machine = Machine::new(&[("etc/machine-id", "4711\n")]);
    for (name, address, given, device) in ports {
        machine.write(&format!("sys/class/net/{name}/address"), &format!("{address}\n"));
        machine.write(&format!("sys/class/net/{name}/addr_assign_type"), &format!("{given}\n"));
        if !device.is_empty() {
            let device = machine.0.path().join("sys/devices").join(device);
            std::fs::create_dir_all(&device).unwrap();
            symlink(device, machine.0.path().join("sys/class/net").join(name).join("device")).unwrap();
        }
    }
    machine
}

#[test]
fn without_a_number_of_its_board_a_machine_is_told_by_a_port_that_is_soldered_to_it() {
    let stick = ("aaa0", "11:11:11:11:11:11", "0", "pci0/usb1/1-1/1-1:1.0");
    let bridge = ("br0", "aa:aa:aa:aa:aa:aa", "0", "");
    let port = ("eth0", "bb:bb:bb:bb:bb:bb", "0", "pci0/0000:00:1f.6");
    let drawn = |address| ("wlan0", address, "3", "pci0/0000:02:00.0");
    let machine = with_ports(&[stick, bridge, port, drawn("22:22:22:22:22:22")]);
    assert_eq!(machine.sources().hardware(), "bb:bb:bb:bb:bb:bb");
    let renamed = with_ports(&[("a0", "cc:cc:cc:cc:cc:cc", "0", "pci0/1"), ("z0", "bb:bb:bb:bb:bb:bb", "0", "pci0/2")]);
    assert_eq!(renamed.sources().hardware(), "bb:bb:bb:bb:bb:bb", "names of ports say nothing");
}

#[test]
fn an_address_that_is_drawn_anew_leaves_the_machine_what_it_is() {
    let machine = |address| with_ports(&[("wlan0", address, "3", "pci0/0000:02:00.0")]).sources().hardware();
    assert_eq!(machine("22:22:22:22:22:22"), "4711");
    assert_eq!(machine("33:33:33:33:33:33"), "4711");
}

#[test]
fn several_roots_on_one_machine_are_several_identities_on_one_hardware() {
    let machine = Machine::new(&[("etc/machine-id", "4711\n")]);
    let [one, other] = ["one", "other"].map(|root| machine.sources_of(root));
    assert_ne!(one.identity(), other.identity());
    assert_eq!(one.identity(), machine.sources_of("one").identity());
    assert_eq!(one.facts().hardware, other.facts().hardware);
}

#[test]
fn the_name_of_an_older_system_is_told_where_it_is_there() {
    let machine = Machine::new(&[]);
    let path = machine.0.path().join("opt/updates/device_key");
    let sources = || machine.sources().with_device_key(&path);
    assert_eq!(sources().facts().device_key, "");
    machine.write("opt/updates/device_key", "ABC123DEF456GHI789JKL012\n");
    assert_eq!(sources().facts().device_key, "ABC123DEF456GHI789JKL012");
    machine.write("opt/updates/device_key", &"x".repeat(129));
    assert_eq!(sources().facts().device_key, "", "what is no name is not told");
}
