//! What can be written after `belayctl deployment`.

use belay_protocol::{DeploymentId, DeviceId, Tag};
use clap::{Args, Subcommand, ValueEnum};

use super::ReleaseArguments;

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
