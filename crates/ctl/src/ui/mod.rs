//! `belayctl lan ui`: the devices of a network on a full screen.

use crate::error::CtlError;
use crate::exit::Exit;

/// Shows it until the person leaves.
pub(crate) async fn run() -> Result<Exit, CtlError> {
    Err(CtlError::Usage("there is no screen yet".to_owned()))
}
