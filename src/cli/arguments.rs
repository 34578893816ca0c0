//! What can be written after `belay-agent`.

use std::path::PathBuf;
use std::process::ExitCode;

use belay_protocol::job::Generation;
use belay_protocol::{DeviceType, Distribution, Reason, ReleaseVersion, Sha256};
use clap::{Args, Parser, Subcommand};

use super::exit::{self, Exit};

/// Updates this device from package lists, and can undo every update, offline.
#[derive(Debug, Parser)]
#[command(name = "belay-agent", version, after_help = exit::HELP, arg_required_else_help = true)]
pub struct Arguments {
    /// Settings to read instead of /etc/belay/agent.toml
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Socket of the agent, instead of the one in the settings
    #[arg(long, global = true, value_name = "PATH")]
    pub socket: Option<PathBuf>,
    /// Answer in JSON and nothing else
    #[arg(long, global = true)]
    pub json: bool,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Be the agent: serve the doors and carry out jobs, until stopped
    Run,
    /// Be the half with root rights, for the agent; systemd starts it
    Host {
        /// Only close what a crash left open, then end
        #[arg(long)]
        recover: bool,
    },
    /// Close what a power cut left open, and bring back an agent that cannot start; systemd runs it
    Guard,
    /// Work on the settings
    #[command(subcommand)]
    Config(ConfigCommand),
    /// apt calls this with its transaction before dpkg runs
    #[command(hide = true)]
    AptHook {
        /// What the transaction must be.
        file: PathBuf,
    },
    /// Belay runs itself so to run a bundle's script apart from the device
    #[command(hide = true)]
    Inside {
        /// What is to be run, and where.
        spec: PathBuf,
        /// As the first process of the new namespaces
        #[arg(long)]
        init: bool,
    },
    /// Ask the running agent.
    #[command(flatten)]
    Ask(Ask),
}

/// Work on the settings.
#[derive(Debug, Clone, Copy, Subcommand)]
pub enum ConfigCommand {
    /// Say whether the settings are valid, and if not, where
    Check,
}

/// What the running agent is asked.
#[derive(Debug, Subcommand)]
pub enum Ask {
    /// Show the generation in force, the running job and what to look at
    Status,
    /// Install packages or a bundle; whatever fails is undone
    Update {
        /// A file with a package list, `-` for standard input, or packages: NAME, NAME=VERSION, NAME:ARCH
        #[arg(required_unless_present = "bundle", conflicts_with = "bundle", value_name = "FILE|-|PACKAGE")]
        what: Vec<String>,
        /// The bundle, instead of packages.
        #[command(flatten)]
        bundle: BundleArguments,
        /// Only show what would happen
        #[arg(long)]
        dry_run: bool,
        /// Name of a refusal to override, such as guard_removal; may be repeated
        #[arg(long, value_name = "CODE", value_parser = approval)]
        approve: Vec<Reason>,
        /// Any text; the same key never runs twice
        #[arg(long, value_name = "KEY")]
        key: Option<String>,
        /// End as soon as the agent has taken the job
        #[arg(long)]
        no_wait: bool,
    },
    /// Go back to the state before the last update, or further
    Rollback {
        /// Version or generation to go back to, as `history` and `bundles` show them
        #[arg(long, value_name = "VERSION|N", conflicts_with_all = ["to_generation", "to_version"])]
        to: Option<ReleaseVersion>,
        /// Generation to go back to, where its number is a version too
        #[arg(long, value_name = "N", value_parser = generation, conflicts_with = "to_version")]
        to_generation: Option<Generation>,
        /// Version to go back to, where it is a generation's number too
        #[arg(long, value_name = "VERSION")]
        to_version: Option<ReleaseVersion>,
        /// Name of a refusal to override, such as drift; may be repeated
        #[arg(long, value_name = "CODE", value_parser = approval)]
        approve: Vec<Reason>,
        /// Any text; the same key never runs twice
        #[arg(long, value_name = "KEY")]
        key: Option<String>,
        /// End as soon as the agent has taken the job
        #[arg(long)]
        no_wait: bool,
    },
    /// Show what an update would do, and change nothing
    Plan {
        /// A file with a package list, `-` for standard input, or packages
        #[arg(required_unless_present = "bundle", conflicts_with = "bundle", value_name = "FILE|-|PACKAGE")]
        what: Vec<String>,
        /// The bundle, instead of packages.
        #[command(flatten)]
        bundle: BundleArguments,
    },
    /// Show the generations of this device and its last jobs
    History,
    /// List the bundles that this device kept, to go back to
    Bundles,
    /// Ask the server now whether it wants something done
    Poll,
    /// Compare the device with its generation, and check what undo needs
    Verify,
    /// Work on what undo needs
    #[command(subcommand)]
    RestorePoint(RestorePointCommand),
    /// Make this device known to a server, which it polls from then on
    Enrol {
        /// Address of the server, such as `https://belay.example`; `server.url` otherwise
        #[arg(long, value_name = "URL")]
        server: Option<String>,
        /// Enrolment token; --token-file keeps it out of the list of processes
        #[arg(long, value_name = "TOKEN", conflicts_with = "token_file")]
        token: Option<String>,
        /// File with the enrolment token on its first line
        #[arg(long, value_name = "FILE")]
        token_file: Option<PathBuf>,
        /// What kind of device this is; server.device_type otherwise
        #[arg(long, value_name = "NAME")]
        device_type: Option<DeviceType>,
        /// Its ring; server.distribution otherwise
        #[arg(long, value_name = "NAME")]
        distribution: Option<Distribution>,
        /// Certificates in PEM to trust beside the system's
        #[arg(long, value_name = "FILE")]
        ca_file: Option<PathBuf>,
        /// Even if the device is enrolled already: it becomes another one
        #[arg(long)]
        again: bool,
    },
}

/// Which bundle to install.
#[derive(Debug, Clone, Default, Args)]
pub struct BundleArguments {
    /// Bundle to install: an archive, or the https address of one
    #[arg(long, value_name = "FILE|URL")]
    pub bundle: Option<String>,
    /// Digest that the archive must have
    #[arg(long, value_name = "HEX", requires = "bundle", conflicts_with = "what")]
    pub sha256: Option<Sha256>,
    /// Manifest that vouches for it; the manifest.json next to the archive where that is its own
    #[arg(long, value_name = "FILE", requires = "bundle", conflicts_with = "what")]
    pub manifest: Option<PathBuf>,
    /// Signature of the manifest; the manifest.sig next to it otherwise
    #[arg(long, value_name = "FILE", requires = "manifest")]
    pub signature: Option<PathBuf>,
    /// Version of the bundle, where it does not say so itself
    #[arg(long = "version", value_name = "VERSION", requires = "bundle", conflicts_with = "what")]
    pub of_version: Option<ReleaseVersion>,
}

/// Work on what undo needs.
#[derive(Debug, Clone, Copy, Subcommand)]
pub enum RestorePointCommand {
    /// List the restore points
    List,
    /// Show what one restore point puts back
    Show {
        /// Its number.
        id: u64,
    },
    /// Check every file that one restore point needs
    Verify {
        /// Its number.
        id: u64,
    },
    /// Drop old restore points
    Prune {
        /// How many to keep; as the settings say otherwise
        #[arg(long, value_name = "N")]
        keep: Option<u64>,
    },
}

impl Arguments {
    /// Reads the command line of this process. Where there is nothing to do but show help, or a mistake, that is
    /// written and the process's exit code returned.
    pub fn read() -> Result<Self, ExitCode> {
        Self::try_parse().map_err(|error| {
            let shown = error.print();
            let usage = error.use_stderr() || shown.is_err();
            if usage { Exit::Failed.into() } else { Exit::Done.into() }
        })
    }
}

fn generation(text: &str) -> Result<Generation, String> {
    text.parse().map(Generation).map_err(|_| "it is a generation's number, as `belay-agent history` shows it".into())
}

fn approval(text: &str) -> Result<Reason, String> {
    let mut known = Reason::ALL.iter().filter(|reason| reason.can_be_approved());
    known.find(|reason| reason.code() == text).copied().ok_or_else(|| {
        let codes: Vec<&str> =
            Reason::ALL.iter().filter(|reason| reason.can_be_approved()).map(|reason| reason.code()).collect();
        format!("these can be approved: {}", codes.join(", "))
    })
}

#[cfg(test)]
mod tests;
