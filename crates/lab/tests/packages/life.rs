//! The life of the packages on a device: install, again, upgrade, remove, purge, and once more.

use belay_lab::{Change, OurDeb};

use crate::stage::{PACKAGES, SUITES, Stage, difference};

#[test]
fn a_fresh_debian_takes_all_three_packages_and_a_second_time_changes_nothing() {
    for suite in SUITES {
        let stage = Stage::new(suite);
        stage.root.install(&PACKAGES);
        for name in PACKAGES {
            assert_eq!(stage.state(name), format!("ii {}", OurDeb::built(name).version()));
        }
        let once = stage.listing();
        stage.root.install(&PACKAGES);
        stage.root.install(&["--reinstall", "belay-agent", "belay-server", "belayctl"]);
        assert_eq!(difference(&once, &stage.listing()), [""; 0], "{suite:?}");
    }
}

#[test]
fn an_upgrade_brings_the_new_files_and_leaves_what_an_administrator_wrote() {
    for suite in SUITES {
        let stage = Stage::new(suite);
        stage.root.install(&["belay-agent", "belay-server"]);
        let edited = "# Mine.\n[health]\nsettle_s = 3\n";
        stage.root.write("/etc/belay/agent.toml", edited);
        stage.root.write("/etc/belay/agent.toml.d/10-own.toml", "[packages]\nlock_timeout_s = 5\n");
        stage.root.write("/var/lib/belay/rollbackFile", "a=1\n");
        stage.root.sh("systemctl --quiet disable belay-guard.timer");
        let bytes = Change::Append { program: "/usr/bin/belay-agent", bytes: b"one more" };
        let settings = Change::Replace { path: "/etc/belay/agent.toml", contents: "# All new.\n" };
        stage.publish("belay-agent", "0.1.1-1", &[bytes, settings.clone()]);
        let settings = Change::Replace { path: "/etc/belay/server.toml", contents: "# All new.\n" };
        stage.publish("belay-server", "0.1.1-1", &[settings]);

        stage.root.install(&["belay-agent", "belay-server"]);

        assert_eq!(stage.state("belay-agent"), "ii 0.1.1-1");
        assert_eq!(stage.root.read("/etc/belay/agent.toml"), edited);
        assert_eq!(stage.root.read("/etc/belay/agent.toml.dpkg-dist"), "# All new.\n");
        assert_eq!(stage.root.read("/etc/belay/server.toml"), "# All new.\n", "nobody had edited that one");
        assert_eq!(stage.root.read("/var/lib/belay/rollbackFile"), "a=1\n");
        assert!(stage.root.read("/usr/bin/belay-agent").ends_with("one more"));
        stage.root.sh("belay-agent config check");
        let enabled = stage.root.run(&["systemctl", "is-enabled", "belay-guard.timer"]);
        assert!(!enabled.status.success(), "what an administrator switched off stays off");
    }
}

#[test]
fn a_downgrade_goes_back_to_the_files_of_before() {
    let stage = Stage::new(SUITES[0]);
    let built = OurDeb::built("belay-agent").version();
    stage.root.install(&["belay-agent"]);
    let before = stage.listing();
    stage.publish("belay-agent", "0.1.1-1", &[Change::Append { program: "/usr/bin/belay-agent", bytes: b"more" }]);
    stage.root.install(&["belay-agent"]);
    assert_ne!(difference(&before, &stage.listing()), [""; 0]);
    stage.root.install(&["--allow-downgrades", &format!("belay-agent={built}")]);
    assert_eq!(difference(&before, &stage.listing()), [""; 0]);
}

#[test]
fn a_removal_keeps_settings_and_state_and_a_purge_leaves_nothing_behind() {
    for suite in SUITES {
        let stage = Stage::new(suite);
        let before = stage.listing();
        stage.root.install(&PACKAGES);
        let kept = ["/etc/belay/keys/me.pub", "/etc/belay/agent.toml.d/a.toml", "/etc/belay/server.toml.d/a.toml"];
        let state = ["/var/lib/belay/host/ledger/0", "/var/lib/belay/rollbackFile", "/var/lib/belay-server/belay.db"];
        for path in kept.into_iter().chain(state) {
            stage.root.write(path, "mine\n");
        }
        stage.root.write("/etc/belay/health/required.d/own", "#!/bin/sh\n");

        stage.root.sh("apt-get -q -y remove belay-agent belay-server belayctl");
        assert_eq!(stage.state("belay-agent").split(' ').next(), Some("rc"));
        for path in kept.into_iter().chain(state).chain(["/etc/belay/agent.toml", "/etc/belay/server.toml"]) {
            assert!(stage.root.path(path).exists(), "{path} is gone");
        }
        assert!(!stage.root.path("/usr/bin/belay-agent").exists());

        stage.root.sh("apt-get -q -y purge belay-agent belay-server belayctl");
        assert_eq!(stage.state("belay-agent"), "");
        assert_eq!(difference(&before, &stage.listing()), [""; 0], "{suite:?}");

        stage.root.install(&PACKAGES);
        stage.root.sh("belay-agent config check");
        assert!(stage.root.path("/etc/belay/agent.toml").exists());
    }
}

#[test]
fn removed_and_installed_again_it_has_its_settings_and_its_state() {
    let stage = Stage::new(SUITES[1]);
    stage.root.install(&["belay-agent"]);
    stage.root.write("/etc/belay/agent.toml", "[log]\nlevel = \"warn\"\n");
    stage.root.write("/var/lib/belay/rollbackFile", "a=1\n");
    stage.root.sh("apt-get -q -y remove belay-agent");
    stage.root.install(&["belay-agent"]);
    assert_eq!(stage.root.read("/etc/belay/agent.toml"), "[log]\nlevel = \"warn\"\n");
    assert_eq!(stage.root.read("/var/lib/belay/rollbackFile"), "a=1\n");
    stage.root.sh("systemctl is-enabled belay-agent.service belay-host.socket belay-guard.timer");
}

#[test]
fn agent_and_server_share_a_folder_and_neither_takes_what_is_the_others() {
    let stage = Stage::new(SUITES[0]);
    stage.root.install(&["belay-agent", "belay-server"]);
    stage.root.write("/etc/belay/keys/me.pub", "mine\n");
    stage.root.sh("apt-get -q -y purge belay-server");
    assert!(stage.root.path("/etc/belay/agent.toml").exists() && stage.root.path("/etc/belay/keys/me.pub").exists());
    stage.root.install(&["belay-server"]);
    stage.root.sh("apt-get -q -y purge belay-agent");
    assert!(stage.root.path("/etc/belay/server.toml").exists());
    assert!(!stage.root.path("/etc/belay/keys").exists());
}
