//! `belayctl enrol …`

mod bulk;
mod far_end;
mod known;
mod retry;
mod table;

use belay_protocol::DeviceId;
use belay_terminal::one_line;
use serde::Serialize;
use utoipa::ToSchema;

use crate::arguments::{Connection, Enrol};
use crate::client::Target;
use crate::error::CtlError;
use crate::exit::Exit;
use crate::output::Output;

/// What came of one device of the table.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct EnrolledDevice {
    /// Its address, as in the table.
    pub(crate) host: String,
    /// What the table calls it.
    pub(crate) hostname: String,
    /// What came of it.
    pub(crate) result: EnrolResult,
    /// Its name on the server.
    #[schema(value_type = Option<String>)]
    pub(crate) device: Option<DeviceId>,
    /// Why, or what is still to be done.
    pub(crate) reason: Option<String>,
}

/// What came of one device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum EnrolResult {
    /// It is known to the server now.
    Enrolled,
    /// It was before.
    WasEnrolled,
    /// It is not, and the reason says why.
    Failed,
    /// It does not answer.
    Unreachable,
}

impl EnrolResult {
    /// Whether the server knows the device.
    pub(crate) fn is_well(self) -> bool {
        match self {
            Self::Enrolled | Self::WasEnrolled => true,
            Self::Failed | Self::Unreachable => false,
        }
    }
}

/// What came of one device, wherever it is.
#[derive(Debug, Clone)]
struct Outcome {
    result: EnrolResult,
    device: Option<DeviceId>,
    reason: Option<String>,
}

impl Outcome {
    fn enrolled(device: DeviceId, is_let_in: bool) -> Self {
        let waits = format!("it waits to be let in: `belayctl device approve {device}`");
        Self { result: EnrolResult::Enrolled, device: Some(device), reason: (!is_let_in).then_some(waits) }
    }

    fn was_enrolled(device: DeviceId, reason: Option<String>) -> Self {
        Self { result: EnrolResult::WasEnrolled, device: Some(device), reason }
    }

    /// Reasons hold words of other machines.
    fn failed(reason: &str) -> Self {
        Self { result: EnrolResult::Failed, device: None, reason: Some(one_line(reason)) }
    }

    fn unreachable(reason: &str) -> Self {
        Self { result: EnrolResult::Unreachable, device: None, reason: Some(one_line(reason)) }
    }
}

pub(super) async fn run(
    connection: &Connection,
    target: &Target,
    output: &Output,
    verb: Enrol,
) -> Result<Exit, CtlError> {
    match verb {
        Enrol::Bulk(bulk) => bulk::run(connection, target, output, &bulk).await,
    }
}
