//! Given a plan, a list, rules and facts; then these refusals.

mod builder;
mod properties;

use belay_protocol::{Failure, Reason};

use self::builder::{Given, configure, given, install, purge, remove, replace};
use super::judge;
use Reason::*;

fn codes(given: &Given) -> Vec<Reason> {
    given.refusals().into_iter().map(|failure| failure.reason).collect()
}

#[test]
fn given_a_plan_then_every_reason_against_it_is_told() {
    let many = given(&[remove("demo-old", "1"), replace("libc6", "2", "1")]).list("libc6").disk(0);
    for (what, given, then) in [
        ("nothing to do, even on a full disk", given(&[]).disk(0), vec![]),
        ("a new package", given(&[install("demo-app", "1.0")]), vec![]),
        ("a removal", given(&[remove("demo-old", "1.0")]), vec![GuardRemoval]),
        ("a purge", given(&[purge("demo-old", "1.0")]), vec![GuardRemoval]),
        ("a removal that was asked for", given(&[remove("demo-old", "1.0").asked()]), vec![]),
        ("a protected package", given(&[replace("libc6", "1.0", "1.1")]), vec![GuardProtected]),
        ("a protected one by pattern", given(&[install("libapt-pkg6.0", "2.6")]), vec![GuardProtected]),
        (
            "asked for, it is protected still",
            given(&[replace("libc6", "1", "2")]).list("libc6=2"),
            vec![GuardProtected],
        ),
        ("our own package", given(&[replace("belay-agent", "1", "2")]), vec![GuardProtected]),
        ("our own package when asked for", given(&[replace("belay-agent", "1", "2")]).list("belay-agent"), vec![]),
        (
            "our own package going",
            given(&[remove("belay-agent", "1").asked()]).list("belay-agent"),
            vec![GuardProtected],
        ),
        ("our settings package is not ours", given(&[replace("belay-agent-x", "1", "2")]), vec![]),
        ("a lower version", given(&[replace("demo-app", "2.0", "1.0")]), vec![GuardDowngrade]),
        ("lower by epoch", given(&[replace("demo-app", "1:1.0", "2.0")]), vec![GuardDowngrade]),
        ("higher by tilde", given(&[replace("demo-app", "1.0~rc1", "1.0")]), vec![]),
        (
            "a lower version when only the name was asked for",
            given(&[replace("demo-app", "2.0", "1.0").asked()]).list("demo-app"),
            vec![GuardDowngrade],
        ),
        ("a lower version by name", given(&[replace("demo-app", "2.0", "1.0")]).list("demo-app=1.0"), vec![]),
        ("written otherwise", given(&[replace("demo-app", "2.0", "1.0")]).list("demo-app=0:1.0"), vec![]),
        (
            "a third version by name",
            given(&[replace("demo-app", "2.0", "1.0")]).list("demo-app=1.5"),
            vec![GuardDowngrade],
        ),
        ("with our own architecture", given(&[replace("demo-app", "2", "1")]).list("demo-app:arm64=1"), vec![]),
        (
            "for a foreign architecture only",
            given(&[replace("demo-app", "2", "1")]).list("demo-app:armhf=1"),
            vec![GuardDowngrade],
        ),
        ("a held package", given(&[replace("demo-app", "1", "2").held()]), vec![GuardHeld]),
        ("a held package asked for", given(&[replace("demo-app", "1", "2").held()]).list("demo-app"), vec![GuardHeld]),
        ("a held package that is only configured", given(&[configure("demo-app", "1").held()]), vec![]),
        ("a one-way package", given(&[replace("postgresql-15", "15.1", "15.2")]), vec![GuardOneWay]),
        ("a one-way package when it is new", given(&[install("postgresql-15", "15.1")]), vec![]),
        ("a one-way package again", given(&[replace("slapd", "2.5", "2.5")]), vec![]),
        ("a one-way package that is only configured", given(&[configure("slapd", "2.5")]), vec![]),
        ("a one-way package that goes", given(&[remove("slapd", "2.5")]), vec![GuardRemoval, GuardOneWay]),
        ("firmware", given(&[install("firmware-brcm80211", "1")]), vec![GuardBoot]),
        ("firmware that is allowed", given(&[install("firmware-brcm80211", "1")]).allow_boot(), vec![]),
        ("a kernel", given(&[replace("linux-image-arm64", "6.1", "6.2")]), vec![GuardProtected, GuardBoot]),
        (
            "a kernel that is allowed",
            given(&[replace("linux-image-arm64", "6.1", "6.2")]).allow_boot(),
            vec![GuardProtected],
        ),
        ("a denied version", given(&[replace("demo-app", "1", "2")]).denied("demo-app", "2"), vec![Denied]),
        ("another version than the denied", given(&[replace("demo-app", "1", "3")]).denied("demo-app", "2"), vec![]),
        ("another package's denied version", given(&[install("demo-lib", "2")]).denied("demo-app", "2"), vec![]),
        (
            "a denied version when only the name was asked for",
            given(&[replace("demo-app", "1", "2").asked()]).denied("demo-app", "2").list("demo-app"),
            vec![Denied],
        ),
        (
            "a denied version by name",
            given(&[replace("demo-app", "1", "2")]).denied("demo-app", "2").list("demo-app=2"),
            vec![],
        ),
        ("everything at once, in order", many, vec![GuardRemoval, GuardProtected, GuardDowngrade, NoSpace]),
    ] {
        assert_eq!(codes(&given), then, "{what}");
    }
}

#[test]
fn given_allowed_origins_then_a_package_comes_from_one_of_them() {
    for (origins, allowed, then) in [
        (&["Demo:1.0/stable"][..], &[][..], true),
        (&["Demo:1.0/stable"], &["Demo"], true),
        (&["Demo:1.0/stable"], &["Demo:stable"], true),
        (&["Demo:1.0/stable"], &["Demo:testing"], false),
        (&["Demo:1.0/stable"], &["Dem"], false),
        (&["Demo:1.0/stable"], &["Demon"], false),
        (&["Demo:1.0/stable"], &["Demo:1.0"], false),
        (&["Demo:1.0/stable"], &["demo"], false),
        (&["Demo:stable"], &["Demo:stable"], true),
        (&["Debian-Security:12/stable-security"], &["Debian", "Debian:stable-security"], false),
        (&["Raspberry Pi Foundation:stable"], &["Raspberry Pi Foundation"], true),
        (&["Elsewhere:1/stable", "Demo:1.0/stable"], &["Other", "Demo"], true),
        (&["Elsewhere:1/stable"], &["Other", "Demo"], false),
        (&[], &[], true),
        (&[], &["Demo"], false),
    ] {
        let given = given(&[install("demo-app", "1.0").origins(origins)]).allowed(allowed);
        let expected = if then { vec![] } else { vec![GuardOrigin] };
        assert_eq!(codes(&given), expected, "{origins:?} under {allowed:?}");
    }
    assert_eq!(codes(&given(&[configure("demo-app", "1")]).allowed(&["Demo"])), []);
}

#[test]
fn given_a_disk_then_download_undo_unpacking_and_reserve_must_fit() {
    const MB: u64 = super::super::rules::MEGABYTE;
    let big = || given(&[replace("demo-app", "1", "2").size(10 * MB), install("demo-lib", "1").size(3 * MB)]);
    // 13 to download, 20 for undo, 4 * (10 + 3) to unpack, 64 in reserve.
    let needed = 13 + 20 + 52 + 64;
    let with = |disk| big().undo(20 * MB).reserve(64 * MB).disk(disk);
    assert_eq!(codes(&with(needed * MB)), []);
    assert_eq!(codes(&with(needed * MB - 1)), [NoSpace]);
    assert_eq!(
        with(100 * MB).refusals()[0].message,
        "the disk has 100 MB free and the update needs 149 MB: 13 to download, 20 for going back, about 52 to \
         unpack, 64 in reserve; free 49 MB, for instance with `belay-agent restore-point prune` or `apt-get clean`"
    );
    assert_eq!(codes(&big().undo(u64::MAX).disk(u64::MAX - 1)), [NoSpace]);
    // Packages are replaced one after the other, so only the largest stands there twice.
    let two = given(&[replace("demo-a", "1", "2").size(10 * MB), replace("demo-b", "1", "2").size(MB)]);
    assert_eq!(codes(&two.disk((11 + 40) * MB)), []);
}

#[test]
fn a_refusal_carries_the_diff_and_says_how_to_approve() {
    let message = |given: Given| given.refusals()[0].message.clone();
    assert_eq!(
        message(given(&[remove("demo-old", "0.9"), install("demo-app", "1"), purge("demo-older", "0.1")])),
        "the update would remove what nobody asked to remove: demo-old - 0.9, demo-older - 0.1; change the list, or \
         approve `guard_removal` (command line: --approve guard_removal; JSON: \"approve\": [\"guard_removal\"])"
    );
    assert_eq!(
        message(given(&[replace("firmware-misc", "1", "2")])),
        "the update would touch kernel, firmware or boot files: firmware-misc 1 → 2; only the setting \
         guard.allow_boot = true allows that"
    );
    let elsewhere = given(&[install("demo-app", "1").origins(&["Evil:9/now", "Other:stable"])]).allowed(&["Demo"]);
    assert!(message(elsewhere).contains("demo-app + 1 from Evil:9/now and Other:stable; add the origin"));
    let many: Vec<_> = (0..25).map(|n| remove(&format!("demo-{n:02}"), "1")).collect();
    let many = message(given(&many));
    assert!(many.contains("demo-19 - 1 and 5 more; change the list"), "{many}");
}

#[test]
fn the_first_refusal_that_stands_wins_and_names_the_others() {
    let all = || vec![failure(GuardRemoval), failure(GuardBoot), failure(GuardHeld), failure(NoSpace)];
    for (approved, then) in [
        (vec![], Err((GuardRemoval, "guard_removal!. Also in the way: guard_boot, guard_held, no_space"))),
        (vec![GuardRemoval], Err((GuardBoot, "guard_boot!. Also in the way: guard_held, no_space"))),
        (vec![GuardRemoval, GuardHeld], Err((GuardBoot, "guard_boot!. Also in the way: no_space"))),
        (
            vec![GuardBoot, NoSpace],
            Err((GuardRemoval, "guard_removal!. Also in the way: guard_boot, guard_held, no_space")),
        ),
    ] {
        let verdict = judge(all(), &approved).map_err(|failure| (failure.reason, failure.message));
        assert_eq!(verdict, then.map_err(|(reason, text)| (reason, text.to_owned())), "{approved:?}");
    }
    assert_eq!(judge(vec![failure(GuardHeld)], &[GuardHeld]), Ok(()));
    assert_eq!(judge(vec![failure(GuardHeld)], &[GuardRemoval]), Err(failure(GuardHeld)));
    assert_eq!(judge(vec![], &[]), Ok(()));
}

fn failure(reason: Reason) -> Failure {
    Failure::new(reason, format!("{reason}!"))
}

#[test]
fn given_a_closure_then_the_plan_is_exactly_that_or_refused() {
    let app = || given(&[install("demo-app", "2.0")]).list("demo-app");
    let swap = || given(&[install("demo-new", "1.0"), remove("demo-old", "1.0").asked()]).list("demo-new");
    for (what, given, then) in [
        ("exactly that", app().pinned(&["demo-app=2.0"], &[]), vec![]),
        ("more than is needed here", app().pinned(&["demo-app=2.0", "demo-lib=1.0"], &[]), vec![]),
        ("a version written with its epoch", app().pinned(&["demo-app=0:2.0"], &[]), vec![]),
        (
            "a list that writes the architecture out",
            app().list("demo-app:arm64").pinned(&["demo-app=2.0"], &[]),
            vec![],
        ),
        ("another version", app().pinned(&["demo-app=1.0"], &[]), vec![ClosureUnavailable]),
        ("no version at all", app().pinned(&["demo-app"], &[]), vec![ClosureUnavailable]),
        ("a package that it does not know", app().pinned(&["demo-lib=1.0"], &[]), vec![ClosureUnavailable]),
        (
            "a list that wants another version",
            given(&[]).list("demo-app=3.0").pinned(&["demo-app=2.0"], &[]),
            vec![ClosureUnavailable],
        ),
        ("a removal that it knows", swap().pinned(&["demo-new=1.0"], &["demo-old"]), vec![]),
        ("a removal that it does not know", swap().pinned(&["demo-new=1.0"], &[]), vec![ClosureUnavailable]),
        ("a configuration step", given(&[configure("demo-app", "1.0")]).pinned(&[], &[]), vec![]),
        (
            "a lower version",
            given(&[replace("demo-app", "2.0", "1.0")]).list("demo-app").pinned(&["demo-app=1.0"], &[]),
            vec![ClosureUnavailable, GuardDowngrade],
        ),
        (
            "a lower version that the list names",
            given(&[replace("demo-app", "2.0", "1.0")]).list("demo-app=1.0").pinned(&["demo-app=1.0"], &[]),
            vec![],
        ),
    ] {
        assert_eq!(codes(&given), then, "{what}");
    }
}

#[test]
fn what_is_wrong_with_exact_versions_cannot_be_approved() {
    let given = given(&[replace("demo-app", "2.0", "1.0")]).list("demo-app").pinned(&["demo-app=1.0"], &[]);
    let refused = judge(given.refusals(), &[ClosureUnavailable, GuardDowngrade]).unwrap_err();
    assert_eq!(refused.reason, ClosureUnavailable);
    assert!(refused.message.contains("demo-app 2.0 → 1.0 would be lowered"), "{refused}");
}
