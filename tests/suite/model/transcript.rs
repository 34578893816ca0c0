//! A transcript: packages, what is done with them one by one, and what that leaves behind.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::{env, fs};

use serde::{Deserialize, Serialize};

use super::deb::ModelDeb;

/// A scenario with what real dpkg and apt make of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Transcript {
    /// What it is about, one sentence.
    pub(crate) about: String,
    /// The packages that the repository offers.
    pub(crate) debs: Vec<ModelDeb>,
    /// What is done, in this order, each with its outcome.
    pub(crate) acts: Vec<Played>,
}

/// An act with its outcome.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Played {
    /// What is done.
    pub(crate) act: Act,
    /// What it leaves behind; absent in a scenario that was not recorded yet.
    #[serde(default)]
    pub(crate) outcome: Outcome,
}

/// Something that a person or a program does to a device. Packages to be installed are written `name=version`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Act {
    /// `apt-get install`, downgrades and held packages allowed.
    AptInstall(Vec<String>),
    /// `apt-get install` of .deb files without any source, as the agent calls it; `name-` removes, `name_` purges.
    AptFiles(Vec<String>),
    /// The same with `--reinstall`.
    AptFilesAgain(Vec<String>),
    /// The same with `--reinstall` and each package named beside its file.
    AptFilesNamed(Vec<String>),
    /// `apt-get remove`.
    AptRemove(Vec<String>),
    /// `apt-get purge`.
    AptPurge(Vec<String>),
    /// `apt-get -f install`.
    AptFix,
    /// `dpkg -i`.
    Install(Vec<String>),
    /// `dpkg -i` with the forces of the ladder's last rung.
    ForceInstall(Vec<String>),
    /// `dpkg --unpack`.
    Unpack(Vec<String>),
    /// `dpkg --unpack`, killed while it writes the package's filler.
    CutUnpack(String),
    /// `dpkg --configure -a`.
    Configure,
    /// `dpkg --remove`.
    Remove(Vec<String>),
    /// `dpkg --purge`.
    Purge(Vec<String>),
    /// `dpkg --purge` with the forces of the ladder's last rung.
    ForcePurge(Vec<String>),
    /// The maintainer script of that name, of that package, is replaced by one that does nothing.
    Neutralise(String, String),
    /// `dpkg --set-selections`.
    Select(BTreeMap<String, String>),
    /// Somebody writes a file.
    Write(BTreeMap<String, String>),
    /// Somebody deletes files.
    Delete(BTreeSet<String>),
}

/// What an act leaves behind.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Outcome {
    /// Whether the program ended with exit code 0.
    pub(crate) succeeds: bool,
    /// Whether dpkg left a journal behind, as it does when it is killed.
    pub(crate) interrupted: bool,
    /// Package, version, want, error flag, status, and the last version configured where dpkg keeps it apart.
    pub(crate) packages: Vec<String>,
    /// Package, conffile and what dpkg remembers of it.
    pub(crate) conffiles: Vec<String>,
    /// Everything below /etc and /usr.
    pub(crate) files: BTreeMap<String, String>,
    /// The states that dpkg noted and the scripts that it called meanwhile, in this order.
    pub(crate) trace: Vec<String>,
}

/// The forces of the ladder's last rung.
pub(crate) const FORCES: &str = "--force-confdef,confold,downgrade,hold,depends,breaks,conflicts,overwrite,\
                                 remove-reinstreq,remove-essential,remove-protected";

/// A device, real or modelled, on which a transcript is played.
pub(crate) trait Stage {
    /// Plays one act and says what it left behind.
    fn play(&self, act: &Act) -> Outcome;
}

impl Transcript {
    /// Plays it on a stage: the same transcript with that stage's outcomes.
    pub(crate) fn on(&self, stage: &dyn Stage) -> Self {
        let play = |played: &Played| Played { act: played.act.clone(), outcome: stage.play(&played.act) };
        Self { acts: self.acts.iter().map(play).collect(), ..self.clone() }
    }

    /// Says where another run of the same scenario first went another way.
    pub(crate) fn difference(&self, other: &Self) -> Option<String> {
        let pairs = self.acts.iter().zip(&other.acts);
        let (number, (told, seen)) = pairs.enumerate().find(|(_, (told, seen))| told.outcome != seen.outcome)?;
        let lines = |outcome: &Outcome| serde_json::to_string_pretty(outcome).expect("an outcome is plain data");
        let (told_lines, seen_lines) = (lines(&told.outcome), lines(&seen.outcome));
        let only = |these: &str, those: &str, mark: char| -> String {
            let those: BTreeSet<&str> = those.lines().collect();
            these.lines().filter(|line| !those.contains(line)).map(|line| format!("\n    {mark}{line}")).collect()
        };
        let mut text = format!("act {} {:?}:", number + 1, told.act);
        text += &only(&told_lines, &seen_lines, '-');
        text += &only(&seen_lines, &told_lines, '+');
        text += &format!("\n    told: {:?}\n    seen: {:?}", told.outcome.trace, seen.outcome.trace);
        Some(text)
    }
}

/// Every transcript with its file, by name. `BELAY_ONLY` narrows them to names that hold its value.
pub(crate) fn all() -> BTreeMap<PathBuf, Transcript> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suite/model/transcripts");
    let only = env::var("BELAY_ONLY").unwrap_or_default();
    let entries = fs::read_dir(&folder).expect("the transcripts are there");
    let paths = entries.map(|entry| entry.expect("the folder can be read").path());
    let paths = paths.filter(|path| path.extension().is_some_and(|extension| extension == "json"));
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).expect("a transcript can be read");
        let transcript = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        (path, transcript)
    };
    paths.filter(|path| path.to_string_lossy().contains(&only)).map(read).collect()
}

/// The paths and contents of everything below /etc and /usr; apt's own settings are no part of it.
pub(crate) fn files_of(root: &Path) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    for folder in ["etc", "usr"] {
        gather(root, &root.join(folder), &mut files);
    }
    files.retain(|path, _| !path.starts_with("/etc/apt"));
    files
}

fn gather(root: &Path, folder: &Path, files: &mut BTreeMap<String, String>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        let name = format!("/{}", path.strip_prefix(root).expect("it lies below the root").display());
        if path.is_dir() {
            gather(root, &path, files);
        } else if name.contains("/filler") {
            files.insert(name, String::new());
        } else {
            files.insert(name, fs::read_to_string(&path).expect("a test's file is text"));
        }
    }
}
