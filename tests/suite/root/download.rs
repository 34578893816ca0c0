//! Where apt runs as root it downloads as its own user, `_apt`, also into the agent's folders.

use std::collections::BTreeSet;

use belay_testkit::command::succeed;
use belay_testkit::root_tier::{FileServer, root};
use nix::unistd::User;

use super::*;

#[test]
fn apt_downloads_without_root_rights() {
    on_a_device_with_a_server("apt_downloads_without_root_rights", |device, server, apt| {
        let before = census();
        let halves = Halves::start(device);
        assert_committed(&update(device, &halves, &["demo-app=2.0"]));
        // The old version was captured by download as well, for apt's cache no longer had it.
        for file in ["Packages", "demo-app_1.0_all.deb", "demo-app_2.0_all.deb"] {
            assert_eq!(server.users_of(file), BTreeSet::from([apt]), "{file} was asked for by others");
        }
        device.repository().delete();
        assert_gone_back(&rollback(device, &halves));
        before.assert_same(&census());
    });
}

#[test]
fn a_deb_that_the_vault_lost_is_had_from_the_source_again() {
    on_a_device_with_a_server("a_deb_that_the_vault_lost_is_had_from_the_source_again", |device, server, apt| {
        let before = census();
        let halves = Halves::start(device);
        assert_committed(&update(device, &halves, &["demo-app=2.0"]));
        let lose = "grep -rl '^!<arch>' /var/lib/belay/host/vault | xargs -r rm -v | grep -c removed";
        assert_eq!(succeed(root("sh").args(["-c", lose])), "2\n", "the vault held both versions");
        assert_gone_back(&rollback(device, &halves));
        assert_eq!(server.users_of("demo-app_1.0_all.deb"), BTreeSet::from([apt]));
        before.assert_same(&census());
    });
}

/// A device with demo-app 1.0 from a server on the loopback, and the number of apt's own user.
#[track_caller]
fn on_a_device_with_a_server(test: &str, body: impl FnOnce(&RootDevice, &FileServer, u32)) {
    as_root(&format!("download::{test}"), |device| {
        let Ok(Some(user)) = User::from_name("_apt") else { return skipped("needs apt's own user, _apt") };
        if !["/usr/sbin/ip", "/sbin/ip"].iter().any(|path| Path::new(path).exists()) {
            return skipped("needs iproute2 for the loopback");
        }
        let server = FileServer::start(device.repository().dir());
        device.offer_from(&server.source_line());
        device.offer(&[demo("1.0"), demo("2.0")], &["demo-app=1.0"]);
        succeed(root("apt-get").arg("clean"));
        body(device, &server, user.uid.as_raw());
    });
}
