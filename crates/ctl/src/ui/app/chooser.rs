//! The file chooser: a folder, what is typed, and what the file under the cursor holds.

use std::path::{Path, PathBuf};

use belay_protocol::PackageList;

use crate::ui::keys::Key;

/// A file chooser.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Chooser {
    /// The folder that is shown.
    pub(crate) folder: PathBuf,
    /// What lies in it: its parent, folders, files.
    entries: Vec<Entry>,
    /// How many files are no text, so that they are not shown.
    pub(crate) omitted: usize,
    /// What was typed: a part of a name, or a path.
    pub(crate) typed: String,
    /// Why what was asked for last cannot be had.
    pub(crate) problem: Option<String>,
    /// Where the cursor stands among the entries that are shown.
    pub(crate) cursor: usize,
    /// What the file under the cursor holds.
    pub(crate) preview: Option<Preview>,
    /// A typed path that was asked for.
    asked: Option<PathBuf>,
    /// What comes after the choice.
    pub(crate) then: Then,
}

/// What comes after a list is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    /// Nothing.
    Nothing,
    /// The update that was wanted without a list.
    Update,
}

/// What lies in a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Entry {
    /// The way up.
    Parent,
    /// A folder, by its name.
    Folder(String),
    /// A file, by its name.
    File(String),
}

/// A folder that was looked into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Folder {
    /// Where it is.
    pub(crate) path: PathBuf,
    /// The folders in it, by name.
    pub(crate) folders: Vec<String>,
    /// The files in it that are text, by name.
    pub(crate) files: Vec<String>,
    /// How many others there are.
    pub(crate) omitted: usize,
}

/// What a file holds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Preview {
    /// The file.
    pub(crate) path: PathBuf,
    /// Its lines.
    pub(crate) lines: Vec<String>,
    /// The packages, or what is wrong.
    pub(crate) verdict: Result<PackageList, Fault>,
}

/// What is wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    /// In which line, counted from 1; nothing where no single line is to blame.
    pub(crate) line: Option<usize>,
    /// What.
    pub(crate) problem: String,
}

/// A list that was chosen.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Chosen {
    /// Its file.
    pub(crate) path: PathBuf,
    /// The packages.
    pub(crate) list: PackageList,
}

/// What a key in the chooser led to.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Choice {
    /// The choosing goes on.
    Open,
    /// The same, and this path is to be looked at.
    Look(PathBuf),
    /// It was given up.
    Dropped,
    /// A list was chosen.
    Made(Chosen),
}

impl Chooser {
    /// One that has not seen its folder yet.
    pub(crate) fn new(folder: PathBuf, then: Then) -> Self {
        Self {
            folder,
            entries: Vec::new(),
            omitted: 0,
            typed: String::new(),
            problem: None,
            cursor: 0,
            preview: None,
            asked: None,
            then,
        }
    }

    /// The entries that what was typed lets through.
    pub(crate) fn shown(&self) -> Vec<&Entry> {
        let wanted = if self.is_path() { String::new() } else { self.typed.to_lowercase() };
        let fits = |entry: &&Entry| match entry {
            Entry::Parent => wanted.is_empty(),
            Entry::Folder(name) | Entry::File(name) => name.to_lowercase().contains(&wanted),
        };
        self.entries.iter().filter(fits).collect()
    }

    /// A folder was looked into.
    pub(crate) fn enter(&mut self, folder: Folder) -> Choice {
        let Folder { path, folders, files, omitted } = folder;
        let up = path.parent().map(|_| Entry::Parent);
        let entries: Vec<Entry> = up
            .into_iter()
            .chain(folders.into_iter().map(Entry::Folder))
            .chain(files.into_iter().map(Entry::File))
            .collect();
        // The first file is what one most likely came for.
        let first = entries.iter().position(|entry| matches!(entry, Entry::File(_)));
        *self = Self { entries, omitted, cursor: first.unwrap_or(0), ..Self::new(path, self.then) };
        self.look()
    }

    /// A file was read. It is taken at once where its path was typed.
    pub(crate) fn read(&mut self, path: PathBuf, text: Result<String, String>) -> Choice {
        let was_typed = self.asked.as_ref() == Some(&path);
        if was_typed {
            self.asked = None;
        }
        let preview = Preview::new(path, text);
        if !was_typed && self.path_at_cursor().is_none_or(|current| current != preview.path) {
            return Choice::Open;
        }
        let made = was_typed.then(|| preview.chosen()).flatten();
        if let Err(fault) = &preview.verdict {
            self.problem = was_typed.then(|| fault.to_string());
        }
        self.preview = Some(preview);
        made.map_or(Choice::Open, Choice::Made)
    }

    /// A folder or file cannot be had.
    pub(crate) fn refuse(&mut self, problem: String) {
        self.asked = None;
        self.problem = Some(problem);
    }

    /// A key was pressed.
    pub(crate) fn on(&mut self, key: Key) -> Choice {
        self.problem = None;
        match key {
            Key::Char(character) => self.typed.push(character),
            Key::Backspace if self.typed.is_empty() => return self.up(),
            Key::Backspace => drop(self.typed.pop()),
            Key::Escape if self.typed.is_empty() => return Choice::Dropped,
            Key::Escape => self.typed.clear(),
            Key::Interrupt => return Choice::Dropped,
            Key::Left => return self.up(),
            Key::Enter | Key::Right | Key::Tab => return self.take(),
            Key::Go(step) => {
                self.cursor = step.apply(self.cursor, self.shown().len());
                return self.look();
            }
        }
        self.cursor = 0;
        self.look()
    }

    fn take(&mut self) -> Choice {
        if self.is_path() {
            let path = self.typed_path();
            self.asked = Some(path.clone());
            return Choice::Look(path);
        }
        match self.shown().get(self.cursor) {
            Some(Entry::Parent) => self.up(),
            Some(Entry::Folder(name)) => Choice::Look(self.folder.join(name)),
            Some(Entry::File(_)) => match &self.preview {
                Some(preview) => {
                    let name = name_of(&preview.path);
                    self.problem =
                        preview.verdict.is_err().then(|| format!("{name} is no package list: see on the right"));
                    preview.chosen().map_or(Choice::Open, Choice::Made)
                }
                None => Choice::Open,
            },
            None => {
                self.problem = Some("there is nothing of that name here".to_owned());
                Choice::Open
            }
        }
    }

    fn up(&self) -> Choice {
        self.folder.parent().map_or(Choice::Open, |parent| Choice::Look(parent.to_owned()))
    }

    /// The file under the cursor has to be read, unless that was done.
    fn look(&mut self) -> Choice {
        let path = self.path_at_cursor();
        if self.preview.as_ref().map(|preview| &preview.path) == path.as_ref() {
            return Choice::Open;
        }
        self.preview = None;
        path.map_or(Choice::Open, Choice::Look)
    }

    fn path_at_cursor(&self) -> Option<PathBuf> {
        match self.shown().get(self.cursor)? {
            Entry::File(name) => Some(self.folder.join(name)),
            Entry::Parent | Entry::Folder(_) => None,
        }
    }

    /// Whether a path is being typed rather than a part of a name.
    pub(crate) fn is_path(&self) -> bool {
        self.typed.contains('/') || self.typed.starts_with('~')
    }

    fn typed_path(&self) -> PathBuf {
        // The home folder is resolved by whoever opens the path: it is not part of what is known here.
        if self.typed.starts_with('~') { PathBuf::from(&self.typed) } else { self.folder.join(&self.typed) }
    }
}

impl Preview {
    fn new(path: PathBuf, text: Result<String, String>) -> Self {
        let text = match text {
            Ok(text) => text,
            Err(problem) => return Self { path, lines: Vec::new(), verdict: Err(Fault { line: None, problem }) },
        };
        let verdict = match text.parse::<PackageList>() {
            Ok(list) if list.is_empty() => Err(Fault { line: None, problem: "names no package".to_owned() }),
            Ok(list) => Ok(list),
            Err(error) => Err(Fault { line: Some(error.line()), problem: error.to_string() }),
        };
        // What a file says goes to the screen: no character of it may steer the terminal.
        let plain = |line: &str| line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        Self { path, lines: text.lines().map(plain).collect(), verdict }
    }

    fn chosen(&self) -> Option<Chosen> {
        let list = self.verdict.as_ref().ok()?.clone();
        Some(Chosen { path: self.path.clone(), list })
    }
}

impl Chosen {
    /// What its file is called.
    pub(crate) fn name(&self) -> String {
        name_of(&self.path)
    }
}

/// The last part of a path, as text.
pub(crate) fn name_of(path: &Path) -> String {
    path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.problem)
    }
}

#[cfg(test)]
mod tests;
