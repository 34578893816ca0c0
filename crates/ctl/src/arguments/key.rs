//! What can be written after `belayctl key`.

use std::path::PathBuf;

use clap::Subcommand;

/// Make keys and sign with them; no server is asked.
#[derive(Debug, Subcommand)]
pub enum Key {
    /// Make a pair of keys: NAME.key to sign with, and NAME.pub to pin on devices, in /etc/belay/keys
    ///
    /// The password is asked for on the terminal, or read from BELAY_KEY_PASSWORD.
    Generate {
        /// What the two files are called, with a folder before it where it is not this one
        name: PathBuf,
        /// Keep the secret key without a password
        #[arg(long)]
        no_password: bool,
    },
    /// Sign a manifest: manifest.json gets a manifest.sig beside it
    Sign {
        /// The manifest, or any other file
        manifest: PathBuf,
        /// The secret key
        #[arg(long, value_name = "KEYFILE")]
        key: PathBuf,
        /// Where the signature goes
        #[arg(long, value_name = "FILE")]
        signature: Option<PathBuf>,
        /// Write over another signature that lies there
        #[arg(long)]
        force: bool,
    },
    /// Say whether a key signed a manifest. Exit code 1 where it did not
    Verify {
        /// The manifest, or any other file
        manifest: PathBuf,
        /// The public key
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
        /// Where the signature is
        #[arg(long, value_name = "FILE")]
        signature: Option<PathBuf>,
    },
}
