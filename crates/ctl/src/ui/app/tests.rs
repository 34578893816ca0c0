//! Given this state, on this key or news, then this state and these commands.

use super::chooser::name_of;
use super::device::{Deed, Known, Standing};
use super::question::Question;
use super::{Command, Event, Screen, Topic};
use crate::lan::{Kind, News, Order, Outcome};
use crate::ui::keys::{Key, Move};
use crate::ui::testing::{PACKAGES, Stage, host, packages};

#[test]
fn devices_stand_in_the_order_of_their_addresses_as_numbers() {
    let stage = Stage::four();
    let addresses: Vec<String> = stage.app.devices.all().iter().map(|device| device.address()).collect();
    assert_eq!(addresses, ["192.0.2.7", "192.0.2.8", "192.0.2.9", "192.0.2.30"]);
}

#[test]
fn a_second_scan_waits_for_the_first() {
    let mut stage = Stage::with(Vec::new());
    assert_eq!(stage.press("s"), [Command::Scan]);
    assert_eq!(stage.press("s"), []);
    assert_eq!(stage.app.hint(), "a scan is running already");
    stage.on(Event::Scanned);
    assert_eq!(stage.press("s"), [Command::Scan]);
}

#[test]
fn a_device_that_does_not_answer_a_scan_stays_and_is_marked() {
    let mut stage = Stage::with(vec![host(7, Kind::Agent), host(8, Kind::Agent)]);
    stage.press("s");
    stage.on(Event::Found(host(8, Kind::Flask)));
    stage.on(Event::Scanned);
    let known: Vec<Known> = stage.app.devices.all().iter().map(|device| device.known).collect();
    assert_eq!(known, [Known::Missing, Known::Answered]);
    assert_eq!(stage.app.devices.all()[1].host.kind, Kind::Flask, "what answers now is what counts");
    assert_eq!(stage.app.log.lines().last().expect("it was noted").text, "scan: 1 device answered, 1 did not");
}

#[test]
fn the_cursor_stays_on_its_device_when_others_are_found() {
    let mut stage = Stage::with(vec![host(8, Kind::Agent)]);
    stage.key(Key::Go(Move::First));
    stage.on(Event::Found(host(7, Kind::Agent)));
    assert_eq!(stage.app.devices.current().expect("there is one").address(), "192.0.2.8");
}

#[test]
fn all_selects_only_what_the_filter_shows() {
    let mut stage = Stage::four();
    stage.press("/flask");
    stage.key(Key::Enter);
    stage.press("a");
    stage.key(Key::Escape);
    assert_eq!(stage.app.devices.selected(), 1);
    assert_eq!(stage.app.devices.shown().len(), 4, "the first Escape dropped the filter");
    stage.key(Key::Escape);
    assert_eq!(stage.app.devices.selected(), 0, "the second one the selection");
}

#[test]
fn letters_of_a_filter_are_no_orders() {
    let mut stage = Stage::with_list();
    assert_eq!(stage.press("/sruq"), []);
    assert_eq!(stage.app.devices.filter, "sruq");
    assert_eq!(stage.app.screen, Screen::Filter);
}

#[test]
fn nothing_is_changed_before_yes() {
    for no in [Key::Char('n'), Key::Escape, Key::Interrupt, Key::Enter, Key::Char(' '), Key::Char('u')] {
        let mut stage = Stage::with_list();
        assert_eq!(stage.press("au"), []);
        assert!(matches!(&stage.app.screen, Screen::Question(Question::Order(Deed::Update, whom)) if whom.len() == 4));
        assert_eq!(stage.key(no), [], "{no:?}");
        assert_eq!(stage.app.devices.at_work(), 0, "{no:?}");
    }
}

#[test]
fn yes_tells_the_selected_devices_and_unselects_them() {
    let mut stage = Stage::with_list();
    stage.press(" ");
    stage.press(" u");
    let order = Order::Update { name: "packages.txt".to_owned(), list: packages() };
    let told = stage.press("y");
    assert!(matches!(&told[..], [Command::CarryOut(hosts, asked)] if *asked == order && hosts.len() == 2), "{told:?}");
    assert_eq!((stage.app.devices.at_work(), stage.app.devices.selected()), (2, 0));
}

#[test]
fn without_a_selection_the_device_under_the_cursor_is_meant() {
    let mut stage = Stage::four();
    stage.down();
    stage.press("r");
    let told = stage.press("y");
    assert_eq!(told, [Command::CarryOut(vec![host(8, Kind::Agent)], Order::Rollback)]);
}

#[test]
fn a_device_at_work_is_not_told_again() {
    let mut stage = Stage::with_list();
    stage.press("uy");
    stage.works(7, "planning", None);
    stage.press("ar");
    let told = stage.press("y");
    let [Command::CarryOut(hosts, Order::Rollback)] = &told[..] else { panic!("{told:?}") };
    assert_eq!(
        hosts.iter().map(|host| host.address.to_string()).collect::<Vec<_>>(),
        ["192.0.2.8:5000", "192.0.2.9:5000", "192.0.2.30:5000"]
    );
    stage.press("u");
    assert_eq!(stage.app.hint(), "all of these are at work already");
}

#[test]
fn an_update_without_a_list_asks_for_one_and_goes_on() {
    let mut stage = Stage::four();
    stage.press(" ");
    assert_eq!(stage.press("u"), [Command::Look("/lists".into())]);
    assert_eq!(stage.open_folder(&["packages.txt"]), [Command::Look("/lists/packages.txt".into())]);
    stage.read("packages.txt", PACKAGES);
    assert_eq!(stage.key(Key::Enter), []);
    assert!(matches!(&stage.app.screen, Screen::Question(Question::Order(Deed::Update, whom)) if whom.len() == 1));
}

#[test]
fn choosing_a_list_alone_asks_nothing() {
    let stage = Stage::with_list();
    assert_eq!(stage.app.screen, Screen::Devices);
    let chosen = stage.app.list.expect("it was chosen");
    assert_eq!((name_of(&chosen.path), chosen.list), ("packages.txt".to_owned(), packages()));
}

#[test]
fn news_are_shown_step_by_step_and_summed_up_at_the_end() {
    let mut stage = Stage::with_list();
    stage.press("  uy");
    stage.works(7, "planning", None);
    stage.works(7, "fetching", Some(10));
    stage.works(7, "fetching", Some(60));
    stage.ends(7, Outcome::Done, "updated");
    assert_eq!(stage.app.screen, Screen::Devices, "one is still at work");
    stage.ends(8, Outcome::Undone, "a check failed");
    assert_eq!(stage.app.screen, Screen::Page(Topic::Summary, 0));
    let texts: Vec<&str> = stage.app.log.lines().iter().skip(1).map(|line| line.text.as_str()).collect();
    let expected = [
        "update by packages.txt: told 2 devices",
        "planning",
        "fetching",
        "done in 12 s",
        "undone: a check failed",
        "1 of 2 done, 1 failed",
    ];
    assert_eq!(texts, expected);
}

#[test]
fn the_summary_does_not_push_itself_before_something_else() {
    let mut stage = Stage::with_list();
    stage.press("uyl");
    stage.ends(7, Outcome::Done, "updated");
    assert!(matches!(stage.app.screen, Screen::Chooser(_)));
    assert_eq!(stage.app.tally().expect("one was told").1, "1 of 1 done");
}

#[test]
fn news_after_the_end_or_of_strangers_change_nothing() {
    let mut stage = Stage::with_list();
    stage.press("uy");
    stage.ends(7, Outcome::Refused, "lockdown");
    let before = stage.app.clone();
    stage.works(7, "applying", None);
    stage.works(8, "applying", None);
    stage.on(Event::News(host(99, Kind::Agent).address, News::Working { step: "applying".to_owned(), percent: None }));
    assert_eq!(stage.app, before);
}

#[test]
fn a_device_that_nobody_follows_any_more_is_not_called_done() {
    let mut stage = Stage::with_list();
    stage.press("  uy");
    stage.ends(8, Outcome::Done, "updated");
    stage.later(5);
    let both = [host(7, Kind::Agent).address, host(8, Kind::Agent).address];
    stage.on(Event::Closed(both.to_vec()));
    let ends = stage.app.devices.all().iter().filter_map(|device| match &device.standing {
        Standing::Ended { end } => Some((end.outcome, end.seconds)),
        Standing::Idle | Standing::Told { .. } | Standing::Working { .. } => None,
    });
    assert_eq!(ends.collect::<Vec<_>>(), [(Outcome::Silent, 5), (Outcome::Done, 12)]);
}

#[test]
fn leaving_asks_only_while_devices_are_at_work() {
    let mut stage = Stage::with_list();
    assert_eq!(stage.app.clone().on(Event::Key(Key::Char('q')), stage.app.now), [Command::Leave]);
    stage.press("uy");
    assert_eq!(stage.press("q"), []);
    assert_eq!(stage.app.screen, Screen::Question(Question::Leave));
    assert_eq!(stage.press("n"), []);
    assert_eq!(stage.app.screen, Screen::Devices);
    stage.press("q");
    assert_eq!(stage.press("y"), [Command::Leave]);
    assert_eq!(stage.key(Key::Interrupt), []);
    assert_eq!(stage.key(Key::Interrupt), [Command::Leave], "whoever insists leaves");
}

#[test]
fn in_a_window_that_is_too_small_only_leaving_works() {
    let mut stage = Stage::with_list();
    stage.on(Event::Window(79, 24));
    for key in ["u", "y", "r", "y", "s", "l"] {
        assert_eq!(stage.press(key), [], "{key}");
    }
    stage.on(Event::Window(80, 24));
    assert_eq!(stage.app.screen, Screen::Devices);
    stage.on(Event::Window(80, 23));
    assert_eq!(stage.press("q"), [Command::Leave]);
}

#[test]
fn a_page_is_scrolled_to_its_end_and_no_further() {
    let mut stage = Stage::four();
    for number in 0..100 {
        stage.on(Event::Remark(format!("remark {number}")));
    }
    stage.key(Key::Tab);
    let Screen::Page(Topic::News, end) = stage.app.screen else { panic!("{:?}", stage.app.screen) };
    assert_eq!(end, 101 - 19);
    stage.down();
    assert_eq!(stage.app.screen, Screen::Page(Topic::News, end));
    stage.on(Event::Remark("one more".to_owned()));
    assert_eq!(stage.app.screen, Screen::Page(Topic::News, end + 1), "who looks at the end sees what is new");
    stage.key(Key::Go(Move::Up));
    stage.on(Event::Remark("another".to_owned()));
    assert_eq!(stage.app.screen, Screen::Page(Topic::News, end), "who reads is not disturbed");
    stage.key(Key::Escape);
    assert_eq!(stage.app.screen, Screen::Devices);
}

#[test]
fn the_whole_is_measured_by_the_steps_that_are_behind() {
    let mut stage = Stage::with_list();
    stage.press("uy");
    let share = |stage: &Stage| stage.app.devices.all()[0].share();
    assert_eq!(share(&stage), Some(0));
    let mut before = 0;
    for step in ["planning", "fetching", "saving the way back", "applying", "checking health"] {
        stage.works(7, step, Some(50));
        let now = share(&stage).expect("the steps of an update are known");
        assert!(now > before && now < 100, "{step}: {now} after {before}");
        before = now;
    }
    stage.works(7, "working, and does not say at what", None);
    assert_eq!(share(&stage), None, "what nobody knows is not drawn");
}

#[test]
fn a_site_of_three_thousand_devices_is_fast_enough_to_type_in() {
    let hosts = (0..3_000_u32).map(|number| {
        let [_, _, high, low] = number.to_be_bytes();
        crate::lan::Host::new(([10, 0, high, low], 5000).into(), Kind::Agent)
    });
    let mut stage = Stage::with(hosts.collect());
    stage.press("/10.0.11");
    stage.key(Key::Enter);
    stage.key(Key::Go(Move::Last));
    stage.press("a");
    assert_eq!(stage.app.devices.selected(), 184);
}
