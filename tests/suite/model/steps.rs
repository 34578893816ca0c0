//! The durable micro-steps of the model, each of which a test can end the device at.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Counts durable steps and ends the device after the one that a test chose.
#[derive(Debug, Default)]
pub(crate) struct Steps {
    taken: AtomicUsize,
    crash_after: AtomicUsize,
    crash_at: Mutex<Option<String>>,
    trace: Mutex<Vec<String>>,
    watcher: Watcher,
}

/// Whom each step is told.
#[derive(Default)]
struct Watcher(Mutex<Option<Told>>);

type Told = Box<dyn Fn() + Send + Sync>;

impl std::fmt::Debug for Watcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Watcher")
    }
}

impl Steps {
    /// The steps taken so far.
    pub(crate) fn taken(&self) -> usize {
        self.taken.load(Ordering::Relaxed)
    }

    /// Panics once that many steps were taken in all; 0 means never.
    pub(crate) fn crash_after(&self, steps: usize) {
        self.crash_after.store(steps, Ordering::Relaxed);
    }

    /// Panics once the step of that name was taken, and not again.
    pub(crate) fn crash_at(&self, what: &str) {
        *self.crash_at.lock().expect("nobody panics with it") = Some(what.to_owned());
    }

    /// Calls `watcher` after each durable change from now on.
    pub(crate) fn watch(&self, watcher: impl Fn() + Send + Sync + 'static) {
        *self.watcher.0.lock().expect("nobody panics with it") = Some(Box::new(watcher));
    }

    /// Tells the log a state or a script.
    pub(crate) fn tell(&self, line: String) {
        self.trace.lock().expect("nobody panics with it").push(line);
    }

    /// What the log was told from a point on.
    pub(crate) fn trace(&self, from: usize) -> Vec<String> {
        self.trace.lock().expect("nobody panics with it")[from..].to_vec()
    }

    /// Called after each durable change.
    ///
    /// # Panics
    /// After the step that a test chose.
    pub(crate) fn step(&self, what: &str) {
        let taken = self.taken.fetch_add(1, Ordering::Relaxed) + 1;
        // The lock must not be poisoned by a watcher that ends the device.
        let watcher = self.watcher.0.lock().expect("nobody panics with it").take();
        if let Some(watcher) = watcher {
            let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(&watcher));
            *self.watcher.0.lock().expect("nobody panics with it") = Some(watcher);
            if let Err(panic) = outcome {
                std::panic::resume_unwind(panic);
            }
        }
        let chosen = self.crash_at.lock().expect("nobody panics with it").take_if(|chosen| chosen == what);
        assert!(chosen.is_none(), "the power went away at {what}");
        assert!(taken != self.crash_after.load(Ordering::Relaxed), "the power went away after step {taken}: {what}");
    }
}

/// A root on which every change is one step.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Disk<'a> {
    root: &'a Path,
    steps: &'a Steps,
}

impl<'a> Disk<'a> {
    /// The disk below `root`.
    pub(crate) fn new(root: &'a Path, steps: &'a Steps) -> Self {
        Self { root, steps }
    }

    /// The steps taken on it.
    pub(crate) fn steps(&self) -> &'a Steps {
        self.steps
    }

    /// The place of a path of the device.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }

    /// Whether something is there.
    pub(crate) fn has(&self, path: &str) -> bool {
        self.path(path).symlink_metadata().is_ok()
    }

    /// The content of a file; none where it is missing.
    pub(crate) fn read(&self, path: &str) -> Option<String> {
        fs::read_to_string(self.path(path)).ok()
    }

    /// The names in a folder, sorted.
    pub(crate) fn names(&self, folder: &str) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.path(folder)) else { return Vec::new() };
        let mut names: Vec<String> =
            entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    /// Writes a file.
    #[expect(clippy::disallowed_methods, reason = "a crash of the model is a panic: what is written stays")]
    pub(crate) fn write(&self, path: &str, content: &str) {
        self.make_room(path);
        // Never through a hard link: dpkg's backups are links.
        let _ = fs::remove_file(self.path(path));
        fs::write(self.path(path), content).expect("the model's root can be written");
        self.steps.step(path);
    }

    /// Replaces a file so that it is old or new at every moment.
    #[expect(clippy::disallowed_methods, reason = "a crash of the model is a panic: what is written stays")]
    pub(crate) fn replace(&self, path: &str, content: &str) {
        self.make_room(path);
        let new = self.path(&format!("{path}.model-new"));
        fs::write(&new, content).expect("the model's root can be written");
        fs::rename(new, self.path(path)).expect("the model's root can be written");
        self.steps.step(path);
    }

    /// Gives a file another name.
    pub(crate) fn rename(&self, old: &str, new: &str) {
        fs::rename(self.path(old), self.path(new)).expect("the model's root can be written");
        self.steps.step(new);
    }

    /// Gives a file a second name.
    pub(crate) fn link(&self, old: &str, new: &str) {
        fs::hard_link(self.path(old), self.path(new)).expect("the model's root can be written");
        self.steps.step(new);
    }

    /// Removes a file and the folders that it leaves empty; one that is not there is fine.
    pub(crate) fn remove(&self, path: &str) {
        if fs::remove_file(self.path(path)).is_err() {
            return;
        }
        self.steps.step(path);
        let is_database = path.starts_with("/var/lib/");
        for folder in Path::new(path).ancestors().skip(1).filter(|_| !is_database) {
            let folder = self.path(&folder.to_string_lossy());
            if folder.ends_with("etc") || folder.ends_with("usr") || fs::remove_dir(folder).is_err() {
                return;
            }
        }
    }

    fn make_room(&self, path: &str) {
        let parent = self.path(path).parent().expect("a file lies in a folder").to_owned();
        fs::create_dir_all(parent).expect("the model's root can be written");
    }
}
