//! What can be written after `belayctl lan`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use ipnet::Ipv4Net;

/// Find and update the devices of this network.
#[derive(Debug, Subcommand)]
pub enum Lan {
    /// Find the devices of this network: those that announce themselves, and every address asked
    Scan(Scan),
    /// Install packages on many devices at once
    Push(Push),
    /// Take many devices back to the state before their last update
    #[command(name = "rollback")]
    RollBack(RollBack),
    /// The same in a full-screen interface
    Ui(Ui),
}

/// The file that the devices of this place are kept in.
#[derive(Debug, Clone, Default, Args)]
pub struct SiteFile {
    /// Site file instead of ~/.config/belay/site.toml
    #[arg(long, value_name = "FILE")]
    pub site: Option<PathBuf>,
}

/// Find the devices of this network.
#[derive(Debug, Args)]
pub struct Scan {
    /// Network to ask instead of those of this machine, such as 192.168.1.0/24; may be repeated. Announcements of other
    /// networks are not listened to then
    #[arg(long, value_name = "CIDR", value_parser = crate::lan::network)]
    pub subnet: Vec<Ipv4Net>,
    /// Port to ask
    #[arg(long, value_name = "PORT", default_value_t = crate::lan::PORT)]
    pub port: u16,
    /// Seconds that a network of 254 addresses may take
    #[arg(long, value_name = "SECONDS", default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=60))]
    pub timeout: u64,
    /// Keep what was found in the site file; what is there already stays there
    #[arg(long)]
    pub save: bool,
    /// Where devices are kept.
    #[command(flatten)]
    pub site: SiteFile,
}

/// Install packages on many devices at once.
#[derive(Debug, Args)]
pub struct Push {
    /// A file with a package list, `-` for standard input, or packages: NAME, NAME=VERSION, NAME:ARCH
    #[arg(required = true, value_name = "FILE|-|PACKAGE")]
    pub what: Vec<String>,
    /// Only show what would happen
    #[arg(long)]
    pub dry_run: bool,
    /// Whom, and how.
    #[command(flatten)]
    pub told: Told,
}

/// Take many devices back.
#[derive(Debug, Args)]
pub struct RollBack {
    /// Whom, and how.
    #[command(flatten)]
    pub told: Told,
}

/// Which devices are told something, and how.
#[derive(Debug, Args)]
pub struct Told {
    /// Devices: ADDRESS, ADDRESS:PORT or a name of the site file; or `all` of the site file, which are looked for where
    /// there is none
    #[arg(long, required = true, num_args = 1.., value_name = "all|HOST")]
    pub to: Vec<String>,
    /// At how many devices at once
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u64).range(1..=1000))]
    pub parallel: u64,
    /// Seconds that one device may take
    #[arg(long, value_name = "SECONDS", default_value_t = 3600, value_parser = clap::value_parser!(u64).range(1..))]
    pub timeout: u64,
    /// Do not ask before devices that cannot undo are touched; needed for these where nobody can be asked
    #[arg(long)]
    pub yes: bool,
    /// Where devices are kept.
    #[command(flatten)]
    pub site: SiteFile,
}

/// The devices of this network on a full screen.
#[derive(Debug, Args)]
pub struct Ui {
    /// Network to ask instead of those of this machine, such as 192.168.1.0/24; may be repeated
    #[arg(long, value_name = "CIDR", value_parser = crate::lan::network)]
    pub subnet: Vec<Ipv4Net>,
    /// Port to ask
    #[arg(long, value_name = "PORT", default_value_t = crate::lan::PORT)]
    pub port: u16,
    /// At how many devices at once
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u64).range(1..=1000))]
    pub parallel: u64,
    /// Seconds that one device may take
    #[arg(long, value_name = "SECONDS", default_value_t = 3600, value_parser = clap::value_parser!(u64).range(1..))]
    pub timeout: u64,
    /// Where devices are kept.
    #[command(flatten)]
    pub site: SiteFile,
}

#[cfg(test)]
mod tests;
