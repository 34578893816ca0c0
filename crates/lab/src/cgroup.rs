//! Control groups for containers: systemd as PID 1 needs one that no other systemd is in.

use std::fs;
use std::path::{Path, PathBuf};

/// One group in every hierarchy that systemd uses on this machine.
#[derive(Debug)]
pub(crate) struct Cgroups {
    folders: Vec<PathBuf>,
}

impl Cgroups {
    /// Makes the groups of this name.
    ///
    /// # Panics
    /// When this process may not.
    pub(crate) fn new(name: &str) -> Self {
        let folders: Vec<PathBuf> = hierarchies().iter().map(|hierarchy| hierarchy.join(name)).collect();
        for folder in &folders {
            fs::create_dir_all(folder).unwrap_or_else(|error| panic!("cannot make {}: {error}", folder.display()));
        }
        Self { folders }
    }

    /// The files that take a process into them.
    pub(crate) fn entrances(&self) -> impl Iterator<Item = PathBuf> {
        self.folders.iter().map(|folder| folder.join("cgroup.procs"))
    }
}

impl Drop for Cgroups {
    fn drop(&mut self) {
        // A group can be removed when it is empty and has no groups in it; whoever is left keeps it.
        self.folders.iter().for_each(|folder| remove(folder));
    }
}

fn remove(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove(&entry.path());
        }
    }
    let _ = fs::remove_dir(folder);
}

/// Where systemd's own hierarchy and the unified one are mounted.
fn hierarchies() -> Vec<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let of_systemd = |line: &&str| {
        let mut fields = line.split(' ').skip(2);
        match fields.next() {
            Some("cgroup2") => true,
            Some("cgroup") => fields.next().is_some_and(|options| options.contains("name=systemd")),
            _ => false,
        }
    };
    mounts.lines().filter(of_systemd).filter_map(|line| line.split(' ').nth(1)).map(PathBuf::from).collect()
}
