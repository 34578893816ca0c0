//! `belayctl device logs`: what a device reported, newest last, and what it reports from now on.

use std::time::Duration;

use belay_protocol::admin::{Page, ReportView};
use belay_protocol::{DeploymentId, DeviceId};

use crate::client::Client;
use crate::commands::watch::is_away;
use crate::commands::{PAGE_SIZE, named};
use crate::error::CtlError;
use crate::exit::Exit;
use crate::output::Output;
use crate::render;

/// Time between two looks.
const INTERVAL: Duration = Duration::from_secs(1);

/// How often in a row the server may be away before nobody is followed any longer.
const PATIENCE: u32 = 30;

/// How many of the newest are compared from look to look.
const KNOWN: usize = PAGE_SIZE as usize;

/// Which reports.
pub(super) struct Wanted {
    /// Whose.
    pub(super) device: DeviceId,
    /// How many at most, of those that are there already.
    pub(super) lines: u32,
    /// About which deployment.
    pub(super) deployment: Option<DeploymentId>,
}

impl Wanted {
    /// Those that a person means.
    pub(super) async fn named(
        client: &Client,
        device: &str,
        lines: u32,
        deployment: Option<&str>,
    ) -> Result<Self, CtlError> {
        let device = named::device(client, device).await?;
        let deployment = match deployment {
            Some(text) => Some(named::deployment(client, text).await?),
            None => None,
        };
        Ok(Self { device, lines, deployment })
    }
}

/// Shows reports; where it follows, each is an answer of its own and there is no end.
pub(super) async fn logs(client: &Client, output: &Output, wanted: &Wanted, follow: bool) -> Result<Exit, CtlError> {
    let lines = usize::try_from(wanted.lines).unwrap_or(usize::MAX);
    if !follow {
        let shown = newest(client, wanted, lines).await?;
        output.answer(&shown, |reports, page| render::report::list(reports, page));
        return Ok(Exit::Done);
    }
    let mut known = newest(client, wanted, KNOWN).await?;
    for report in known.iter().skip(known.len().saturating_sub(lines)) {
        output.answer(report, render::report::one);
    }
    let mut away = 0;
    loop {
        tokio::time::sleep(INTERVAL).await;
        let found = match newest(client, wanted, KNOWN).await {
            Ok(found) => found,
            Err(error) if is_away(&error) && away < PATIENCE => {
                away += 1;
                continue;
            }
            Err(error) => return Err(error),
        };
        away = 0;
        for report in found.iter().filter(|report| !known.contains(report)) {
            output.answer(report, render::report::one);
        }
        known = found;
    }
}

/// The newest of them, oldest first.
async fn newest(client: &Client, wanted: &Wanted, enough: usize) -> Result<Vec<ReportView>, CtlError> {
    let page_size = u32::try_from(enough).unwrap_or(PAGE_SIZE).min(PAGE_SIZE);
    let mut found: Vec<ReportView> = Vec::new();
    for page in 1_u32.. {
        let query = [("page", page.to_string()), ("page_size", page_size.to_string())];
        let Page { items, total, .. } =
            client.fetch::<Page<ReportView>>(&["devices", wanted.device.as_str(), "reports"], &query).await?;
        let is_last = items.is_empty() || u64::from(page) * u64::from(page_size) >= total;
        found.extend(items.into_iter().filter(|report| is_about(report, wanted.deployment.as_ref())));
        if is_last || found.len() >= enough {
            break;
        }
    }
    found.truncate(enough);
    found.reverse();
    Ok(found)
}

/// A deployment that was forgotten is still named in what was reported.
fn is_about(report: &ReportView, deployment: Option<&DeploymentId>) -> bool {
    let named = report.report.assignment.as_ref().map(|assignment| &assignment.deployment);
    deployment.is_none_or(|deployment| report.deployment.as_ref() == Some(deployment) || named == Some(deployment))
}
