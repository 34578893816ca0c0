//! apt's configuration, built as data: every run reads a file of ours, and what it is told stands in that file.
//!
//! `APT_CONFIG` is read first and says where the root is; the file given by `-c` is read last and wins.

use std::fmt::{self, Write};
use std::path::Path;

use crate::config::settings::{Packages, Scripts};

/// An apt configuration file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Config {
    text: String,
}

impl Config {
    /// Sets a value.
    pub(crate) fn set(mut self, key: &str, value: impl fmt::Display) -> Self {
        self.line(format_args!("{key} \"{value}\";"));
        self
    }

    /// Adds a value to a list.
    pub(crate) fn add(mut self, key: &str, value: impl fmt::Display) -> Self {
        self.line(format_args!("{key} {{ \"{value}\"; }};"));
        self
    }

    /// Forgets a list that was read before.
    pub(crate) fn clear(mut self, key: &str) -> Self {
        self.line(format_args!("#clear {key};"));
        self
    }

    /// The file's content.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    fn line(&mut self, line: fmt::Arguments<'_>) {
        writeln!(self.text, "{line}").expect("a String takes every text");
    }
}

/// Whether apt's configuration, which knows no quoting, and a shell can carry this path.
pub(crate) fn can_carry(path: &Path) -> bool {
    let fits =
        |text: &str| !text.contains(|c: char| c.is_control() || c.is_whitespace() || "\"'\\$`;&|<>*?%".contains(c));
    path.is_absolute() && path.to_str().is_some_and(|text| fits(text) && !text.contains("::"))
}

/// `APT_CONFIG`: where the root is and how dpkg is called for it.
pub(crate) fn base(root: &Path, scripts: Scripts, is_root: bool) -> Config {
    let mut config = Config::default();
    if !is_root {
        config = config.set("APT::Sandbox::User", "");
    }
    if root == Path::new("/") {
        return config;
    }
    let root = root.display();
    config = config
        .set("Dir", format_args!("{root}/"))
        .set("Dir::State::status", format_args!("{root}/var/lib/dpkg/status"))
        .set("Dir::Bin::dpkg", "/usr/bin/dpkg");
    for option in dpkg_options(root, scripts, is_root) {
        config = config.add("DPkg::Options", option);
    }
    config
}

/// The same without the device's own configuration: no hooks, no settings of others.
pub(crate) fn bare(base: Config) -> Config {
    base.set("Dir::Etc::main", "/dev/null").set("Dir::Etc::parts", "/dev/null")
}

/// The options by which dpkg works on another root than `/`.
pub(crate) fn dpkg_options(root: impl fmt::Display, scripts: Scripts, is_root: bool) -> Vec<String> {
    let mut options = vec![format!("--root={root}"), format!("--log={root}/var/log/dpkg.log")];
    if !is_root {
        options.push("--force-not-root".to_owned());
    }
    match scripts {
        Scripts::Chroot => {}
        Scripts::Chrootless => options.push("--force-script-chrootless".to_owned()),
    }
    options
}

/// For planning and fetching: the device's sources, lists and cache of our own.
pub(crate) fn plan(work: &Path, packages: &Packages) -> Config {
    let seconds = packages.fetch_timeout.as_secs().max(1);
    let config = common()
        .set("Dir::State::Lists", format_args!("{}/lists/", work.display()))
        .set("Dir::Cache", format_args!("{}/cache/", work.display()))
        // apt tells status files apart by size and second: two changes within one would be one to it. The lists' part
        // of the cache stays, and that is what takes long to build.
        .set("Dir::Cache::pkgcache", "")
        .set("APT::Install-Recommends", packages.install_recommends)
        // Without it apt succeeds on old lists when a source is silent.
        .set("APT::Update::Error-Mode", "any")
        // Without it a name such as `lib.` that no source has counts as a pattern.
        .set("APT::Cmd::Pattern-Only", true)
        .set("APT::Get::Show-User-Simulation-Note", false)
        .set("Acquire::Languages", "none")
        .set("Acquire::Retries", 2);
    let hooks = ["APT::Update::Pre-Invoke", "APT::Update::Post-Invoke", "APT::Update::Post-Invoke-Success"];
    let config = hooks.into_iter().fold(config, Config::clear);
    let timeouts = ["Acquire::http::Timeout", "Acquire::https::Timeout", "Acquire::ftp::Timeout"];
    timeouts.into_iter().fold(config, |config, key| config.set(key, seconds))
}

/// For a transaction: no sources, no pins, only the files that are named; `hook` judges what apt is about to do.
pub(crate) fn transaction(work: &Path, packages: &Packages, hook: &Hook<'_>, removals: Removals) -> Config {
    let nothing = ["sourcelist", "sourceparts", "preferences", "preferencesparts"];
    let config = nothing.into_iter().fold(common(), |config, key| config.set(&format!("Dir::Etc::{key}"), "/dev/null"));
    let config = config
        .set("Dir::State::Lists", format_args!("{}/offline/lists/", work.display()))
        .set("Dir::Cache", format_args!("{}/offline/cache/", work.display()))
        .set("Dir::Cache::pkgcache", "")
        .set("Dir::Cache::srcpkgcache", "")
        // A release that no source has is an error, and here there is no source.
        .set("APT::Default-Release", "")
        .set("APT::Install-Recommends", false)
        .set("Dpkg::Use-Pty", 0)
        .set("DPkg::Lock::Timeout", packages.lock_timeout.as_secs())
        .set("APT::Get::Remove", removals != Removals::Forbidden)
        .set("APT::Get::Purge", removals == Removals::Purge);
    let config =
        DPKG_CAUTION.into_iter().fold(config, |config, option| config.add("DPkg::Options", format_args!("--{option}")));
    let program = hook.program.display();
    config
        .add("DPkg::Pre-Install-Pkgs", format_args!("{program} apt-hook {}", hook.expectation.display()))
        .set(&format!("DPkg::Tools::Options::{program}::Version"), 3)
        .set(&format!("DPkg::Tools::Options::{program}::InfoFD"), 0)
}

/// The command that apt runs under its lock, right before dpkg.
#[derive(Debug)]
pub(crate) struct Hook<'a> {
    /// Our own executable.
    pub(crate) program: &'a Path,
    /// The file that says what apt must be about to do.
    pub(crate) expectation: &'a Path,
}

/// What a transaction does with packages that go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Removals {
    /// None may go.
    Forbidden,
    /// Their configuration stays.
    Keep,
    /// Their configuration goes too.
    Purge,
}

/// An edited configuration file stays as it is, without a question; what is written is on the disk before it counts.
pub(crate) const DPKG_CAUTION: [&str; 3] = ["force-confdef", "force-confold", "no-force-unsafe-io"];

fn common() -> Config {
    Config::default()
        .set("APT::Get::Assume-Yes", true)
        .set("APT::Get::allow-downgrades", true)
        .set("APT::Get::allow-change-held-packages", true)
        .set("APT::Get::AutomaticRemove", false)
        .set("APT::Install-Suggests", false)
        // Whatever the device's own configuration allows: what a source signs is what is installed. A source that is
        // marked as trusted where it is listed stays trusted.
        .set("APT::Get::AllowUnauthenticated", false)
        .set("Acquire::AllowInsecureRepositories", false)
        .set("Acquire::AllowDowngradeToInsecureRepositories", false)
        .set("Acquire::AllowWeakRepositories", false)
        .set("quiet", 1)
}
