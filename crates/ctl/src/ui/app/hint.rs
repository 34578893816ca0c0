//! What to do next, for whoever never read a manual.

use belay_terminal::Tone;
use belay_terminal::quantity::counted;

use super::{App, Scan};

impl App {
    /// The next step, in a sentence.
    pub(crate) fn hint(&self) -> String {
        if let Some(notice) = &self.notice {
            return notice.clone();
        }
        let devices = &self.devices;
        let selected = devices.selected();
        match (&self.list, self.scan) {
            _ if devices.at_work() > 0 => {
                format!("{} at work: Enter shows more about one", counted(devices.at_work() as u64, "device"))
            }
            (_, Scan::Running(_)) if devices.all().is_empty() => "looking: devices appear as they answer".to_owned(),
            (_, Scan::Never | Scan::Over) if devices.all().is_empty() => {
                "press s to look for devices on this network".to_owned()
            }
            _ if selected == 0 && self.tally().is_some_and(|(tone, _)| tone == Tone::Bad) => {
                "not all went well: Enter on a device says why".to_owned()
            }
            (_, Scan::Never | Scan::Running(_) | Scan::Over) if selected == 0 => {
                "select devices with Space (a: all), then press u to update or r to roll back".to_owned()
            }
            (None, Scan::Never | Scan::Running(_) | Scan::Over) => {
                format!(
                    "{} selected: press l to choose a package list, or r to roll back",
                    counted(selected as u64, "device")
                )
            }
            (Some(chosen), Scan::Never | Scan::Running(_) | Scan::Over) => {
                format!(
                    "{} selected: press u to install {}, or r to roll back",
                    counted(selected as u64, "device"),
                    chosen.name()
                )
            }
        }
    }
}
