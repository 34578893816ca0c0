//! What came of enrolling many devices.

use belay_terminal::quantity::counted;
use belay_terminal::{Page, Tone, plain};

use crate::commands::{EnrolResult, EnrolledDevice};

/// A table of devices, and how many went well; where what tries the others again.
pub(crate) fn table(devices: &[EnrolledDevice], again: Option<&str>, page: &Page) -> String {
    let rows = devices.iter().map(|device| {
        vec![
            plain(device.host.clone()),
            plain(device.hostname.clone()),
            result(device.result),
            plain(device.device.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string)),
            plain(device.reason.clone().unwrap_or_default()),
        ]
    });
    let table = super::table(&["address", "name", "result", "device", "reason"], rows, page);
    let well = devices.iter().filter(|device| device.result.is_well()).count();
    let mut text = format!("{table}\n\n{well} of {} enrolled", counted(devices.len() as u64, "device"));
    if let Some(again) = again {
        text.push_str(&format!("; to try the others again: {again}"));
    }
    text
}

fn result(result: EnrolResult) -> belay_terminal::Cell {
    let (tone, word) = match result {
        EnrolResult::Enrolled => (Tone::Good, "enrolled"),
        EnrolResult::WasEnrolled => (Tone::Good, "was enrolled"),
        EnrolResult::Failed => (Tone::Bad, "failed"),
        EnrolResult::Unreachable => (Tone::Careful, "unreachable"),
    };
    (tone, word.to_owned())
}
