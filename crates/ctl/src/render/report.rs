//! What devices reported.

use belay_protocol::admin::ReportView;
use belay_protocol::sync::ReportStatus;
use belay_terminal::{Page, Tone, one_line};

/// Reports, oldest first.
pub(crate) fn list(reports: &[ReportView], page: &Page) -> String {
    if reports.is_empty() {
        return "nothing was reported yet".to_owned();
    }
    reports.iter().map(|report| one(report, page)).collect::<Vec<_>>().join("\n")
}

/// One report: when the device wrote it, where it stood, about what, and why.
pub(crate) fn one(view: &ReportView, page: &Page) -> String {
    let report = &view.report;
    let at = report.at.to_zoned(page.zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string();
    let (tone, word) = status(report.status);
    let about = report.assignment.as_ref().map(|assignment| assignment.deployment.to_string());
    let about = about.or_else(|| report.job.map(|job| format!("job {job}"))).unwrap_or_default();
    let mut line =
        format!("{}  {} {about}", page.paint.tone(Tone::Quiet, &at), page.paint.tone(tone, &format!("{word:<12}")));
    if let Some(reason) = &report.reason {
        line.push_str(&format!("  {}", one_line(reason)));
    }
    for said in report.message.lines().filter(|said| !said.is_empty()) {
        line.push_str(&format!("\n    {}", one_line(said)));
    }
    line
}

fn status(status: ReportStatus) -> (Tone, &'static str) {
    match status {
        ReportStatus::Downloading => (Tone::Plain, "downloading"),
        ReportStatus::Installing => (Tone::Plain, "installing"),
        ReportStatus::Verifying => (Tone::Plain, "verifying"),
        ReportStatus::Completed => (Tone::Good, "completed"),
        ReportStatus::Failed => (Tone::Bad, "failed"),
        ReportStatus::RolledBack => (Tone::Careful, "rolled back"),
        ReportStatus::Deferred => (Tone::Careful, "deferred"),
        ReportStatus::Skipped => (Tone::Quiet, "skipped"),
        ReportStatus::Unknown => (Tone::Quiet, "unknown"),
    }
}
