//! A device with the agent installed and a service of its user's, as most tests begin.

use std::ops::Deref;

use belay_lab::{Archive, Base, Container, OurDeb, Root, Site, Suite};
use belay_testkit::Deb;
use belay_testkit::command::transcript;

use crate::packages::demo;

/// A place with a package archive, in which devices are made.
#[derive(Debug)]
pub(crate) struct Lab {
    pub(crate) site: Site,
    pub(crate) archive: Archive,
}

/// A booted device.
#[derive(Debug)]
pub(crate) struct Device {
    container: Container,
}

impl Lab {
    /// A place whose archive holds our packages as built, and these.
    pub(crate) fn offering(debs: &[Deb]) -> Self {
        let lab = Self { site: Site::new(), archive: Archive::new() };
        lab.archive.take_in(&[OurDeb::built("belay-agent").file()]);
        lab.archive.publish(debs);
        lab
    }

    /// A Debian with nothing of ours, that knows the archive.
    pub(crate) fn debian(&self, name: &str, suite: Suite) -> Root {
        let root = self.site.root(name, &Base::of(suite));
        root.offer(&self.archive);
        root
    }

    /// A root with the agent and version 1.0 of the demo service installed, not booted yet.
    pub(crate) fn root(&self) -> Root {
        self.archive.publish(&[demo("1.0")]);
        let root = self.debian("device", Suite::Bookworm);
        root.install(&["belay-agent", "demo=1.0"]);
        root.write("/etc/belay/agent.toml.d/50-test.toml", QUICK);
        root
    }

    /// The same, booted.
    pub(crate) fn device(&self) -> Device {
        Device::boot(&self.root())
    }
}

impl Device {
    /// Boots a root, on which nothing may fail.
    #[track_caller]
    pub(crate) fn boot(root: &Root) -> Self {
        let device = Self { container: Container::boot(root) };
        assert_eq!(device.sh("systemctl --failed --no-legend --plain"), "", "units failed at boot");
        device.wait_served();
        device
    }

    /// Waits until the daemon has heard from its host.
    #[track_caller]
    pub(crate) fn wait_served(&self) {
        self.wait(
            "the agent",
            "belay-agent status && systemctl show -P StatusText belay-agent | grep -qx 'in service'",
        );
    }

    /// Runs the agent's command line as root, which must end with this code; returns what it said.
    #[track_caller]
    pub(crate) fn agent(&self, code: i32, arguments: &str) -> String {
        let said = self.run(&["sh", "-c", &format!("exec timeout 120 belay-agent {arguments}")]);
        assert_eq!(said.status.code(), Some(code), "`belay-agent {arguments}`: {}", transcript(&said));
        transcript(&said)
    }

    /// What an update must either change as ordered or leave alone: packages, marks, holds, enabled units, /etc.
    #[track_caller]
    pub(crate) fn state(&self) -> String {
        self.sh(
            "dpkg-query -W -f '${Package} ${Version} ${db:Status-Want} ${db:Status-Eflag} ${db:Status-Status}\\n'; \
             apt-mark showmanual; apt-mark showhold; \
             find /etc -xdev -not -path '/etc/ld.so.cache' \\( -type f -exec sha256sum {} + -o -type l -printf '%p %l\\n' \\) | sort; \
             systemctl is-active demo; demo",
        )
    }

    /// The version of the demo service that dpkg has installed, and that its program says it is.
    #[track_caller]
    pub(crate) fn demo(&self) -> String {
        self.sh("dpkg-query -W -f '${db:Status-Abbrev}${Version} ' demo; demo").trim().to_owned()
    }

    /// Pulls the plug.
    pub(crate) fn cut_power(self) -> Root {
        self.container.cut_power()
    }

    /// Waits until it has gone down by itself.
    #[track_caller]
    pub(crate) fn wait_end(self) -> Root {
        self.container.wait_end()
    }
}

impl Deref for Device {
    type Target = Container;

    fn deref(&self) -> &Container {
        &self.container
    }
}

/// Waits that would make tests long.
pub(crate) const QUICK: &str = "[health]\nsettle_s = 1\n";
