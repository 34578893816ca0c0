//! A terminal window with belayctl in it: keys are sent, the screen is read. tmux is the terminal.

use std::path::PathBuf;
use std::process::Command;

use belay_testkit::command::{output, transcript};
use belay_testkit::ownership::write;
use belay_testkit::wait::try_wait_until;

use crate::support::{Operator, PATIENCE, binary, skipped};

/// A window of 80 columns and 24 lines. Dropped, it is closed.
pub(super) struct Window<'a> {
    operator: &'a Operator,
    tmux: PathBuf,
}

impl<'a> Window<'a> {
    /// Opens one, and starts belayctl in it. After its end the window stays, and says with which code it ended and whether
    /// the terminal is as it was. Nothing where there is no tmux.
    pub(super) fn open(operator: &'a Operator, words: &[&str]) -> Option<Self> {
        let tmux = PathBuf::from("/usr/bin/tmux");
        if !tmux.exists() {
            skipped("needs tmux");
            return None;
        }
        let settings = "set -g status off\nset -g remain-on-exit on\nset -s escape-time 0\n\
                        set -g default-terminal tmux-256color\n";
        write(&operator.home().join("tmux.conf"), settings);
        let belayctl = binary("belayctl");
        let words = words.join(" ");
        let script = format!(
            "echo\necho what was there before\n{} {words}\necho \"ended with $?\"\n\
             stty -a | tr ' ;' '\\n\\n' | grep -xE -- '-?(icanon|echo)' | sort | tr '\\n' ' '\n",
            belayctl.display()
        );
        let path = operator.home().join("window.sh");
        write(&path, script);
        let window = Self { operator, tmux };
        let line = format!("exec /bin/sh {}", path.display());
        window.tell(&["-f", "../tmux.conf", "new-session", "-d", "-x", "80", "-y", "24", &line]);
        Some(window)
    }

    /// Presses keys, as tmux names them: `a`, `Enter`, `Escape`, `Down`, `Space`.
    pub(super) fn press(&self, keys: &[&str]) {
        self.tell(&[&["send-keys"], keys].concat());
    }

    /// Types a text.
    pub(super) fn write(&self, text: &str) {
        self.tell(&["send-keys", "-l", text]);
    }

    /// Makes it larger or smaller.
    pub(super) fn resize(&self, width: u16, height: u16) {
        self.tell(&["resize-window", "-x", &width.to_string(), "-y", &height.to_string()]);
    }

    /// What is on the screen.
    pub(super) fn screen(&self) -> String {
        self.tell(&["capture-pane", "-p"])
    }

    /// The same with colours, as escape sequences.
    pub(super) fn colours(&self) -> String {
        self.tell(&["capture-pane", "-p", "-e"])
    }

    /// The process in it.
    pub(super) fn pid(&self) -> i32 {
        let shell = self.tell(&["display-message", "-p", "#{pane_pid}"]);
        let children = format!("/proc/{0}/task/{0}/children", shell.trim());
        let child = std::fs::read_to_string(&children).unwrap_or_else(|error| panic!("{children}: {error}"));
        child.trim().parse().unwrap_or_else(|_| panic!("{child:?} is not one process"))
    }

    /// Waits until the screen shows all of these; returns it. A screen is drawn from top to bottom, so whoever compares it
    /// as a whole names what comes last, too.
    #[track_caller]
    pub(super) fn shows(&self, parts: &[&str]) -> String {
        let found = try_wait_until(PATIENCE, || {
            let screen = self.screen();
            parts.iter().all(|part| screen.contains(part)).then_some(screen)
        });
        found.unwrap_or_else(|| panic!("{parts:?} is not on the screen:\n{}", self.screen()))
    }

    /// Waits until the program has ended; returns what is on the screen then.
    #[track_caller]
    pub(super) fn closes(&self) -> String {
        self.shows(&["ended with", "icanon"])
    }

    #[track_caller]
    fn tell(&self, words: &[&str]) -> String {
        let output = output(&mut self.command(words));
        assert!(output.status.success(), "tmux {words:?}: {}", transcript(&output));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut tmux = self.operator.any(&self.tmux);
        tmux.env("SHELL", "/bin/sh").env("TERM", "xterm-256color").env("LC_ALL", "C.UTF-8");
        tmux.args(["-u", "-S"]).arg(self.operator.home().join("tmux")).args(words);
        tmux
    }
}

impl Drop for Window<'_> {
    fn drop(&mut self) {
        let _ = output(&mut self.command(&["kill-server"]));
    }
}
