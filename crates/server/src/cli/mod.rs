//! The command line. `serve` is the server; everything else does one thing on its database and ends.

mod arguments;
mod check;
mod exit;
mod failure;
mod output;
mod tokens;

pub use arguments::{Arguments, Command, EnrolmentToken, Once, Token};
pub use exit::Exit;
pub use failure::Failure;

use crate::config::Settings;
use crate::store::backup;

/// Carries out one command.
pub async fn carry_out(settings: &Settings, command: Once, json: bool) -> Result<Exit, Failure> {
    match command {
        Once::Token(command) => tokens::token(settings, command, json).await,
        Once::EnrolmentToken(command) => tokens::enrolment_token(settings, command, json).await,
        Once::Backup { file } => {
            backup(&settings.database.0, &settings.state_dir, &file).await?;
            if json {
                output::say_json(&serde_json::json!({ "backup": file }));
            } else {
                output::say(&format!("copied to {}", file.display()));
            }
            Ok(Exit::Done)
        }
        Once::Check => check::check(settings, json).await,
    }
}
