//! A flat apt repository on disk, made without apt-ftparchive and without a signature.
//!
//! The index files are the record: publishing and retracting edit their stanzas and never look at the pool again, so a
//! corrupted pool file stays at odds with its index. Each change gets a later `Date` than the one before (apt silently
//! ignores an older one) and the same time as the index files' modification time (apt's `file:` method and package
//! cache tell changes by whole seconds).

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::deb::{Deb, control_paragraph, digest_of};
use crate::ownership::{create_dir, hand_over, write};

/// The first `Date` lies this far in the past, so that many changes within one second do not reach the future.
const HEAD_START_SECONDS: u64 = 3600;

/// A repository in a folder of its own.
#[derive(Clone, Debug)]
pub struct Repository {
    dir: PathBuf,
    origin: String,
    label: String,
    suite: String,
}

impl Repository {
    /// Opens the repository in `dir`, or describes one that the first [`Repository::publish`] creates there.
    pub fn new(dir: &Path) -> Self {
        Self { dir: dir.to_owned(), origin: "Belay".to_owned(), label: "Belay".to_owned(), suite: "stable".to_owned() }
    }

    /// Sets the `Origin` of the next release.
    #[must_use]
    pub fn origin(mut self, origin: &str) -> Self {
        self.origin = origin.to_owned();
        self
    }

    /// Sets the `Label` of the next release.
    #[must_use]
    pub fn label(mut self, label: &str) -> Self {
        self.label = label.to_owned();
        self
    }

    /// Sets the `Suite` and `Codename` of the next release.
    #[must_use]
    pub fn suite(mut self, suite: &str) -> Self {
        self.suite = suite.to_owned();
        self
    }

    /// Returns the repository's folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Returns the line for sources.list that names this repository as one in the network would be.
    ///
    /// apt then takes copies: of the indexes by `update`, of packages into its archives folder.
    pub fn distant_source_line(&self) -> String {
        format!("deb [trusted=yes] copy:{} ./", self.dir.display())
    }

    /// Returns the line for sources.list that names this repository as a local one.
    ///
    /// apt then reads index (unless it was empty at the last `update`) and packages in place: changes show without an
    /// `update`, and nothing stays in its archives folder.
    pub fn source_line(&self) -> String {
        format!("deb [trusted=yes] file:{} ./", self.dir.display())
    }

    /// Builds packages into the pool, replacing those of the same name, version and architecture, and indexes them.
    ///
    /// # Panics
    /// When a package cannot be built.
    pub fn publish(&self, debs: &[Deb]) -> Vec<PathBuf> {
        create_dir(&self.pool());
        let mut stanzas = self.stanzas();
        let mut paths = Vec::new();
        for deb in debs {
            let path = deb.build(&self.pool());
            put(&mut stanzas, Stanza::of(&path));
            paths.push(path);
        }
        self.write_indexes(&stanzas);
        paths
    }

    /// Takes in packages that are files already, replacing those of the same file name, and indexes them.
    ///
    /// # Panics
    /// When one cannot be copied or is no package.
    pub fn take_in(&self, debs: &[&Path]) {
        create_dir(&self.pool());
        let mut stanzas = self.stanzas();
        for deb in debs {
            let name = deb.file_name().expect("a package has a file name");
            let path = self.pool().join(name);
            fs::copy(deb, &path).unwrap_or_else(|error| panic!("cannot copy {}: {error}", deb.display()));
            put(&mut stanzas, Stanza::of(&path));
        }
        self.write_indexes(&stanzas);
    }

    /// Removes one version of a package from index and pool.
    ///
    /// # Panics
    /// When it was never published.
    pub fn retract(&self, name: &str, version: &str) {
        let path = self.deb(name, version);
        fs::remove_file(&path).unwrap_or_else(|error| panic!("cannot remove {}: {error}", path.display()));
        let mut stanzas = self.stanzas();
        stanzas.retain(|stanza| !stanza.is(name, version));
        self.write_indexes(&stanzas);
    }

    /// Flips one byte in the middle of a published package, leaving size, time and index as they are.
    ///
    /// # Panics
    /// When it was never published.
    pub fn corrupt(&self, name: &str, version: &str) {
        let path = self.deb(name, version);
        let modified = fs::metadata(&path).and_then(|metadata| metadata.modified()).expect("a pool file has a time");
        let mut contents = fs::read(&path).expect("a pool file can be read");
        let middle = contents.len() / 2;
        contents[middle] ^= 0x01;
        write(&path, contents);
        set_modified(&path, modified);
    }

    /// Puts another package in the place of a published one of its name, version and architecture, leaving the index
    /// as it is: a forgery that dpkg would gladly install.
    ///
    /// # Panics
    /// When the other one was never published.
    pub fn substitute(&self, deb: &Deb) {
        let path = self.deb(deb.name(), deb.version());
        assert_eq!(deb.build(&self.pool()), path, "the forgery has another architecture");
    }

    /// Removes the repository with everything in it, as an archive that went away.
    ///
    /// # Panics
    /// When something in it cannot be removed.
    pub fn delete(&self) {
        fs::remove_dir_all(&self.dir).unwrap_or_else(|error| panic!("cannot remove {}: {error}", self.dir.display()));
    }

    /// Returns the pool file of a published package.
    ///
    /// # Panics
    /// When it was never published.
    pub fn deb(&self, name: &str, version: &str) -> PathBuf {
        let stanzas = self.stanzas();
        let stanza = stanzas
            .iter()
            .find(|stanza| stanza.is(name, version))
            .unwrap_or_else(|| panic!("{name} {version} is not published in {}", self.dir.display()));
        self.dir.join(stanza.filename())
    }

    fn pool(&self) -> PathBuf {
        self.dir.join("pool")
    }

    fn stanzas(&self) -> Vec<Stanza> {
        let text = fs::read_to_string(self.dir.join("Packages")).unwrap_or_default();
        text.split("\n\n").filter(|stanza| !stanza.trim().is_empty()).map(|stanza| Stanza(stanza.to_owned())).collect()
    }

    fn write_indexes(&self, stanzas: &[Stanza]) {
        let date = self.next_date();
        let packages = self.dir.join("Packages");
        let text: String = stanzas.iter().map(|stanza| format!("{}\n\n", stanza.0.trim_end())).collect();
        write(&packages, text);
        let (sha256, size) = digest_of(&packages);
        let release = self.dir.join("Release");
        write(
            &release,
            format!(
                "Origin: {}\nLabel: {}\nSuite: {}\nCodename: {}\nDate: {}\nSHA256:\n {sha256} {size} Packages\n",
                self.origin,
                self.label,
                self.suite,
                self.suite,
                rfc2822(date)
            ),
        );
        for path in [&packages, &release] {
            set_modified(path, UNIX_EPOCH + Duration::from_secs(date));
        }
        hand_over(&self.dir);
    }

    /// Returns a date later than that of the last release, which the file's modification time remembers.
    #[expect(clippy::disallowed_methods, reason = "apt compares the date with its own clock")]
    fn next_date(&self) -> u64 {
        let seconds = |time: SystemTime| time.duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_secs());
        let last = fs::metadata(self.dir.join("Release")).and_then(|metadata| metadata.modified()).map_or(0, seconds);
        (last + 1).max(seconds(SystemTime::now()).saturating_sub(HEAD_START_SECONDS))
    }
}

/// One package's paragraph of the index.
#[derive(Debug)]
struct Stanza(String);

impl Stanza {
    fn of(deb: &Path) -> Self {
        let (sha256, size) = digest_of(deb);
        let name = deb.file_name().expect("a built package has a file name").to_string_lossy();
        Self(format!("{}\nFilename: pool/{name}\nSize: {size}\nSHA256: {sha256}", control_paragraph(deb)))
    }

    fn field(&self, name: &str) -> &str {
        self.0
            .lines()
            .filter_map(|line| line.split_once(": "))
            .find_map(|(field, value)| (field == name).then_some(value))
            .unwrap_or_default()
    }

    fn filename(&self) -> &str {
        self.field("Filename")
    }

    fn is(&self, name: &str, version: &str) -> bool {
        self.field("Package") == name && self.field("Version") == version
    }
}

/// Puts a paragraph in the place of the one of its file, or behind all others.
fn put(stanzas: &mut Vec<Stanza>, stanza: Stanza) {
    stanzas.retain(|other| other.filename() != stanza.filename());
    stanzas.push(stanza);
}

fn set_modified(path: &Path, time: SystemTime) {
    fs::File::options()
        .write(true)
        .open(path)
        .and_then(|file| file.set_modified(time))
        .unwrap_or_else(|error| panic!("cannot set the time of {}: {error}", path.display()));
}

/// Writes seconds since 1970 as the date of a Release file.
fn rfc2822(seconds: u64) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [(&str, u64); 12] = [
        ("Jan", 31),
        ("Feb", 28),
        ("Mar", 31),
        ("Apr", 30),
        ("May", 31),
        ("Jun", 30),
        ("Jul", 31),
        ("Aug", 31),
        ("Sep", 30),
        ("Oct", 31),
        ("Nov", 30),
        ("Dec", 31),
    ];
    let leap = |year: u64| u64::from(year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)));
    let days = seconds / 86400;
    let weekday = DAYS[(days % 7) as usize];
    let (mut year, mut day) = (1970, days);
    while day >= 365 + leap(year) {
        day -= 365 + leap(year);
        year += 1;
    }
    let mut month = 0;
    let length = |month: usize| MONTHS[month].1 + if month == 1 { leap(year) } else { 0 };
    while day >= length(month) {
        day -= length(month);
        month += 1;
    }
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{weekday}, {:02} {} {year} {hour:02}:{minute:02}:{second:02} UTC", day + 1, MONTHS[month].0)
}

#[cfg(test)]
mod tests;
