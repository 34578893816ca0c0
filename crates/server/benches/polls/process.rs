//! The processes that are measured: starts them, reads what the kernel counted for them, ends them.

use std::io::{self, BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, SysconfVar, sysconf};

/// A server in a process of its own, so that its processor time is not mixed with its clients'.
pub(crate) struct Served {
    child: Child,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// How long it took from its start until it let a client in.
    pub(crate) ready: Duration,
}

impl Served {
    /// The true server on this folder.
    pub(crate) fn belay(folder: &Path) -> io::Result<Self> {
        let address = free_address()?;
        let mut command = Command::new(env!("CARGO_BIN_EXE_belay-server"));
        command.arg("--config").arg(folder.join("server.toml"));
        command.args(["serve", "--listen", &address.to_string()]);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        Self::start(command, |_| Ok(address))
    }

    /// One of the bare servers in this program.
    pub(crate) fn bare(kind: &str, folder: &Path) -> io::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg(kind).arg(folder).stdout(Stdio::piped());
        Self::start(command, |child| {
            let mut line = String::new();
            BufReader::new(child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?).read_line(&mut line)?;
            line.trim().parse().map_err(io::Error::other)
        })
    }

    fn start(mut command: Command, address: impl FnOnce(&mut Child) -> io::Result<SocketAddr>) -> io::Result<Self> {
        let began = Instant::now();
        let mut child = command.stdin(Stdio::null()).spawn()?;
        let address = address(&mut child)?;
        while std::net::TcpStream::connect(address).is_err() {
            if let Some(status) = child.try_wait()? {
                return Err(io::Error::other(format!("the server ended early: {status}")));
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(Self { child, address, ready: began.elapsed() })
    }

    /// Seconds of processor time that all its threads have had.
    pub(crate) fn cpu(&self) -> io::Result<f64> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        // The name in parentheses may hold anything; user and system time are the 14th and 15th field.
        let after = stat.rsplit_once(')').map_or("", |(_, after)| after);
        let ticks: f64 = after.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<f64>().ok()).sum();
        let per_second = sysconf(SysconfVar::CLK_TCK)?.unwrap_or(100);
        Ok(ticks / per_second as f64)
    }

    /// MiB that are resident.
    pub(crate) fn resident(&self) -> io::Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
        kib.map(|kib| kib / 1024.0).ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    /// Ends it in order.
    pub(crate) fn end(mut self) -> io::Result<()> {
        self.stop()
    }

    fn stop(&mut self) -> io::Result<()> {
        if self.child.try_wait()?.is_none() {
            kill(Pid::from_raw(self.child.id().cast_signed()), Signal::SIGTERM)?;
            self.child.wait()?;
        }
        Ok(())
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.stop();
    }
}

fn free_address() -> io::Result<SocketAddr> {
    std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()
}
