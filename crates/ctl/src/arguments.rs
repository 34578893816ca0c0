//! What can be written after `belayctl`.

mod key;
mod release;

use std::path::PathBuf;

use belay_protocol::{DeploymentId, DeviceId, Tag};
use clap::{Args, Parser, Subcommand, ValueEnum};

pub use key::Key;
pub use release::{Publish, Release, ReleaseArguments};

use crate::exit;
use crate::secret::Secret;

/// Publishes, deploys, watches and takes back: the fleet from one command line.
#[derive(Debug, Parser)]
#[command(name = "belayctl", version, after_help = exit::HELP, arg_required_else_help = true)]
pub struct Arguments {
    /// Where the server is and who asks.
    #[command(flatten)]
    pub connection: Connection,
    /// Answer in JSON and nothing else
    #[arg(long, global = true)]
    pub json: bool,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Where the server is and who asks.
#[derive(Debug, Clone, Default, Args)]
pub struct Connection {
    /// The server, such as `https://updates.example.org`
    #[arg(long, global = true, env = "BELAY_SERVER", value_name = "URL")]
    pub server: Option<String>,
    /// The token; an argument could be read by every user, so it comes from the environment or a file
    #[arg(skip = token_of_environment())]
    pub token: Option<Secret>,
    /// File that holds the operator token; without it the token is read from BELAY_TOKEN
    #[arg(long, global = true, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// Certificates to trust beside the system's, for a server with a private authority
    #[arg(long, global = true, env = "BELAY_CA_FILE", value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
    /// Let the token cross the network unencrypted
    #[arg(long, global = true)]
    pub plain_http: bool,
}

fn token_of_environment() -> Option<Secret> {
    std::env::var("BELAY_TOKEN").ok().filter(|token| !token.is_empty()).map(Secret::new)
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show whose token this is and what it allows
    Whoami,
    /// Show how the fleet stands
    Fleet,
    /// Publish package lists and bundles, and look at them
    #[command(subcommand)]
    Release(Release),
    /// Bring a release to devices, watch it, take it back
    #[command(subcommand)]
    Deployment(Deployment),
    /// Look at devices, let them in, take them back
    #[command(subcommand)]
    Device(Device),
    /// Say what devices should run from now on
    #[command(subcommand)]
    Channel(Channel),
    /// Make keys and sign with them; no server is asked
    #[command(subcommand)]
    Key(Key),
}

/// How a deployment goes through its devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum StrategyName {
    /// All devices, after `deployment start`
    Manual,
    /// All devices, at once
    Immediate,
    /// A few devices first, the rest after `deployment expand` or --soak
    Canary,
    /// One batch after the other
    Rolling,
}

/// Bring a release to devices, watch it, take it back.
#[derive(Debug, Subcommand)]
pub enum Deployment {
    /// Make a deployment
    Create(Box<CreateDeployment>),
    /// List deployments, newest first
    List {
        /// Only in this status, such as in_progress or halted
        #[arg(long, default_value = "")]
        status: String,
    },
    /// Show how a deployment stands, what was decided and why
    Show {
        /// The deployment.
        id: DeploymentId,
    },
    /// Follow a deployment until it ends or needs a person
    Watch {
        /// The deployment.
        id: DeploymentId,
        /// Return also when it waits for `deployment expand`
        #[arg(long)]
        until_wave: bool,
    },
    /// Begin a deployment
    Start {
        /// The deployment.
        id: DeploymentId,
    },
    /// Offer it to nobody else for now
    Pause {
        /// The deployment.
        id: DeploymentId,
    },
    /// Go on with a paused or halted deployment
    Resume {
        /// The deployment.
        id: DeploymentId,
    },
    /// End it; devices that have not begun to apply it drop it
    Cancel {
        /// The deployment.
        id: DeploymentId,
    },
    /// Open it to more devices
    Expand {
        /// The deployment.
        id: DeploymentId,
        /// To so many of a hundred devices; to all where it is not given
        #[arg(long, value_parser = clap::value_parser!(u8).range(1..=100))]
        percent: Option<u8>,
    },
    /// Offer it once more where it failed
    Retry {
        /// The deployment.
        id: DeploymentId,
    },
    /// End it and take every device back that has it
    Rollback {
        /// The deployment.
        id: DeploymentId,
    },
    /// Forget a deployment that is over
    Delete {
        /// The deployment.
        id: DeploymentId,
    },
}

/// Make a deployment.
#[derive(Debug, Clone, Args)]
pub struct CreateDeployment {
    /// What it brings.
    #[command(flatten)]
    pub release: ReleaseArguments,
    /// What people call it
    #[arg(long)]
    pub name: Option<String>,
    /// How it goes through its devices
    #[arg(long, value_enum, default_value_t = StrategyName::Canary)]
    pub strategy: StrategyName,
    /// How many of a hundred devices come first (canary, 5 where it is not given) or make a batch (rolling, 20)
    #[arg(long, value_parser = clap::value_parser!(u8).range(1..=100))]
    pub percent: Option<u8>,
    /// Seconds after which a good canary expands by itself
    #[arg(long, value_name = "SECONDS")]
    pub soak: Option<u32>,
    /// Halt when more than so many of a hundred finished devices failed
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(0..=100))]
    pub fail_over: Option<u8>,
    /// How many devices may be at work at once
    #[arg(long, value_name = "N")]
    pub in_flight: Option<u32>,
    /// How often a device may try again
    #[arg(long, value_name = "N")]
    pub retries: Option<u8>,
    /// Only devices with this tag; may be given several times, all must be there
    #[arg(long = "tag", value_name = "TAG")]
    pub tags: Vec<Tag>,
    /// Only this device, asked for by name; may be given several times
    #[arg(long = "device", value_name = "ID")]
    pub devices: Vec<DeviceId>,
    /// Only devices whose version stands so to another, such as "<2.0"
    #[arg(long = "current", value_name = "OPERATOR VERSION")]
    pub current: Option<String>,
    /// Start it at once
    #[arg(long)]
    pub start: bool,
    /// Only show what it would reach
    #[arg(long)]
    pub dry_run: bool,
}

/// Look at devices, let them in, take them back.
#[derive(Debug, Subcommand)]
pub enum Device {
    /// List devices
    List {
        /// Only in this state of the fleet, such as OUTDATED
        #[arg(long, default_value = "")]
        fleet_state: String,
        /// Only pending, authorized, quarantined or revoked ones
        #[arg(long, default_value = "")]
        state: String,
        /// Part of a name, host name or tag
        #[arg(long, default_value = "")]
        search: String,
    },
    /// Show a device and what it last reported
    Show {
        /// The device.
        id: DeviceId,
    },
    /// Let a device in that waits or was quarantined
    Approve {
        /// The device.
        id: DeviceId,
    },
    /// Shut a device out; its key means nothing from now on
    Revoke {
        /// The device.
        id: DeviceId,
    },
    /// Replace a device's tags
    Tag {
        /// The device.
        id: DeviceId,
        /// All its tags from now on
        tags: Vec<Tag>,
    },
    /// Take a device back to what it had before
    Rollback {
        /// The device.
        id: DeviceId,
    },
}

/// Say what devices should run from now on.
#[derive(Debug, Subcommand)]
pub enum Channel {
    /// Set what the devices of a type and ring should run
    Set {
        /// The release that they should run.
        #[command(flatten)]
        release: ReleaseArguments,
    },
    /// List channels
    List,
    /// Switch a channel off; devices keep what they have
    Off {
        /// The channel's number.
        id: i64,
    },
    /// Switch a channel on
    On {
        /// The channel's number.
        id: i64,
    },
}
