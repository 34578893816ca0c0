//! dpkg's database: a status file of stanzas, and a journal of those that changed since it was written.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::steps::Disk;

/// dpkg's database as one process of dpkg has it in memory.
#[derive(Debug)]
pub(crate) struct Database<'a> {
    disk: Disk<'a>,
    entries: BTreeMap<String, Entry>,
    journal: usize,
}

/// One package of the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Its name.
    pub(crate) name: String,
    /// dpkg's want.
    pub(crate) want: String,
    /// Whether it must be installed again before anything else.
    pub(crate) reinstreq: bool,
    /// Its status.
    pub(crate) status: Status,
    /// Its version.
    pub(crate) version: Option<String>,
    /// Its architecture; a package that was never unpacked has none.
    pub(crate) architecture: Option<String>,
    /// The version that was configured last.
    pub(crate) configured: Option<String>,
    /// What it needs.
    pub(crate) depends: Vec<String>,
    /// What it cannot be together with.
    pub(crate) conflicts: Vec<String>,
    /// The kilobytes that it says it takes.
    pub(crate) installed_kib: u64,
    /// Its conffiles.
    pub(crate) conffiles: Vec<Conffile>,
    /// Whether its status is still to be told to the log: so it is when it was read or has changed.
    pub(crate) untold: bool,
}

/// A conffile as dpkg remembers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Conffile {
    /// Its path.
    pub(crate) path: String,
    /// The digest of its content as it was shipped, or `newconffile`.
    pub(crate) hash: String,
    /// Whether the package does not ship it any more.
    pub(crate) obsolete: bool,
}

/// dpkg's status of a package, in dpkg's own order. Triggers are not modelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Status {
    /// Nothing of it is there.
    NotInstalled,
    /// Only its configuration is there.
    ConfigFiles,
    /// Its files are being written or removed.
    HalfInstalled,
    /// Its files are there.
    Unpacked,
    /// Its configuration was begun.
    HalfConfigured,
    /// It is there.
    Installed,
}

impl<'a> Database<'a> {
    /// Reads the status file and whatever an interrupted dpkg left in its journal.
    pub(crate) fn read(disk: Disk<'a>) -> Self {
        let mut database = Self { disk, entries: BTreeMap::new(), journal: 0 };
        database.take(&disk.read(STATUS).unwrap_or_default());
        for name in disk.names(UPDATES) {
            database.take(&disk.read(&format!("{UPDATES}/{name}")).unwrap_or_default());
            database.journal += 1;
        }
        database
    }

    /// Whether an interrupted dpkg left a journal.
    pub(crate) fn is_interrupted(disk: Disk<'_>) -> bool {
        !disk.names(UPDATES).is_empty()
    }

    /// Reads it to change it: a journal that was left is put away first.
    pub(crate) fn open(disk: Disk<'a>) -> Self {
        let mut database = Self::read(disk);
        if database.journal > 0 {
            database.close();
        }
        database
    }

    /// Makes what one package has become durable.
    pub(crate) fn note(&mut self, name: &str) {
        let entry = self.entry(name);
        let told = format!("{} {} {}", entry.status.word(), entry.name, entry.version());
        let (untold, stanza) = (std::mem::take(&mut entry.untold), entry.stanza());
        if untold {
            self.disk.steps().tell(told);
        }
        self.disk.replace(&format!("{UPDATES}/{:04}", self.journal), &stanza);
        self.journal += 1;
    }

    /// Writes the status file anew and empties the journal, as dpkg does at its end.
    pub(crate) fn close(&mut self) {
        let mut text = String::new();
        // A want outlives its package.
        let kept = |entry: &&Entry| entry.status != Status::NotInstalled || entry.want != "unknown";
        for entry in self.entries.values().filter(kept) {
            text += &entry.stanza();
            text.push('\n');
        }
        self.disk.replace(STATUS, &text);
        for name in self.disk.names(UPDATES) {
            self.disk.remove(&format!("{UPDATES}/{name}"));
        }
        self.journal = 0;
    }

    /// Every package that it knows.
    pub(crate) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values().filter(|entry| entry.status != Status::NotInstalled)
    }

    /// A package that it knows.
    pub(crate) fn find(&self, name: &str) -> Option<&Entry> {
        self.entries.get(name).filter(|entry| entry.status != Status::NotInstalled)
    }

    /// A package, known or not.
    pub(crate) fn entry(&mut self, name: &str) -> &mut Entry {
        self.entries.entry(name.to_owned()).or_insert_with(|| Entry::unknown(name))
    }

    fn take(&mut self, text: &str) {
        for entry in text.split("\n\n").filter(|stanza| !stanza.trim().is_empty()).map(Entry::parse) {
            self.entries.insert(entry.name.clone(), entry);
        }
    }
}

impl Entry {
    /// A package of which nothing is there.
    pub(crate) fn unknown(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            want: "unknown".to_owned(),
            reinstreq: false,
            status: Status::NotInstalled,
            version: None,
            architecture: None,
            configured: None,
            depends: Vec::new(),
            conflicts: Vec::new(),
            installed_kib: 0,
            conffiles: Vec::new(),
            untold: true,
        }
    }

    /// Its version, or what dpkg says where there is none.
    pub(crate) fn version(&self) -> &str {
        self.version.as_deref().unwrap_or("<none>")
    }

    /// dpkg's error flag.
    pub(crate) fn flag(&self) -> &'static str {
        if self.reinstreq { "reinstreq" } else { "ok" }
    }

    /// Gives it a status.
    pub(crate) fn set(&mut self, status: Status) {
        self.untold |= self.status != status;
        self.status = status;
    }

    /// Whether other packages can count on its files.
    pub(crate) fn is_there(&self) -> bool {
        self.status >= Status::HalfInstalled
    }

    /// The last version configured, where dpkg keeps it apart.
    pub(crate) fn configured_apart(&self) -> Option<&str> {
        self.configured.as_deref().filter(|_| !matches!(self.status, Status::Installed | Status::NotInstalled))
    }

    fn stanza(&self) -> String {
        let mut text =
            format!("Package: {}\nStatus: {} {} {}\n", self.name, self.want, self.flag(), self.status.word());
        let mut field = |name: &str, value: &str| writeln!(text, "{name}: {value}").expect("a String takes every text");
        if let Some(architecture) = &self.architecture {
            field("Priority", "optional");
            field("Section", "misc");
            field("Installed-Size", &self.installed_kib.to_string());
            field("Maintainer", "Belay <belay@example.invalid>");
            field("Architecture", architecture);
        }
        if let Some(version) = &self.version {
            field("Version", version);
        }
        if let Some(configured) = self.configured_apart() {
            field("Config-Version", configured);
        }
        for (name, relations) in [("Depends", &self.depends), ("Conflicts", &self.conflicts)] {
            if !relations.is_empty() {
                field(name, &relations.join(", "));
            }
        }
        if !self.conffiles.is_empty() {
            text += "Conffiles:\n";
            self.conffiles.iter().for_each(|conffile| text += &format!(" {}\n", conffile.line()));
        }
        if self.architecture.is_some() {
            text += "Description: test package of Belay\n";
        }
        text
    }

    fn parse(stanza: &str) -> Self {
        let field = |name: &str| stanza.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        let list = |name: &str| field(name).map_or_else(Vec::new, |text| text.split(", ").map(str::to_owned).collect());
        let name = field("Package").expect("a stanza has a name");
        let words: Vec<&str> = field("Status").expect("a stanza has a status").split(' ').collect();
        let [want, flag, status] = words[..] else { panic!("a status has three words: {words:?}") };
        let status = Status::ALL.into_iter().find(|known| known.word() == status);
        let status = status.unwrap_or_else(|| panic!("the model does not know the status of {name}: {words:?}"));
        let version = field("Version").map(str::to_owned);
        let configured = field("Config-Version").map(str::to_owned);
        let lines = stanza.lines().skip_while(|line| *line != "Conffiles:").skip(1);
        Self {
            name: name.to_owned(),
            want: want.to_owned(),
            reinstreq: flag == "reinstreq",
            status,
            configured: if status == Status::Installed { version.clone() } else { configured },
            version,
            architecture: field("Architecture").map(str::to_owned),
            depends: list("Depends"),
            conflicts: list("Conflicts"),
            installed_kib: field("Installed-Size").and_then(|text| text.parse().ok()).unwrap_or(0),
            conffiles: lines.map_while(|line| line.strip_prefix(' ')).map(Conffile::parse).collect(),
            untold: true,
        }
    }
}

impl Conffile {
    /// What dpkg writes of it.
    pub(crate) fn line(&self) -> String {
        format!("{} {}{}", self.path, self.hash, if self.obsolete { " obsolete" } else { "" })
    }

    fn parse(line: &str) -> Self {
        let (line, obsolete) = line.strip_suffix(" obsolete").map_or((line, false), |line| (line, true));
        let (path, hash) = line.rsplit_once(' ').unwrap_or_else(|| panic!("{line:?} is no conffile"));
        Self { path: path.to_owned(), hash: hash.to_owned(), obsolete }
    }
}

impl Status {
    const ALL: [Self; 6] = [
        Self::NotInstalled,
        Self::ConfigFiles,
        Self::HalfInstalled,
        Self::Unpacked,
        Self::HalfConfigured,
        Self::Installed,
    ];

    /// dpkg's word for it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::NotInstalled => "not-installed",
            Self::ConfigFiles => "config-files",
            Self::HalfInstalled => "half-installed",
            Self::Unpacked => "unpacked",
            Self::HalfConfigured => "half-configured",
            Self::Installed => "installed",
        }
    }
}

/// The status file.
pub(crate) const STATUS: &str = "/var/lib/dpkg/status";
const UPDATES: &str = "/var/lib/dpkg/updates";
