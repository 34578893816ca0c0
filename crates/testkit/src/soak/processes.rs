//! The agent's processes on one device: one, or daemon and host apart. Killed together or one alone, and started again.

use std::process::ExitStatus;
use std::time::Duration;

use crate::agent::{Agent, HostProcess, Launch};
use crate::process::Process;
use crate::wait::try_wait_until;

use super::plan::Victim;

/// The agent as it runs on a device.
#[derive(Debug)]
pub struct Processes<'a> {
    launch: Launch<'a>,
    apart: bool,
    daemon: Option<Agent<'a>>,
    host: Option<HostProcess>,
}

impl<'a> Processes<'a> {
    /// Starts the agent, with a host of its own where it is `apart`, without waiting for it.
    pub fn spawn(launch: Launch<'a>, apart: bool) -> Self {
        let launch = if apart { launch.separate_host() } else { launch };
        let mut processes = Self { launch, apart, daemon: None, host: None };
        processes.spawn_missing();
        processes
    }

    /// Starts whatever was killed.
    pub fn spawn_missing(&mut self) {
        if self.apart && self.host.is_none() {
            self.host = Some(self.launch.spawn_host());
        }
        if self.daemon.is_none() {
            self.daemon = Some(self.launch.clone().spawn());
        }
    }

    /// Kills one process alone, or everything on the device at one instant; what was started goes on or not by that.
    ///
    /// # Panics
    /// When something still runs afterwards.
    pub fn kill(&mut self, victim: Victim) {
        match (victim, &mut self.host) {
            (Victim::Everything, _) => {
                if let Some(mut daemon) = self.daemon.take() {
                    daemon.kill_tree();
                }
                self.host = None;
            }
            (Victim::Host, Some(host)) => {
                host.kill();
                self.host = None;
            }
            (Victim::Daemon | Victim::Host, _) => {
                if let Some(mut daemon) = self.daemon.take() {
                    daemon.kill();
                }
            }
        }
    }

    /// Returns the daemon.
    ///
    /// # Panics
    /// When it was killed and not started again.
    pub fn daemon(&self) -> &Agent<'a> {
        self.daemon.as_ref().expect("the daemon was started")
    }

    /// Tells whether the agent has recovered and answers.
    pub fn is_ready(&self) -> bool {
        self.daemon().is_in_service()
    }

    /// Waits until the agent is ready.
    ///
    /// # Errors
    /// It ended by itself, or took too long: a sentence with its last words.
    pub fn wait_ready(&mut self, patience: Duration) -> Result<(), String> {
        let ready =
            try_wait_until(patience, || if self.is_ready() { Some(Ok(())) } else { self.exit_status().map(Err) });
        match ready {
            Some(Ok(())) => Ok(()),
            Some(Err(status)) => Err(format!("the agent ended by itself: {status}\n{}", self.last_words())),
            None => Err(format!("the agent did not become ready within {patience:?}\n{}", self.last_words())),
        }
    }

    /// Waits, and errs when one of the processes ends by itself meanwhile.
    ///
    /// # Errors
    /// One did: a sentence with its last words.
    pub fn outlive(&mut self, time: Duration) -> Result<(), String> {
        match try_wait_until(time, || self.exit_status()) {
            Some(status) => Err(format!("the agent ended by itself: {status}\n{}", self.last_words())),
            None => Ok(()),
        }
    }

    /// Returns the last lines that the processes wrote, indented.
    pub fn last_words(&self) -> String {
        let daemon = self.daemon.as_ref().map(|daemon| ("daemon", &**daemon));
        let host = self.host.as_ref().map(|host| ("host", &**host));
        let words = |(name, process): (&str, &Process)| {
            let lines: String = process.log_tail().lines().map(|line| format!("    {line}\n")).collect();
            format!("  the {name}'s last words:\n{lines}")
        };
        [daemon, host].into_iter().flatten().map(words).collect()
    }

    /// Ends all of them in peace.
    ///
    /// # Panics
    /// When one does not end.
    pub fn stop(mut self) {
        if let Some(mut daemon) = self.daemon.take() {
            daemon.stop();
        }
        if let Some(mut host) = self.host.take() {
            host.stop();
        }
    }

    fn exit_status(&mut self) -> Option<ExitStatus> {
        let daemon = self.daemon.as_mut().and_then(|daemon| daemon.exit_status());
        daemon.or_else(|| self.host.as_mut().and_then(|host| host.exit_status()))
    }
}
