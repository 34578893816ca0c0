//! Clears up after a program of the kit that is ended from outside, by Ctrl-C or by a kill.
//!
//! The agent's processes live in sessions of their own and would go on without it. So a shell in a session of its own
//! waits for the end of a pipe that the program holds open, then ends what carries the mark of a sandbox below the
//! program's folder, and removes that folder.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use crate::command::command;
use crate::ownership::{base_dir, temp_dir_in};

/// A folder for the sandboxes of one program, with a waiting shell. Dropped, the shell is sent away, and the folder goes
/// if nothing was kept in it: then the program has cleared up by itself.
#[derive(Debug)]
pub struct Caretaker {
    folder: PathBuf,
    shell: Child,
}

/// Three rounds, for a process that begins another one while it is looked for.
const SWEEP: &str = "cat >/dev/null
for round in 1 2 3; do
  for process in /proc/[0-9]*; do
    grep -qzs \"^BELAY_SANDBOX=$1/\" \"$process/environ\" && kill -9 \"${process##*/}\"
  done
done
rm -rf --one-file-system -- \"$1\"";

impl Caretaker {
    /// Makes the folder, and sets a shell over it.
    ///
    /// # Panics
    /// When the folder cannot be made or no shell can be started.
    pub fn new(prefix: &str) -> Self {
        let folder = temp_dir_in(&base_dir(), prefix).keep();
        let mut shell = command("sh");
        shell.args(["-c", SWEEP, "caretaker"]).arg(&folder).current_dir("/");
        // Out of the terminal's process group: Ctrl-C must not reach it.
        shell.process_group(0).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let shell = shell.spawn().unwrap_or_else(|error| panic!("cannot start a shell: {error}"));
        Self { folder, shell }
    }

    /// Returns the folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Drop for Caretaker {
    fn drop(&mut self) {
        // Before its pipe ends: it must not take a device away that is kept to be looked at.
        let _ = self.shell.kill();
        let _ = self.shell.wait();
        // Not what is in it: a device that is kept keeps the folder too.
        let _ = fs::remove_dir(&self.folder);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process_tree::MARKER;
    use crate::wait::wait_until;
    use std::time::Duration;

    const SOON: Duration = Duration::from_secs(20);

    #[test]
    fn when_the_program_is_gone_its_processes_and_its_folder_go() {
        let mut caretaker = Caretaker::new("belay-caretaker-");
        let root = caretaker.folder().join("belay-x/root");
        let mut left = command("sleep").arg("1000").env(MARKER, &root).process_group(0).spawn().expect("sleep starts");
        assert!(left.try_wait().expect("a child can be asked").is_none());
        // What the end of the program does to its side of the pipe.
        drop(caretaker.shell.stdin.take());
        wait_until("the end of the process", SOON, || left.try_wait().expect("a child can be asked"));
        wait_until("the end of the folder", SOON, || (!caretaker.folder().exists()).then_some(()));
    }

    #[test]
    fn dropped_it_leaves_what_was_kept() {
        let caretaker = Caretaker::new("belay-caretaker-");
        let folder = caretaker.folder().to_owned();
        let kept = folder.join("belay-x");
        crate::ownership::create_dir(&kept);
        drop(caretaker);
        assert!(kept.is_dir());
        fs::remove_dir_all(&folder).expect("the folder can be removed");
        let folder = Caretaker::new("belay-caretaker-").folder().to_owned();
        assert!(!folder.exists(), "an empty one goes");
    }
}
