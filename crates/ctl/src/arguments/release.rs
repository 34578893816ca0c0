//! What can be written after `belayctl release`.

mod tag;
mod watch;

use std::path::PathBuf;

use belay_protocol::admin::ReleaseName;
use belay_protocol::{DeviceType, Distribution, ReleaseVersion};
use clap::{Args, Subcommand};

pub use tag::TagRule;
pub use watch::{ChannelRing, WatchFolder};

use crate::error::CtlError;

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
    /// Publish a folder, an archive or a package list; publishing the same again changes nothing
    Publish(Box<Publish>),
    /// Publish every archive that appears in a folder, once
    Watch(Box<WatchFolder>),
    /// List releases, newest first
    List {
        /// Only for this kind of devices
        #[arg(long, default_value = "")]
        device_type: String,
        /// Only for this ring
        #[arg(long, default_value = "")]
        distribution: String,
    },
    /// Show a release: what it brings, who published it and when
    Show {
        /// Its name.
        #[command(flatten)]
        name: ReleaseArguments,
    },
    /// Look at what the server keeps of a release; it reads the whole archive. Exit code 1 where something is wrong
    Verify {
        /// Its name.
        #[command(flatten)]
        name: ReleaseArguments,
        /// Public key that must have signed it, as `key generate` makes it
        #[arg(long, value_name = "KEYFILE")]
        key: Option<PathBuf>,
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
    /// Fetch the archive of a bundle, or a package list
    Download {
        /// Its name.
        #[command(flatten)]
        name: ReleaseArguments,
        /// Where to put it; under its own name where it is not given
        #[arg(long, value_name = "FILE")]
        file: Option<PathBuf>,
        /// Put its manifest.json and manifest.sig beside it, for a device that no server reaches
        #[arg(long)]
        with_manifest: bool,
        /// Write over what lies there with another content
        #[arg(long)]
        force: bool,
    },
    /// Delete a release that nothing points to
    Delete {
        /// Its name.
        #[command(flatten)]
        name: ReleaseArguments,
    },
}

/// What is to be published under which name.
#[derive(Debug, Clone, Args)]
pub struct Publish {
    /// What to publish: a folder, a .tar.gz, a .zip, a package list, or - for a list on standard input
    ///
    /// It is told apart by its content. A folder and a zip are packed as tar.gz, since devices unpack nothing else: the
    /// same content becomes the same bytes. A list has one package per line, as name, name=version, name:arch or
    /// name:arch=version.
    #[arg(required_unless_present = "bundle")]
    pub source: Option<PathBuf>,
    /// The same, as it was called before
    #[arg(long, value_name = "FILE", conflicts_with = "source", hide = true)]
    pub bundle: Option<PathBuf>,
    /// Its name.
    #[command(flatten)]
    pub name: NameOrTag,
    /// Look at everything and send nothing. Exit code 2 where the server would refuse it
    #[arg(long, conflicts_with = "out")]
    pub dry_run: bool,
    /// Afterwards have the server read what it keeps, as `release verify` does
    #[arg(long, conflicts_with_all = ["dry_run", "out"])]
    pub check: bool,
    /// What is new, for people
    #[arg(long, default_value = "")]
    pub notes: String,
    /// File with what is new
    #[arg(long, value_name = "FILE", conflicts_with = "notes")]
    pub notes_file: Option<PathBuf>,
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
    /// Only write manifest.json and manifest.sig into this folder, and the archive where it had to be packed; no server
    /// is asked
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Write over what lies there with another content
    #[arg(long, requires = "out")]
    pub force: bool,
}

/// The name of a release, written out or taken from a tag.
#[derive(Debug, Clone, Args)]
pub struct NameOrTag {
    /// What kind of devices, such as raspberry_pi
    #[arg(long, value_name = "TYPE", required_unless_present = "tag", conflicts_with = "tag")]
    pub device_type: Option<DeviceType>,
    /// Their ring, such as alpha
    #[arg(long, value_name = "RING", required_unless_present = "tag", conflicts_with = "tag")]
    pub distribution: Option<Distribution>,
    /// The release's version
    #[arg(long, required_unless_present = "tag", conflicts_with = "tag")]
    pub version: Option<ReleaseVersion>,
    /// The tag that was pushed, instead of these three; --map says what it means
    #[arg(long, requires = "map")]
    pub tag: Option<String>,
    /// What a tag of this form publishes, * being the version; a tag that fits two which disagree is refused. May be
    /// given several times
    #[arg(long, value_name = "PATTERN=TYPE/RING", requires = "tag")]
    pub map: Vec<TagRule>,
}

impl NameOrTag {
    /// The name.
    pub(crate) fn name(&self) -> Result<ReleaseName, CtlError> {
        match (&self.tag, &self.device_type, &self.distribution, &self.version) {
            (Some(tag), ..) => tag::named(tag, &self.map).map_err(CtlError::Usage),
            (None, Some(device_type), Some(distribution), Some(version)) => Ok(ReleaseName {
                device_type: device_type.clone(),
                distribution: distribution.clone(),
                version: version.clone(),
            }),
            (None, ..) => {
                let message = "say what it is called: --device-type, --distribution and --version, or --tag and --map";
                Err(CtlError::Usage(message.to_owned()))
            }
        }
    }
}

#[cfg(test)]
mod tests;
