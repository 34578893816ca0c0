//! What is installed, fails and comes back: a package in three versions, the last of which cannot be configured.

use belay_lab::Archive;
use belay_testkit::Deb;
use belay_testkit::deb::Script;

/// Publishes `scale` 1.0.
pub(crate) fn publish_first(archive: &Archive) {
    archive.publish(&[scale("1.0")]);
}

/// Publishes `scale` 2.0 as well.
pub(crate) fn publish_good(archive: &Archive) {
    archive.publish(&[scale("2.0")]);
}

/// Publishes `scale` 3.0 as well, whose postinst fails once everything is unpacked.
pub(crate) fn publish_broken(archive: &Archive) {
    archive.publish(&[scale("3.0").script(Script::Postinst, "echo 'the scale does not answer' >&2\nexit 7\n")]);
}

fn scale(version: &str) -> Deb {
    Deb::new("scale", version)
        .file("/usr/share/scale/version", version)
        .conffile("/etc/scale.conf", format!("unit = g\n# {version}\n"))
        .script(Script::Preinst, "uname -m >/var/lib/scale.machine\n")
}

/// Prints dpkg's word on the package, such as `2.0 installed`.
pub(crate) const STATE: &str = "dpkg-query -W -f '${Version} ${db:Status-Status}' scale 2>/dev/null || echo none";
