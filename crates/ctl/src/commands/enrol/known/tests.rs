use belay_protocol::admin::ApiError;

use super::*;

fn refused(code: &str) -> CtlError {
    CtlError::Refused(ApiError { error: code.to_owned(), message: "no".to_owned(), field: None })
}

#[test]
fn a_device_counts_as_enrolled_where_the_server_knows_it_and_did_not_shut_it_out() {
    for (known, result, part) in [
        (Ok(DeviceState::Authorized), EnrolResult::WasEnrolled, ""),
        (Ok(DeviceState::Pending), EnrolResult::WasEnrolled, "it waits to be let in: `belayctl device approve d1`"),
        (Ok(DeviceState::Quarantined), EnrolResult::WasEnrolled, "it is quarantined: `belayctl device approve d1`"),
        (Ok(DeviceState::Revoked), EnrolResult::Failed, "it is d1, which was shut out"),
        (Err(refused("not_found")), EnrolResult::Failed, "d1, which the server does not know"),
        (Err(refused("forbidden")), EnrolResult::WasEnrolled, "only it says so: no (forbidden)"),
    ] {
        let outcome = judged("d1".parse().unwrap(), known);
        let reason = outcome.reason.unwrap_or_default();
        assert!(outcome.result == result && reason.contains(part), "{result:?} {part:?}: {reason}");
    }
}
