//! What can be written after `belayctl release`.

use std::path::PathBuf;

use belay_protocol::{DeviceType, Distribution, ReleaseVersion};
use clap::{Args, Subcommand};

/// The name of a release.
#[derive(Debug, Clone, Args)]
pub struct ReleaseArguments {
    /// What kind of devices, such as raspberry_pi
    #[arg(long, value_name = "TYPE")]
    pub device_type: DeviceType,
    /// Their ring, such as alpha
    #[arg(long, value_name = "RING")]
    pub distribution: Distribution,
    /// The release's version
    #[arg(long)]
    pub version: ReleaseVersion,
}

/// Publish package lists and bundles, and look at them.
#[derive(Debug, Subcommand)]
pub enum Release {
    /// Publish a package list or a bundle; publishing the same again changes nothing
    Publish(Box<Publish>),
    /// List releases, newest first
    List {
        /// Only for this kind of devices
        #[arg(long, default_value = "")]
        device_type: String,
        /// Only for this ring
        #[arg(long, default_value = "")]
        distribution: String,
    },
    /// Look at what the server keeps of a release; it reads the whole archive. Exit code 1 where something is wrong
    Verify {
        /// Its name.
        #[command(flatten)]
        name: ReleaseArguments,
    },
    /// Publish a release to another ring too: the same archive and signature, nothing is sent again
    Promote {
        /// Its name.
        #[command(flatten)]
        name: ReleaseArguments,
        /// The ring that gets it too
        #[arg(long, value_name = "RING")]
        to: Distribution,
    },
    /// Show what is new in a release, or write it anew
    Notes {
        /// Its name.
        #[command(flatten)]
        name: ReleaseArguments,
        /// The new text
        #[arg(long, value_name = "TEXT", conflicts_with = "file")]
        set: Option<String>,
        /// File with the new text
        #[arg(long, value_name = "FILE")]
        file: Option<PathBuf>,
    },
    /// Fetch the archive of a bundle
    Download {
        /// Its name.
        #[command(flatten)]
        name: ReleaseArguments,
        /// Where to put it; under its own name where it is not given
        #[arg(long, value_name = "FILE")]
        file: Option<PathBuf>,
    },
    /// Delete a release that nothing points to
    Delete {
        /// Its name.
        #[command(flatten)]
        name: ReleaseArguments,
    },
}

/// Publish a package list or a bundle.
#[derive(Debug, Clone, Args)]
pub struct Publish {
    /// The list: one package per line, as name, name=version, name:arch or name:arch=version
    #[arg(required_unless_present = "bundle")]
    pub list: Option<PathBuf>,
    /// The bundle's archive, instead of a list
    #[arg(long, value_name = "FILE", conflicts_with = "list")]
    pub bundle: Option<PathBuf>,
    /// Its name.
    #[command(flatten)]
    pub name: ReleaseArguments,
    /// What is new, for people
    #[arg(long, default_value = "")]
    pub notes: String,
    /// Refusal of the devices' guards that this release overrides; may be given several times
    #[arg(long = "approve", value_name = "CODE")]
    pub approve: Vec<String>,
    /// Secret key to sign it with, as `key generate` makes it
    #[arg(long, value_name = "KEYFILE", conflicts_with_all = ["manifest", "signature"])]
    pub sign: Option<PathBuf>,
    /// A manifest that was made before, instead of making one
    #[arg(long, value_name = "FILE")]
    pub manifest: Option<PathBuf>,
    /// The signature of that manifest
    #[arg(long, value_name = "FILE", requires = "manifest")]
    pub signature: Option<PathBuf>,
    /// Only write manifest.json and manifest.sig into this folder; no server is asked
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

#[cfg(test)]
mod tests;
