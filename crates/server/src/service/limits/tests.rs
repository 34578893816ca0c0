//! Tests of how long what devices say may be.

use belay_protocol::sync::ReportStatus;

use super::*;

fn report(seq: u64, message: &str) -> Report {
    Report {
        seq,
        at: jiff::Timestamp::UNIX_EPOCH,
        assignment: None,
        job: None,
        status: ReportStatus::Failed,
        reason: Some("r".repeat(WORD + 1)),
        message: message.to_owned(),
        closure: None,
    }
}

#[test]
fn a_text_is_cut_between_characters_and_loses_what_cannot_be_stored() {
    assert_eq!(cut("a\0b\nc\u{7f}", 10), "a b\nc ");
    assert_eq!(cut("ééé", 2), "éé");
}

#[test]
fn a_profile_within_the_limits_stays_as_it_is() {
    let profile = Profile {
        installed: Installed { drift: vec!["d".repeat(SENTENCE); DRIFT], ..Installed::default() },
        facts: Facts {
            hostname: "h".repeat(TEXT),
            capabilities: (0..WORDS).map(|at| at.to_string()).collect(),
            ..Facts::default()
        },
    };
    assert_eq!(fit_profile(profile.clone()), profile);
}

#[test]
fn reports_are_put_in_order_before_the_last_ones_are_left_for_another_time() {
    let last = belay_protocol::sync::MAX_REPORTS as u64;
    let reports = (1..=last + 1).rev().map(|seq| report(seq, "")).collect();
    let fitted = fit_sync(SyncRequest { reports, ..SyncRequest::default() }).unwrap();
    let numbers: Vec<_> = fitted.reports.iter().map(|report| report.seq).collect();
    assert_eq!(numbers, (1..=last).collect::<Vec<_>>());
    assert_eq!(fitted.reports[0].reason.as_ref().unwrap().len(), WORD);
}
