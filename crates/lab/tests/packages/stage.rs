//! A fresh root with our packages within reach of its apt.

use std::collections::BTreeMap;

use belay_lab::{Archive, Base, Change, OurDeb, Root, Site, Suite};
use tempfile::TempDir;

/// The Debian releases that our packages are for.
pub(crate) const SUITES: [Suite; 2] = [Suite::Bookworm, Suite::Trixie];

/// All that we ship.
pub(crate) const PACKAGES: [&str; 3] = ["belay-agent", "belay-server", "belayctl"];

/// A root, and the archive that it installs from.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) root: Root,
    pub(crate) archive: Archive,
    repacked: TempDir,
}

impl Stage {
    /// A fresh root of a release, with what was built in its archive.
    pub(crate) fn new(suite: Suite) -> Self {
        let archive = Archive::new();
        let built = PACKAGES.map(OurDeb::built);
        archive.take_in(&built.each_ref().map(OurDeb::file));
        let root = Site::new().root(suite.name(), &Base::of(suite));
        root.offer(&archive);
        // A base may forbid its packages to start anything; here nothing runs that could start them.
        root.sh("rm -f /usr/sbin/policy-rc.d; apt-get -q update");
        Self { root, archive, repacked: TempDir::with_prefix("belay-packages-").expect("there is a temporary folder") }
    }

    /// Publishes another version of one of our packages, made of the built one.
    pub(crate) fn publish(&self, name: &str, version: &str, changes: &[Change<'_>]) {
        let deb = OurDeb::built(name).repacked(version, changes, self.repacked.path());
        self.archive.take_in(&[deb.file()]);
    }

    /// What dpkg says of a package: `ii 0.1.0-1`, and nothing of one that it never heard of.
    pub(crate) fn state(&self, name: &str) -> String {
        self.root.sh(&format!("dpkg-query -W -f '${{db:Status-Abbrev}}${{Version}}' {name} 2>/dev/null || true"))
    }

    /// Every path of the root and what is in it, but for what apt and dpkg note of their own work.
    pub(crate) fn listing(&self) -> BTreeMap<String, String> {
        let listed = self.root.sh(LISTING);
        let mut listing = BTreeMap::<String, String>::new();
        for (path, is) in listed.lines().filter_map(|line| line.split_once('\t')) {
            listing.entry(path.to_owned()).or_default().push_str(is);
        }
        listing
    }
}

/// The lines that one listing has and the other has not, or has otherwise.
pub(crate) fn difference(before: &BTreeMap<String, String>, after: &BTreeMap<String, String>) -> Vec<String> {
    let gone = before.iter().filter(|(path, _)| !after.contains_key(*path)).map(|(path, _)| format!("- {path}"));
    let new = after.iter().filter(|(path, is)| before.get(*path) != Some(*is));
    gone.chain(new.map(|(path, is)| format!("+ {path} {is}"))).collect()
}

/// Path, mode, owner and group, and where it leads for a link; then the digest of each file. Users stay where they were
/// added.
const LISTING: &str = r#"all() {
    find / -xdev \( -path /proc -o -path /sys -o -path /dev -o -path /run -o -path /srv -o -path /tmp -o -path /var/log \
        -o -path /var/cache -o -path /var/lib/dpkg -o -path /var/lib/apt -o -path /etc/ld.so.cache -o -path '/etc/passwd*' \
        -o -path '/etc/shadow*' -o -path '/etc/group*' -o -path '/etc/gshadow*' -o -path /etc/.pwd.lock \) -prune -o "$@"
}
all -printf '%p\t%m %u %g %l\n'
all -type f -print0 | xargs -0 sha256sum | sed -E 's/^([0-9a-f]+)  (.*)$/\2\t\1/'"#;
