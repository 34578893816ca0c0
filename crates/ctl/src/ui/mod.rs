//! `belayctl lan ui`: the devices of a network on a full screen: scan, choose a list, update, roll back.
//!
//! `app` is the state and decides, `view` draws it, `keys` says which key does what, and `shell` carries events and
//! commands between the state and the world.

mod app;
mod keys;
mod shell;
#[cfg(test)]
mod testing;
mod view;

use std::env;
use std::io::{IsTerminal, Write, stderr, stdin, stdout};
use std::path::Path;
use std::time::Duration;

use belay_terminal::quantity::counted;

use self::shell::{Left, Setup};
use self::view::Look;
use crate::arguments::Ui;
use crate::error::CtlError;
use crate::exit::Exit;
use crate::lan::{Pace, Scope, Site, read_token};
use crate::output::Output;

/// Shows it until the person leaves.
pub(crate) async fn run(
    output: &Output,
    token_file: Option<&Path>,
    plain_http: bool,
    asked: Ui,
) -> Result<Exit, CtlError> {
    if !output.is_for_people() || !stdin().is_terminal() || !stdout().is_terminal() {
        let advice = "`lan ui` needs a terminal: in a script use `belayctl lan scan` and `belayctl lan push`";
        return Err(CtlError::Usage(advice.to_owned()));
    }
    let scope = if asked.subnet.is_empty() { Scope::here()? } else { Scope::named(asked.subnet) };
    let setup = Setup {
        site: Site::load(asked.site.site.as_deref())?,
        scope: Scope { port: asked.port, ..scope },
        token: token_file.map(read_token).transpose()?,
        pace: Pace {
            parallel: usize::try_from(asked.parallel).unwrap_or(usize::MAX),
            timeout: Duration::from_secs(asked.timeout),
            plain_http,
        },
        look: Look { colour: output.page().paint.colour },
        folder: env::current_dir().map_err(|source| CtlError::File { path: ".".into(), source })?,
    };
    let (left, at_work) = shell::show(setup).await?;
    if at_work > 0 {
        let devices = counted(at_work as u64, "device");
        let _ = writeln!(stderr().lock(), "{devices} still at work; `belayctl lan scan` shows how they fare");
    }
    Ok(match left {
        Left::Asked => Exit::Done,
        Left::Ended => Exit::Failed,
    })
}
