//! What must hold at the end: everything is over, every verdict is true, every report arrived once.

use std::collections::BTreeMap;

use belay_protocol::admin::{DeploymentStatus, DeviceProgress};
use belay_protocol::sync::{AssignmentRef, ReportStatus};
use belay_server::service::PageOf;

use super::device::is_end;
use super::world::World;

impl World {
    /// What is not over yet; empty where all is.
    pub(super) async fn unfinished(&self) -> String {
        for id in &self.deployments {
            let view = self.service.deployment(id).await.unwrap();
            match view.status {
                DeploymentStatus::Completed | DeploymentStatus::Failed | DeploymentStatus::Cancelled => {}
                DeploymentStatus::Pending
                | DeploymentStatus::InProgress
                | DeploymentStatus::Paused
                | DeploymentStatus::Halted => return format!("{id} is {:?}: {:?}", view.status, view.buckets),
            }
        }
        let busy = |device: &super::device::Device| {
            !device.gone
                && (device.state.running.is_some() || !device.state.outbox.pending.is_empty() || device.has_news())
        };
        let found = self.devices.iter().find(|device| busy(device));
        found.map_or(String::new(), |device| format!("{} is at work: {:?}", device.id, device.state.running))
    }

    /// Looks at everything at the end.
    pub(super) async fn check_end(&mut self) {
        for id in self.deployments.clone() {
            for page in 1..=(self.devices.len() / 500 + 1) {
                let page = PageOf { page: u32::try_from(page).unwrap(), page_size: 500 };
                for part in self.service.deployment_devices(&id, "", page).await.unwrap().items {
                    *self.counts.entry(format!("is {}", part.status)).or_default() += 1;
                    self.check_verdict(&id, &part);
                }
            }
        }
        for at in 0..self.devices.len() {
            self.check_reports(at).await;
            let shown = self.service.device(&self.devices[at].id).await.unwrap();
            let measured = self.devices[at].host.measured();
            if !self.devices[at].gone && shown.profile.installed.release != measured {
                self.wrong(at, &format!("the server says {:?}, it has {measured:?}", shown.profile.installed));
            }
        }
    }

    fn check_verdict(&self, id: &belay_protocol::DeploymentId, part: &DeviceProgress) {
        let at = self.devices.iter().position(|device| device.id == part.device).expect("one of ours");
        let attempt = AssignmentRef { deployment: id.clone(), attempt: part.attempt };
        let told = self.devices[at].verdicts(&attempt);
        let measured = matches!(part.reason.as_deref(), Some("other_version" | "rolled_back") | None);
        let last = told.last().copied();
        let is_true = match part.status.as_str() {
            "completed" => last == Some(ReportStatus::Completed) || (measured && !self.devices[at].had.is_empty()),
            "rolled_back" => {
                last == Some(ReportStatus::RolledBack) || (measured && last == Some(ReportStatus::Completed))
            }
            // A retry that the device did not take up leaves it where the attempts before left it.
            "failed" if part.reason.as_deref() == Some("not_picked_up") => {
                let before = |number| AssignmentRef { deployment: id.clone(), attempt: number };
                let ends =
                    (1..part.attempt).filter_map(|number| self.devices[at].verdicts(&before(number)).last().copied());
                last != Some(ReportStatus::Completed)
                    && ends.into_iter().any(|end| matches!(end, ReportStatus::Failed | ReportStatus::RolledBack))
            }
            "failed" => last == Some(ReportStatus::Failed),
            "silent" | "skipped" => {
                let verdict = matches!(last, Some(ReportStatus::Completed | ReportStatus::RolledBack));
                // Who was to try once more and did not come back ends as silent, whatever it told of the attempt before.
                self.devices[at].gone || !verdict || part.attempt == 0 || self.retried.contains(id)
            }
            _ => self.devices[at].gone || part.status == "waiting" || part.status == "offline",
        };
        if !is_true {
            self.wrong(at, &format!("{id} says {part:?}, it told {told:?}"));
        }
    }

    async fn check_reports(&self, at: usize) {
        let device = &self.devices[at];
        let mut found: BTreeMap<u64, u64> = BTreeMap::new();
        let page = PageOf { page: 1, page_size: 500 };
        for view in self.service.device_reports(&device.id, page).await.unwrap().items {
            *found.entry(view.report.seq).or_default() += 1;
            if device.written.get(&view.report.seq) != Some(&view.report) {
                self.wrong(at, &format!("it never wrote {:?}", view.report));
            }
        }
        if let Some((seq, times)) = found.iter().find(|(_, times)| **times != 1) {
            self.wrong(at, &format!("report {seq} is there {times} times"));
        }
        let lost = device.written.values().find(|report| is_end(report.status) && !found.contains_key(&report.seq));
        if let Some(lost) = lost.filter(|_| !device.gone) {
            self.wrong(at, &format!("{lost:?} is lost"));
        }
    }
}
