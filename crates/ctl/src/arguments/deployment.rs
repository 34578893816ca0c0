//! What can be written after `belayctl deployment`.

use belay_protocol::{DeviceId, Tag};
use clap::{Args, Subcommand, ValueEnum};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

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
        /// Its id, a unique beginning or end of one, or `latest`
        #[arg(value_name = "ID")]
        id: String,
    },
    /// Follow a deployment until it ends or needs a person
    Watch {
        /// Its id, a unique beginning or end of one, or `latest`
        #[arg(value_name = "ID")]
        id: String,
        /// How to watch it.
        #[command(flatten)]
        watch: WatchArguments,
    },
    /// Begin a deployment
    Start {
        /// Its id, a unique beginning or end of one, or `latest`
        #[arg(value_name = "ID")]
        id: String,
        /// Follow it until it ends or needs a person
        #[arg(long)]
        watch: bool,
    },
    /// Offer it to nobody else for now
    Pause {
        /// Its id, a unique beginning or end of one, or `latest`
        #[arg(value_name = "ID")]
        id: String,
    },
    /// Go on with a paused or halted deployment
    Resume {
        /// Its id, a unique beginning or end of one, or `latest`
        #[arg(value_name = "ID")]
        id: String,
    },
    /// End it; devices that have not begun to apply it drop it
    Cancel {
        /// Its id, a unique beginning or end of one, or `latest`
        #[arg(value_name = "ID")]
        id: String,
    },
    /// Open it to more devices
    Expand {
        /// Its id, a unique beginning or end of one, or `latest`
        #[arg(value_name = "ID")]
        id: String,
        /// To so many of a hundred devices; to all where it is not given
        #[arg(long, value_parser = clap::value_parser!(u8).range(1..=100))]
        percent: Option<u8>,
    },
    /// Offer it once more where it failed
    Retry {
        /// Its id, a unique beginning or end of one, or `latest`
        #[arg(value_name = "ID")]
        id: String,
    },
    /// End it and take every device back that has it
    Rollback {
        /// Its id, a unique beginning or end of one, or `latest`
        #[arg(value_name = "ID")]
        id: String,
    },
    /// Forget a deployment that is over
    Delete {
        /// Its id, a unique beginning or end of one, or `latest`
        #[arg(value_name = "ID")]
        id: String,
    },
}

/// How to watch a deployment.
#[derive(Debug, Clone, Default, Args)]
pub struct WatchArguments {
    /// Return also when it waits for `deployment expand`
    #[arg(long)]
    pub until_wave: bool,
    /// End with code 4 as soon as more than this share of the finished devices failed, such as 5%. The deployment goes
    /// on by its own limit; it is judged here when its smallest sample or its wave has finished
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    pub fail_over: Option<u8>,
    /// End with code 4 when it has not ended within so many seconds
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    pub timeout: Option<u64>,
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
    /// Halt when more than this share of the finished devices failed, such as 5%
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    pub fail_over: Option<u8>,
    /// How many devices must have finished before the failures are judged, unless a whole wave has
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub min_sample: Option<u32>,
    /// Offer it only inside this window, such as "Mon-Fri 02:00-05:00"; may be repeated
    #[arg(long = "window", value_name = "WINDOW")]
    pub windows: Vec<String>,
    /// The time zone of the windows, such as Europe/Paris; UTC otherwise
    #[arg(long, value_name = "ZONE", requires = "windows")]
    pub time_zone: Option<String>,
    /// Begin no earlier: an instant, or a date and time of here such as 2027-01-31T02:00
    #[arg(long, value_name = "TIME", value_parser = instant)]
    pub start_at: Option<Timestamp>,
    /// Devices begin at instants of their own within so many seconds
    #[arg(long, value_name = "SECONDS")]
    pub spread: Option<u32>,
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
    /// Start it at once and follow it until it ends or needs a person
    #[arg(long)]
    pub watch: bool,
    /// Only show what it would reach
    #[arg(long, conflicts_with_all = ["start", "watch"])]
    pub dry_run: bool,
}

/// `5` and `5%` are the same.
fn percent(text: &str) -> Result<u8, String> {
    let number = text.trim_end_matches('%').trim_end().parse::<u8>().ok().filter(|percent| *percent <= 100);
    number.ok_or_else(|| "write a share from 0% to 100%".to_owned())
}

/// An instant, or a date and time on the clock of this machine.
fn instant(text: &str) -> Result<Timestamp, String> {
    let here = || text.parse::<DateTime>().ok()?.to_zoned(TimeZone::system()).ok();
    let instant = text.parse::<Timestamp>().ok().or_else(|| here().map(|zoned| zoned.timestamp()));
    instant.ok_or_else(|| "write it like 2027-01-31T02:00, or 2027-01-31T02:00:00Z".to_owned())
}

#[cfg(test)]
mod tests;
