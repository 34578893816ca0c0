//! `belayctl lan …`

use crate::arguments::Lan;
use crate::error::CtlError;
use crate::exit::Exit;
use crate::output::Output;

pub(super) async fn run(_output: &Output, verb: Lan) -> Result<Exit, CtlError> {
    match verb {
        Lan::Scan => Err(CtlError::Usage("nothing is scanned yet".to_owned())),
        Lan::Ui => crate::ui::run().await,
    }
}
