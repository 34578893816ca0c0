//! A virtual machine whose disk can be recorded, and its serial console.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use crate::command::command;
use crate::tools::Tools;

/// A running machine. Dropped, its power is cut.
#[derive(Debug)]
pub struct Machine {
    child: Child,
    keyboard: ChildStdin,
    lines: Receiver<Line>,
    transcript: Vec<Line>,
    log: Option<PathBuf>,
}

/// A line of the console.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// What it says.
    pub text: String,
    /// How long the log of the disk's writes was just then, in bytes.
    pub log: u64,
}

/// How long a machine without hardware support may take for one step, the slowest being its start.
const PATIENCE: Duration = Duration::from_secs(400);

impl Machine {
    /// Starts a machine on this image; its writes are logged to `log`, if there is one.
    ///
    /// # Errors
    /// When the emulator does not start.
    pub fn start(tools: &Tools, image: &Path, log: Option<&Path>) -> Result<Self, String> {
        // However this process ends, the machine ends with it.
        let mut qemu = command("setpriv");
        qemu.args(["--pdeathsig", "KILL"]);
        tools.emulator(&mut qemu);
        qemu.args(["-M", "q35", "-cpu", "max", "-accel", "tcg,thread=multi", "-smp", "2", "-m", "512"]);
        qemu.args(["-nodefaults", "-no-user-config", "-nographic", "-no-reboot", "-serial", "stdio", "-nic", "none"]);
        qemu.args(["-append", "console=ttyS0 quiet loglevel=3 systemd.show_status=0 rw"]);
        // The flushes of the guest end in the log. Flushing the host's own disk as well would only take time.
        qemu.arg("-blockdev");
        qemu.arg(format!("driver=file,node-name=image,cache.no-flush=on,filename={}", image.display()));
        let disk = if let Some(log) = log {
            std::fs::File::create(log).map_err(|error| format!("cannot make {}: {error}", log.display()))?;
            qemu.arg("-blockdev");
            qemu.arg(format!("driver=file,node-name=log,cache.no-flush=on,filename={}", log.display()));
            qemu.args(["-blockdev", "driver=blklogwrites,node-name=logged,file=image,log=log,log-sector-size=512"]);
            "logged"
        } else {
            "image"
        };
        qemu.args(["-device", &format!("virtio-blk-pci,drive={disk},num-queues=1,write-cache=on")]);
        qemu.args(["-device", "virtio-rng-pci"]);
        let spawned = qemu.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn();
        let mut child = spawned.map_err(|error| format!("cannot start {qemu:?}: {error}"))?;
        let keyboard = child.stdin.take().ok_or("the machine has no keyboard")?;
        let console = child.stdout.take().ok_or("the machine has no console")?;
        let log = log.map(Path::to_owned);
        Ok(Self { child, keyboard, lines: follow(console, log.clone()), transcript: Vec::new(), log })
    }

    /// Waits for a line that contains this, and returns it.
    ///
    /// # Errors
    /// When it does not come, with the last lines that did.
    pub fn wait_for(&mut self, text: &str) -> Result<Line, String> {
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) => {
                    self.transcript.push(line.clone());
                    if line.text.contains(text) {
                        return Ok(line);
                    }
                }
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    let last: Vec<&str> = self.transcript.iter().rev().take(30).map(|line| &*line.text).collect();
                    let last: Vec<&str> = last.into_iter().rev().collect();
                    return Err(format!("the machine never said {text:?}; last it said:\n{}", last.join("\n")));
                }
            }
        }
    }

    /// Waits until the machine has started and reads commands.
    ///
    /// # Errors
    /// When it does not start.
    pub fn wait_until_ready(&mut self) -> Result<(), String> {
        self.wait_for("@@ ready").map(drop)
    }

    /// Types a line.
    ///
    /// # Errors
    /// When the machine is gone.
    pub fn type_line(&mut self, line: &str) -> Result<(), String> {
        let typed = writeln!(self.keyboard, "{line}").and_then(|()| self.keyboard.flush());
        typed.map_err(|error| format!("cannot type {line:?}: {error}"))
    }

    /// Runs a command and returns what it said, when it succeeds.
    ///
    /// # Errors
    /// When it fails, with what it said.
    pub fn run(&mut self, line: &str) -> Result<Vec<Line>, String> {
        let from = self.transcript.len();
        self.type_line(line)?;
        let end = self.wait_for("@@ ")?;
        let said = self.transcript[from..self.transcript.len() - 1].to_vec();
        if end.text.trim() == "@@ 0" {
            return Ok(said);
        }
        let said: Vec<String> = said.into_iter().map(|line| line.text).collect();
        Err(format!("{line}: {}\n{}", end.text, said.join("\n")))
    }

    /// Everything that the console said so far.
    pub fn transcript(&self) -> &[Line] {
        &self.transcript
    }

    /// How long the log of the writes is now, in bytes.
    pub fn logged(&self) -> u64 {
        self.log.as_deref().map_or(0, length)
    }

    /// Tells whether its power is on.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().is_ok_and(|ended| ended.is_none())
    }

    /// Cuts the power.
    pub fn cut(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.cut();
    }
}

fn follow(console: ChildStdout, log: Option<PathBuf>) -> Receiver<Line> {
    let (tell, lines) = channel();
    std::thread::spawn(move || {
        let mut console = BufReader::new(console);
        let mut bytes = Vec::new();
        while console.read_until(b'\n', &mut bytes).is_ok_and(|count| count > 0) {
            let text = String::from_utf8_lossy(&bytes).trim_end().to_owned();
            let _ = tell.send(Line { text, log: log.as_deref().map_or(0, length) });
            bytes.clear();
        }
    });
    lines
}

fn length(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |metadata| metadata.len())
}
