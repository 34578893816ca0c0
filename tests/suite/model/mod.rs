//! A model of dpkg and apt on which a device can be ended after every durable step, held against real runs.
//!
//! `ModelDevice` is a device for the host: its database and its files are real files below its root, so everything of
//! the agent that reads or restores them works on it unchanged. What dpkg 1.21 and apt 2.6 do to them is modelled step
//! by step; `Steps` counts the steps and ends the device, by a panic, after the one that a test chooses. A new
//! `ModelDevice` on the same root then finds what real dpkg would have left behind, its unfinished journal included.
//!
//! The files in `transcripts/` are scenarios with what real programs made of them: states, conffiles, files, and the
//! order of every state and script. `BELAY_RECORD=1` writes them anew, `BELAY_ONLY=name` narrows the tests to some.
//! A new scenario is a file with its `about`, `debs` and `acts`, recorded once.
//!
//! What the recordings taught, and whoever drives dpkg has to know:
//!
//! - Killed while it unpacks, dpkg leaves the *old* version as `reinstreq half-installed`. `apt-get install` of that
//!   very version, by name or from a file, then says that it is there already, exits 0 and does nothing;
//!   `--reinstall` repairs it. On a package that is unpacked or half-configured `--reinstall` is an internal error
//!   ("No file name for"), unless it is `reinstreq`.
//! - Without any source apt refuses everything while a package outside the transaction is `reinstreq`, removals too.
//!   With a source that still has its version it ignores the package.
//! - When dependencies are unmet on the device, apt refuses a call that names only files, even one that would repair
//!   it; the same call with one name beside the files works.
//! - A package that was never unpacked whole has no architecture in the database. apt cannot remove it, and
//!   `dpkg --purge` needs `--force-remove-reinstreq`; its files on their way (`.dpkg-new`) stay for ever.
//! - Killed after files took their place, those that only the new version has stay when the old one is installed
//!   again. Killed in the old `prerm upgrade`, a package is `reinstreq half-configured`: `dpkg --configure -a` fails.
//! - A conffile is moved into place before dpkg notes it. Cut in between, the new version counts as edited by a person
//!   and is kept when the old package comes back.
//! - `prerm failed-upgrade` of the other version is called on the way down as well as up.
//! - apt takes its selection back (`install`) when a removal fails, and thereby puts dpkg's journal away; once it saw
//!   `half-installed` it leaves `deinstall`, and a journal. A purge that fails in `postrm purge` ends as
//!   `install ok config-files`, without conffiles.
//! - apt removes what would be left without a dependency unless it is told not to (`APT::Get::Remove`).
//! - Half-installed without `reinstreq`, as after a failed `postrm remove`: every run of apt first tries to remove it.
//! - apt's package cache tells status files apart by size and whole second: two changes within a second are one to it,
//!   unless `Dir::Cache::pkgcache` is empty.
//!
//! Not modelled: triggers, diversions, alternatives, file permissions and links, several architectures, virtual
//! packages, pre-dependencies, `Breaks` and `Replaces`, essential packages, packages that disappear, dpkg's folding of
//! a journal of 250 entries in mid-run, and the order in which apt handles packages that have nothing to do with one
//! another beyond the few names of the transcripts.

mod apt;
mod apt_run;
mod configure;
mod crashes;
mod database;
mod deb;
mod device;
mod dpkg;
mod marks;
mod md5;
mod real;
mod remove;
mod stage;
mod steps;
mod tests;
mod transact;
mod transcript;
mod unpack;

pub(crate) use deb::ModelDeb;
pub(crate) use device::ModelDevice;
