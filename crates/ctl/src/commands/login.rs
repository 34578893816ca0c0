//! `belayctl login`, `logout` and `profile …`

use crate::arguments::{Connection, Login, Profile};
use crate::error::CtlError;
use crate::output::Output;

pub(super) async fn login(_connection: &Connection, _output: &Output, _login: Login) -> Result<(), CtlError> {
    Ok(())
}

pub(super) fn logout(_connection: &Connection, _output: &Output) -> Result<(), CtlError> {
    Ok(())
}

pub(super) fn run(_output: &Output, _verb: Profile) -> Result<(), CtlError> {
    Ok(())
}
