//! A daemon that systemd gave up on is started again for ever; a host that it gave up on too.

use crate::device::{Device, Lab};
use crate::packages::demo;

#[test]
fn a_daemon_that_was_given_up_comes_back_when_what_was_wrong_is_gone() {
    let lab = Lab::offering(&[demo("2.0")]);
    // Once without a restore point, once with the guard's own copy of the program.
    for update in [None, Some("update demo=2.0")] {
        let root = lab.root();
        root.write(
            "/etc/systemd/system/belay-guard.timer.d/quick.conf",
            "[Timer]\nOnBootSec=\nOnUnitInactiveSec=\nOnBootSec=1\nOnUnitInactiveSec=3\nAccuracySec=100ms\n",
        );
        root.write("/etc/systemd/system/belay-agent.service.d/quick.conf", "[Service]\nRestartSec=100ms\n");
        let device = Device::boot(&root);
        if let Some(update) = update {
            device.agent(0, update);
        }
        let settings = "/etc/belay/agent.toml.d/90-wrong.toml";
        device.root().write(settings, "[log]\nlevel = \"no such level\"\n");
        device.sh("systemctl restart --no-block belay-agent");
        device.wait("the end of systemd's patience", "[ \"$(systemctl show -P Result belay-agent)\" != success ] && systemctl is-failed --quiet belay-agent.service");
        device.sh(&format!("rm {settings}"));
        device.wait_served();
        assert_eq!(
            device.sh("systemctl is-active belay-agent.socket belay-host.socket belay-guard.timer"),
            "active\nactive\nactive\n"
        );
        assert_eq!(device.sh("systemctl --failed --no-legend --plain"), "");
        device.agent(0, "status");
    }
}

#[test]
fn a_program_that_hangs_whenever_it_is_started_is_given_up_and_one_that_is_started_on_demand_is_not() {
    let lab = Lab::offering(&[]);
    let device = lab.device();
    let seconds = |unit: &str, property: &str| {
        let text = device.sh(&format!("systemctl cat {unit} | sed -n 's/^{property}=//p'"));
        text.trim().parse::<u32>().unwrap_or_else(|_| panic!("{unit} has no {property}= in seconds: {text:?}"))
    };
    for unit in ["belay-agent.service", "belay-host.service"] {
        let attempt = seconds(unit, "TimeoutStartSec") + seconds(unit, "RestartSec");
        let (burst, interval) = (seconds(unit, "StartLimitBurst"), seconds(unit, "StartLimitIntervalSec"));
        assert!(burst * attempt < interval, "{unit}: {burst} starts of {attempt} s are never within {interval} s");
    }
    // The host ends after half a minute without work, and may be asked for again at once.
    let (burst, interval) = (seconds("belay-host", "StartLimitBurst"), seconds("belay-host", "StartLimitIntervalSec"));
    assert!(burst * 30 > interval, "a host that is asked twice a minute is given up");
}
