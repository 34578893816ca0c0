//! belayctl as a person or a pipeline runs it: a home folder of its own, a working folder, a clean environment.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};

use belay_testkit::command::{command, output};
use belay_testkit::ownership::{base_dir, create_dir, hand_over, temp_dir_in, write, write_with_mode};
use belay_testkit::tools::reachable_copy;
use belay_testkit::wait::try_wait_until;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tempfile::TempDir;

use super::fleet::PATIENCE;
use super::schema;

/// Somebody who runs belayctl. Started by root, the kit runs it as an ordinary user.
#[derive(Debug)]
pub(crate) struct Operator {
    home: TempDir,
    environment: Vec<(String, String)>,
}

/// What came of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ran {
    /// The words after `belayctl`; none where it is another program.
    pub(crate) words: Vec<String>,
    /// The exit code; none where a signal ended it.
    pub(crate) code: Option<i32>,
    /// What it wrote to standard output.
    pub(crate) stdout: String,
    /// What it wrote to standard error.
    pub(crate) stderr: String,
}

/// A command that is still at work; killed when it is dropped.
#[derive(Debug)]
pub(crate) struct Running {
    words: Vec<String>,
    child: Child,
    stdout: PathBuf,
    stderr: PathBuf,
}

impl Operator {
    /// Somebody who knows no server.
    pub(crate) fn new() -> Self {
        let home = temp_dir_in(&base_dir(), "belayctl-home-");
        for folder in ["work", "config", "state", "cache"] {
            create_dir(&home.path().join(folder));
        }
        Self { home, environment: Vec::new() }
    }

    /// Sets a variable.
    #[must_use]
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self = self.without_env(name);
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Takes a variable back.
    #[must_use]
    pub(crate) fn without_env(mut self, name: &str) -> Self {
        self.environment.retain(|(other, _)| other != name);
        self
    }

    /// The home folder: `work` in it is the working folder, `config` is XDG_CONFIG_HOME, `state` XDG_STATE_HOME.
    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    /// A path in the working folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.home().join("work").join(name)
    }

    /// Writes a file into the working folder.
    pub(crate) fn write(&self, name: &str, contents: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        write(&path, contents);
        path
    }

    /// Writes a file that only its owner may read.
    pub(crate) fn write_secret(&self, name: &str, contents: &str) -> PathBuf {
        let path = self.path(name);
        write_with_mode(&path, contents, 0o600);
        path
    }

    /// belayctl with these words, ready to be started in the working folder.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut belayctl = self.any(&binary("belayctl"));
        belayctl.args(words);
        belayctl
    }

    /// Any other program, in this operator's place.
    pub(crate) fn any(&self, program: &Path) -> Command {
        let mut command = command(program);
        let folder = |name: &str| self.home().join(name);
        command
            .current_dir(folder("work"))
            .env("HOME", self.home())
            .env("XDG_CONFIG_HOME", folder("config"))
            .env("XDG_STATE_HOME", folder("state"))
            .env("XDG_CACHE_HOME", folder("cache"))
            .env("TZ", "UTC")
            .env("RUST_BACKTRACE", "1")
            .envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs belayctl to its end, without a terminal.
    pub(crate) fn run(&self, words: &[&str]) -> Ran {
        Ran::of(words, output(&mut self.command(words)))
    }

    /// The same, with a text on its standard input.
    pub(crate) fn run_with_input(&self, words: &[&str], input: &str) -> Ran {
        let mut command = self.command(words);
        let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut child = piped.unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        // Who does not read its input closes the pipe, which is its right.
        let _ = child.stdin.take().expect("it was piped").write_all(input.as_bytes());
        Ran::of(words, child.wait_with_output().expect("a child of ours can be waited for"))
    }

    /// Runs belayctl where it must exit with 0, and returns what it wrote to standard output.
    #[track_caller]
    pub(crate) fn succeed(&self, words: &[&str]) -> String {
        let ran = self.run(words);
        assert_eq!(ran.code, Some(0), "belayctl {words:?}: {ran}");
        ran.stdout
    }

    /// Runs belayctl with `--json` where it must exit with 0, and returns its answer.
    #[track_caller]
    pub(crate) fn json(&self, words: &[&str]) -> Value {
        let ran = self.run(&[words, &["--json"]].concat());
        assert_eq!(ran.code, Some(0), "belayctl {words:?} --json: {ran}");
        ran.json()
    }

    /// Runs belayctl on a pseudo-terminal of 80 columns. Both its streams are in `stdout`.
    pub(crate) fn run_on_a_terminal(&self, words: &[&str]) -> Ran {
        let belayctl = binary("belayctl");
        let line: Vec<String> = std::iter::once(belayctl.to_str().expect("a program's path is text"))
            .chain(words.iter().copied())
            .map(quoted)
            .collect();
        let mut script = self.any(Path::new("/usr/bin/script"));
        script.args(["--quiet", "--return", "--command"]).arg(format!("stty cols 80 rows 24; exec {}", line.join(" ")));
        script.arg("/dev/null").env("SHELL", "/bin/sh").env("TERM", "xterm-256color");
        Ran::of(words, output(&mut script))
    }

    /// Starts belayctl and returns while it is at work.
    pub(crate) fn start(&self, words: &[&str]) -> Running {
        let stream = |name: &str| {
            let path = self.home().join(format!("{name}-{}", next_number()));
            let file = File::create(&path).unwrap_or_else(|error| panic!("cannot make {}: {error}", path.display()));
            hand_over(&path);
            (path, Stdio::from(file))
        };
        let ((stdout, to_stdout), (stderr, to_stderr)) = (stream("stdout"), stream("stderr"));
        let mut command = self.command(words);
        let child = command.stdout(to_stdout).stderr(to_stderr).spawn();
        let child = child.unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        Running { words: owned(words), child, stdout, stderr }
    }
}

impl Ran {
    /// What came of belayctl with these words.
    pub(crate) fn of(words: &[&str], output: Output) -> Self {
        Self { words: owned(words), ..Self::from(output) }
    }

    /// Standard output as the one JSON document that it must be, and as the schema says of the command that was run.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        let answer = serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("no JSON ({error}): {self}"));
        assert!(!self.words.is_empty(), "whose answer this is, and so what it must be, `Ran::of` is told");
        schema::assert_fits(&self.words, &answer, self.code);
        answer
    }

    /// Asserts the exit code.
    #[track_caller]
    pub(crate) fn exits(&self, code: i32) -> &Self {
        assert_eq!(self.code, Some(code), "{self}");
        self
    }

    /// Asserts that standard error holds all of these.
    #[track_caller]
    pub(crate) fn complains(&self, parts: &[&str]) -> &Self {
        for part in parts {
            assert!(self.stderr.contains(part), "{part:?} is missing: {self}");
        }
        self
    }

    /// Asserts that standard output holds all of these.
    #[track_caller]
    pub(crate) fn says(&self, parts: &[&str]) -> &Self {
        for part in parts {
            assert!(self.stdout.contains(part), "{part:?} is missing: {self}");
        }
        self
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self {
            words: Vec::new(),
            code: output.status.code(),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
        }
    }
}

impl std::fmt::Display for Ran {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "exit code {:?}\n{}{}", self.code, self.stdout, self.stderr)
    }
}

impl Running {
    /// Its process id.
    pub(crate) fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id().cast_signed())
    }

    /// Sends it a signal. Not yet waited for, its id cannot belong to another process.
    pub(crate) fn signal(&mut self, signal: Signal) {
        if self.ended().is_none() {
            let _ = kill(self.pid(), signal);
        }
    }

    /// How it ended, none while it is at work.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child of ours can be waited for")
    }

    /// What it wrote so far to standard output and standard error.
    pub(crate) fn so_far(&self) -> (String, String) {
        let read = |path: &Path| String::from_utf8_lossy(&std::fs::read(path).unwrap_or_default()).into_owned();
        (read(&self.stdout), read(&self.stderr))
    }

    /// Waits for its end.
    #[track_caller]
    pub(crate) fn wait(mut self) -> Ran {
        let words = std::mem::take(&mut self.words);
        let status = try_wait_until(PATIENCE, || self.ended());
        let (stdout, stderr) = self.so_far();
        let status = status.unwrap_or_else(|| panic!("it did not end within {PATIENCE:?}\n{stdout}{stderr}"));
        Ran { words, code: status.code(), stdout, stderr }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.signal(Signal::SIGKILL);
        let _ = self.child.wait();
    }
}

/// A program of the workspace, at a place where the ordinary user can run it.
pub(crate) fn binary(name: &str) -> PathBuf {
    let binary = Path::new(env!("CARGO_BIN_EXE_belayctl")).with_file_name(name);
    assert!(
        binary.exists(),
        "{} is missing: these tests need it; run `cargo build --workspace --features failpoints` first",
        binary.display()
    );
    reachable_copy(&binary)
}

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// A word that a shell leaves as it is.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

fn next_number() -> u32 {
    static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(1);
    NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed)
}
