//! What can be written after `belayctl`.

mod channel;
mod deployment;
mod device;
mod enrol;
mod expiry;
mod key;
mod lan;
mod profile;
mod release;
mod token;
mod words;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

pub use channel::{Channel, ChannelName};
pub use deployment::{CreateDeployment, Deployment, StrategyName, WatchArguments};
pub use device::{Device, DeviceFilter};
pub use enrol::{Bulk, Enrol, EnrolmentToken, Sudo};
pub use expiry::Expiry;
pub use key::Key;
pub use lan::{Lan, Push, RollBack, Scan, SiteFile, Told, Ui};
pub use profile::{Login, Profile};
pub use release::{ChannelRing, NameOrTag, Publish, Release, ReleaseArguments, TagRule, WatchFolder};
pub use token::Token;

use crate::exit;
use crate::output::Format;

/// Publishes, deploys, watches and takes back: the fleet from one command line.
#[derive(Debug, Parser)]
#[command(name = "belayctl", version, after_help = exit::HELP, arg_required_else_help = true)]
pub struct Arguments {
    /// Where the server is and who asks.
    #[command(flatten)]
    pub connection: Connection,
    /// Answer in JSON and nothing else, as --output json
    #[arg(long, global = true, conflicts_with = "output")]
    pub json: bool,
    /// How to answer
    #[arg(short, long, global = true, value_enum, default_value_t, value_name = "FORMAT")]
    pub output: Format,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

impl Arguments {
    /// How the answer is written.
    pub fn format(&self) -> Format {
        if self.json { Format::Json } else { self.output }
    }
}

/// Where the server is and who asks.
#[derive(Debug, Clone, Default, Args)]
pub struct Connection {
    /// The server, such as `https://updates.example.org`; BELAY_SERVER or MEETING_API_URL otherwise
    #[arg(long, global = true, value_name = "URL", help_heading = SERVER)]
    pub server: Option<String>,
    /// Server and token by the name that `login` kept them under; BELAY_PROFILE or the one in use otherwise
    #[arg(long, global = true, value_name = "NAME", help_heading = SERVER)]
    pub profile: Option<String>,
    /// File that holds the token; BELAY_TOKEN, MEETING_AUTH_TOKEN, MEETING_TOKEN or what `login` kept otherwise
    ///
    /// A token is no argument: every user of this machine could read it there. Of `lan` it is the devices' token, which
    /// comes from nowhere else.
    #[arg(long, global = true, value_name = "FILE", help_heading = SERVER)]
    pub token_file: Option<PathBuf>,
    /// Certificates to trust beside the system's, for a server with a private authority; BELAY_CA_FILE otherwise
    #[arg(long, global = true, value_name = "FILE", help_heading = SERVER)]
    pub ca_file: Option<PathBuf>,
    /// Let the token cross the network unencrypted
    #[arg(long, global = true, help_heading = SERVER)]
    pub plain_http: bool,
}

/// Under which the options about the server stand in `--help`.
const SERVER: &str = "Server";

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Keep a server and a token under a name, so that neither has to be given again
    Login(Login),
    /// Forget the token of a profile
    Logout,
    /// Work on the servers that are known here
    #[command(subcommand)]
    Profile(Profile),
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
    /// Work on the tokens that operators and pipelines ask with
    #[command(subcommand)]
    Token(Token),
    /// Work on the tokens that devices enrol with
    #[command(subcommand)]
    EnrolmentToken(EnrolmentToken),
    /// Make many devices known to the server
    #[command(subcommand)]
    Enrol(Enrol),
    /// Find and update the devices of this network; no server is asked
    #[command(subcommand)]
    Lan(Lan),
    /// Make keys and sign with them; no server is asked
    #[command(subcommand)]
    Key(Key),
}
