use belay_protocol::admin::{DeploymentKind, DeploymentStatus, FilterText, Policy, Strategy};
use belay_terminal::Paint;
use insta::assert_snapshot;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::*;

fn now() -> Timestamp {
    "2026-01-02T04:04:00Z".parse().unwrap()
}

fn page(colour: bool) -> Page {
    Page { paint: Paint { colour }, now: now(), zone: TimeZone::UTC }
}

/// A deployment to twenty devices.
pub(crate) fn deployment(buckets: Buckets) -> DeploymentView {
    DeploymentView {
        id: "r_1".parse().unwrap(),
        name: "demo".to_owned(),
        kind: DeploymentKind::Install,
        release: None,
        channel: None,
        filter: FilterText::default(),
        strategy: Strategy::Manual,
        policy: Policy::default(),
        status: DeploymentStatus::InProgress,
        reason: String::new(),
        total: 20,
        allowed: 20,
        buckets,
        frozen_by: None,
        created_at: now(),
        created_by: "tests".to_owned(),
        started_at: None,
        ended_at: None,
    }
}

/// A device at work on it.
pub(crate) fn at_work(name: &str, status: &str) -> DeviceProgress {
    DeviceProgress {
        device: "d_1".parse().unwrap(),
        hostname: name.to_owned(),
        status: status.to_owned(),
        reason: None,
        message: String::new(),
        attempt: 1,
        from_version: None,
        offered_at: None,
        started_at: Some("2026-01-02T04:02:55Z".parse().unwrap()),
        ended_at: None,
    }
}

fn busy() -> Buckets {
    Buckets { completed: 9, failed: 1, rolled_back: 1, installing: 3, downloading: 2, waiting: 4, ..Buckets::default() }
}

#[test]
fn a_deployment_at_work_shows_a_bar_its_numbers_and_who_is_at_work() {
    let deployment = DeploymentView { allowed: 16, ..deployment(busy()) };
    let lines = standing(&deployment, &[at_work("pi-7", "installing"), at_work("", "downloading")], &page(false));
    assert_snapshot!(lines.join("\n"), @r"
    [==================xx<<>>>>>>....        ] 9/20, open to 16
      = 9 completed, x 1 failed, < 1 rolled back, > 3 installing, . 2 downloading, 4 waiting
      installing   pi-7  1 min 5 s
      downloading  d_1  1 min 5 s
      and 3 more at work
    ");
}

#[test]
fn a_device_that_went_wrong_says_why() {
    let mut failed = at_work("pi-9", "rolled_back");
    failed.reason = Some("unhealthy".to_owned());
    failed.message = "the check demo failed\nand more".to_owned();
    failed.ended_at = Some("2026-01-02T04:03:00Z".parse().unwrap());
    assert_snapshot!(device(&failed, &page(false)), @"rolled back  pi-9  5 s  unhealthy: the check demo failed");
}

#[test]
fn a_bar_has_its_width_whatever_is_in_it() {
    for numbers in [vec![1, 0, 0], vec![1, 1, 1], vec![1000, 1, 1], vec![1, 0, 999_999], vec![7; 12]] {
        let cells = cells(&numbers, WIDTH);
        assert_eq!(cells.iter().sum::<usize>(), WIDTH, "{numbers:?}");
        assert!(
            numbers.iter().zip(&cells).all(|(number, cells)| (*number > 0) == (*cells > 0)),
            "{numbers:?} {cells:?}"
        );
    }
    assert_eq!(bar(&Buckets::default(), &page(false)), " ".repeat(WIDTH));
}

#[test]
fn colours_come_only_where_they_are_wanted() {
    let lines = |colour| standing(&deployment(busy()), &[], &page(colour)).join("\n");
    assert!(lines(true).contains("\x1b[32m==================\x1b[0m\x1b[31mxx\x1b[0m"), "{}", lines(true));
    assert!(!lines(false).contains('\x1b'));
}

#[test]
fn a_limit_that_was_passed_is_told_with_its_numbers() {
    let buckets = Buckets { completed: 8, failed: 1, silent: 1, ..Buckets::default() };
    assert_snapshot!(
        over(&buckets, 5),
        @"2 of 10 failed, more than 5 %: not watched any longer; the deployment goes on by its own limit"
    );
}

#[test]
fn what_a_device_says_of_itself_stays_in_its_line_and_paints_nothing() {
    let mut device = at_work("x\u{1b}]0;title\u{7}\ncompleted  other", "failed");
    device.message = "\u{1b}[8mno\u{1b}[2J space".to_owned();
    let line = super::device(&device, &page(true)).replace("\u{1b}[31m", "").replace("\u{1b}[0m", "");
    assert!(!line.contains(char::is_control), "{line:?}");
    assert!(line.contains("no[2J space"), "{line:?}");
}

#[test]
fn a_channels_deployment_says_that_it_has_no_end() {
    let channel = |status| DeploymentView { channel: Some(3), status, ..deployment(Buckets::default()) };
    let said = endless(&channel(DeploymentStatus::InProgress)).unwrap();
    assert!(said.starts_with("channel 3 ") && said.contains("has no end"), "{said}");
    assert_eq!(endless(&channel(DeploymentStatus::Cancelled)), None);
    assert_eq!(endless(&deployment(Buckets::default())), None);
}
