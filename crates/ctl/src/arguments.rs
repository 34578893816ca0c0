//! What can be written after `belayctl`.

mod channel;
mod deployment;
mod device;
mod enrol;
mod key;
mod lan;
mod profile;
mod release;
mod token;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

pub use channel::Channel;
pub use deployment::{CreateDeployment, Deployment, StrategyName};
pub use device::Device;
pub use enrol::{Enrol, EnrolmentToken};
pub use key::Key;
pub use lan::Lan;
pub use profile::{Login, Profile};
pub use release::{Publish, Release, ReleaseArguments};
pub use token::Token;

use crate::exit;
use crate::output::Format;
use crate::secret::Secret;

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
