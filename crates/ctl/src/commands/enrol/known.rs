//! What the server says of a device that says itself that it is enrolled there.

use belay_protocol::DeviceId;
use belay_protocol::admin::{DeviceState, DeviceView};

use super::{EnrolResult, Outcome};
use crate::client::Client;
use crate::error::CtlError;

/// The outcome as it is where the server was asked for the device too: it may have been deleted there, or shut out.
pub(super) async fn proved(client: &Client, outcome: Outcome) -> Outcome {
    match (outcome.result, outcome.device) {
        (EnrolResult::WasEnrolled, Some(device)) => {
            let known = client.fetch::<DeviceView>(&["devices", device.as_str()], &[]).await;
            judged(device, known.map(|device| device.state))
        }
        (result, device) => Outcome { result, device, ..outcome },
    }
}

fn judged(device: DeviceId, known: Result<DeviceState, CtlError>) -> Outcome {
    let again = "`belay-agent enrol --again` there makes it another";
    let waits = |how: &str| Some(format!("{how}: `belayctl device approve {device}` lets it in"));
    match known {
        Ok(DeviceState::Authorized) => Outcome::was_enrolled(device, None),
        Ok(DeviceState::Pending) => {
            let reason = waits("it waits to be let in");
            Outcome::was_enrolled(device, reason)
        }
        Ok(DeviceState::Quarantined) => {
            let reason = waits("it is quarantined");
            Outcome::was_enrolled(device, reason)
        }
        Ok(DeviceState::Revoked) => Outcome::failed(&format!("it is {device}, which was shut out; {again}")),
        Err(CtlError::Refused(refusal)) if refusal.error == "not_found" => {
            Outcome::failed(&format!("it says that it is {device}, which the server does not know; {again}"))
        }
        // A token that may make enrolment tokens need not be one that may look.
        Err(error) => Outcome::was_enrolled(device, Some(format!("only it says so: {error}"))),
    }
}

#[cfg(test)]
mod tests;
