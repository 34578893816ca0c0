//! `belayctl enrol …` and `belayctl enrolment-token …`

use belay_protocol::admin::EnrolmentTokenView;

use super::all;
use crate::arguments::{Enrol, EnrolmentToken};
use crate::client::Client;
use crate::error::CtlError;
use crate::exit::Exit;
use crate::output::Output;
use crate::render;

pub(super) async fn run(_client: &Client, _output: &Output, verb: Enrol) -> Result<Exit, CtlError> {
    match verb {
        Enrol::Bulk { devices } => Err(CtlError::Usage(format!("{} is not read yet", devices.display()))),
    }
}

pub(super) async fn tokens(client: &Client, output: &Output, verb: EnrolmentToken) -> Result<(), CtlError> {
    match verb {
        EnrolmentToken::List => {
            let tokens: Vec<EnrolmentTokenView> = all(client, &["enrolment-tokens"], &[]).await?;
            output.answer(&tokens, |tokens, page| render::access::enrolment_tokens(tokens, page));
        }
    }
    Ok(())
}
