use belay_protocol::PackageList;
use jiff::Timestamp;
use jiff::civil::Weekday;
use proptest::prelude::*;

use super::*;
use crate::machine::rules::Window;
use crate::machine::rules::defaults::SERVER_ROLLBACK_WITHIN;

fn update(dry_run: bool, approve: &[Reason]) -> Request {
    Request::Update {
        packages: "demo-app".parse::<PackageList>().unwrap(),
        dry_run,
        approve: approve.to_vec(),
        release: None,
        bundle: None,
    }
}

fn rollback() -> Request {
    Request::Rollback { to: None, approve: Vec::new(), from: None }
}

/// Monday, 14:05.
fn now() -> Moment {
    Moment { at: "2027-03-01T14:05:00Z".parse().unwrap(), weekday: Weekday::Monday, minute: 14 * 60 + 5 }
}

fn rules(windows: &[&str]) -> PolicyRules {
    PolicyRules {
        lockdown: false,
        windows: windows.iter().map(|text| text.parse().unwrap()).collect(),
        not_before: "2027-01-01T00:00:00Z".parse().unwrap(),
        server_rollback_within: SERVER_ROLLBACK_WITHIN,
        server_may_approve: Vec::new(),
    }
}

fn locked(rules: PolicyRules) -> PolicyRules {
    PolicyRules { lockdown: true, ..rules }
}

fn past() -> Moment {
    Moment { at: Timestamp::UNIX_EPOCH, ..now() }
}

#[test]
fn given_rules_and_a_moment_then_a_request_may_run_or_is_refused_with_a_reason() {
    let night = ["Mon-Fri 02:00-05:00"];
    let day = ["Tue 09:00-17:00", "Mon 14:00-15:00"];
    for (given, request, moment, then) in [
        (rules(&[]), update(false, &[]), now(), None),
        (rules(&day), update(false, &[]), now(), None),
        (rules(&night), update(false, &[]), now(), Some(Reason::Window)),
        (rules(&night), update(false, &[Reason::Window]), now(), None),
        (rules(&night), update(false, &[Reason::GuardRemoval]), now(), Some(Reason::Window)),
        (rules(&night), update(true, &[]), now(), None),
        (locked(rules(&[])), update(false, &[]), now(), Some(Reason::Lockdown)),
        (locked(rules(&[])), update(false, &[Reason::Lockdown]), now(), Some(Reason::Lockdown)),
        (locked(rules(&[])), update(true, &[]), now(), None),
        (locked(rules(&night)), rollback(), past(), None),
        (rules(&[]), update(false, &[]), past(), Some(Reason::Clock)),
        (rules(&[]), update(false, &[Reason::Clock]), past(), Some(Reason::Clock)),
        (rules(&[]), update(true, &[]), past(), Some(Reason::Clock)),
    ] {
        let refusal = check(&request, &given, &moment).err().map(|failure| failure.reason);
        assert_eq!(refusal, then, "{request:?} under {given:?} at {}", moment.at);
    }
}

#[test]
fn the_refusals_say_what_to_do() {
    let message = |rules, moment| check(&update(false, &[]), &rules, &moment).unwrap_err().message;
    assert_eq!(
        message(rules(&[]), past()),
        "the device's clock says 1970-01-01T00:00:00Z, which is before this program was built; set it with \
         timedatectl, or wait for time sync"
    );
    assert_eq!(
        message(rules(&["Sat,Sun 22:00-04:00", "02:00-05:00"]), now()),
        "it is Mon 14:05, and updates run only in the maintenance windows Sat,Sun 22:00-04:00; 02:00-05:00; ask \
         again then, or approve `window` (command line: --approve window; JSON: \"approve\": [\"window\"])"
    );
    assert!(message(locked(rules(&[])), now()).contains("set policy.lockdown = false"));
}

prop_compose! {
    fn any_moment()(second in -1_000_000_000_i64..4_000_000_000, day in 0_i8..7, minute in 0_u16..1440) -> Moment {
        Moment {
            at: Timestamp::from_second(second).unwrap(),
            weekday: Weekday::from_monday_zero_offset(day).unwrap(),
            minute,
        }
    }
}

prop_compose! {
    fn any_rules()(
        lockdown: bool,
        windows in prop::collection::vec((0_u16..1440, 0_u16..1440, 0_i8..7), 0..3),
        second in 0_i64..4_000_000_000,
    ) -> PolicyRules {
        let window = |(from, to, day)| Window { days: vec![Weekday::from_monday_zero_offset(day).unwrap()], from, to };
        PolicyRules {
            lockdown,
            windows: windows.into_iter().map(window).collect(),
            not_before: Timestamp::from_second(second).unwrap(),
            server_rollback_within: SERVER_ROLLBACK_WITHIN,
            server_may_approve: Vec::new(),
        }
    }
}

#[test]
fn a_server_may_order_back_only_what_was_committed_lately() {
    let rules = rules(&[]);
    let day = jiff::SignedDuration::from_hours(24);
    assert_eq!(check_age(now().at - day * 30, &rules, &now()), Ok(()));
    // A clock that was set back makes nothing old.
    assert_eq!(check_age(now().at + day, &rules, &now()), Ok(()));
    let refused = check_age(now().at - day * 31, &rules, &now()).unwrap_err();
    assert_eq!(refused.reason, Reason::TooOld);
    assert!(refused.message.contains("31 days ago") && refused.message.contains("within 30 days"), "{refused}");
}

proptest! {
    #[test]
    fn going_back_is_always_allowed(rules in any_rules(), moment in any_moment()) {
        prop_assert_eq!(check(&rollback(), &rules, &moment), Ok(()));
    }

    #[test]
    fn an_update_that_may_run_has_no_reason_against_it(rules in any_rules(), moment in any_moment()) {
        let open = rules.windows.iter().any(|window| window.contains(moment.weekday, moment.minute));
        let expected = !rules.lockdown && moment.at >= rules.not_before && (open || rules.windows.is_empty());
        prop_assert_eq!(check(&update(false, &[]), &rules, &moment).is_ok(), expected);
    }

    #[test]
    fn approving_the_window_lifts_the_window_and_nothing_else(rules in any_rules(), moment in any_moment()) {
        let plain = check(&update(false, &[]), &rules, &moment).map_err(|failure| failure.reason);
        let approved = check(&update(false, Reason::ALL), &rules, &moment).map_err(|failure| failure.reason);
        let expected = if plain == Err(Reason::Window) { Ok(()) } else { plain };
        prop_assert_eq!(approved, expected);
    }
}

#[test]
fn a_servers_approvals_count_only_where_the_device_allows_them() {
    use Reason::{Denied, Drift, GuardRemoval, Window};
    let asked = update(false, &[Window, GuardRemoval, Denied]);
    let back = Request::Rollback { to: None, approve: vec![Drift], from: None };
    let strict = rules(&[]);
    let open = PolicyRules { server_may_approve: vec![Window], ..rules(&[]) };
    let counting =
        |request: &Request, by_server, rules| with_counting_approvals(request, by_server, rules).approvals().to_vec();
    assert_eq!(counting(&asked, true, &strict), [Denied], "it overrides no guard of the device's");
    assert_eq!(counting(&asked, true, &open), [Window, Denied]);
    assert_eq!(counting(&asked, false, &strict), [Window, GuardRemoval, Denied], "people on the device may");
    assert_eq!(counting(&back, true, &strict), []);
    let hint = "policy.server_may_approve on the device has \"window\"";
    for (reason, by_server, rules, told) in
        [(Window, true, &strict, true), (Window, false, &strict, false), (Window, true, &open, false)]
    {
        let failure = with_setting(Failure::new(reason, "closed"), by_server, rules);
        assert_eq!(failure.message.ends_with(hint), told, "{failure}");
    }
    let denied = with_setting(Failure::new(Denied, "no"), true, &strict);
    assert_eq!(denied.message, "no");
}
