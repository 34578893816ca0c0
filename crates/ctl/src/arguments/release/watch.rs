//! What can be written after `belayctl release watch`.

use std::path::PathBuf;
use std::str::FromStr;

use belay_protocol::Distribution;
use clap::Args;

/// Publish every archive that appears in a folder.
#[derive(Debug, Clone, Args)]
pub struct WatchFolder {
    /// The folder: DEVICE_TYPE-VERSION-CHANNEL.tar.gz is published once it is complete
    pub dir: PathBuf,
    /// Look twice, publish what is complete, and end
    #[arg(long)]
    pub once: bool,
    /// Seconds between two looks; with --once also 0, where nobody writes into the folder any more
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(..=86_400))]
    pub interval: u64,
    /// The ring of a channel, beside stable=232, beta=beta, alpha=alpha and other for all others; may be given several
    /// times
    #[arg(long = "ring", value_name = "CHANNEL=RING")]
    pub rings: Vec<ChannelRing>,
    /// File that remembers what was published; published.json in the folder of what belayctl remembers otherwise
    #[arg(long, value_name = "FILE")]
    pub ledger: Option<PathBuf>,
    /// Try at once what failed or was refused before
    #[arg(long)]
    pub retry: bool,
    /// Refusal of the devices' guards that these releases override; may be given several times
    #[arg(long = "approve", value_name = "CODE")]
    pub approve: Vec<String>,
    /// Secret key to sign them with; its password, where it has one, comes from BELAY_KEY_PASSWORD
    #[arg(long, value_name = "KEYFILE")]
    pub sign: Option<PathBuf>,
}

/// `CHANNEL=RING`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelRing {
    /// The last word of an archive's name.
    pub channel: String,
    /// The ring that it means.
    pub ring: Distribution,
}

impl FromStr for ChannelRing {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('=').filter(|(channel, _)| !channel.is_empty() && !channel.contains('-'));
        let (channel, ring) = parts.ok_or_else(|| format!("{text:?} is not CHANNEL=RING, such as nightly=alpha"))?;
        Ok(Self { channel: channel.to_owned(), ring: ring.parse().map_err(|error| format!("{error}"))? })
    }
}
