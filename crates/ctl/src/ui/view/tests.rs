//! Every screen as it is seen, at 80 columns and 24 lines.

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::style::{Color, Modifier};

use super::{Look, draw};
use crate::lan::{Kind, Outcome};
use crate::ui::app::Event;
use crate::ui::keys::{Key, Move};
use crate::ui::testing::{Stage, host};

#[test]
fn at_the_start_it_says_what_to_do() {
    compare("start", &Stage::with(Vec::new()));
}

#[test]
fn the_devices_of_the_site_file_are_there_at_once() {
    compare("site", &Stage::with(vec![host(7, Kind::Agent), host(30, Kind::Flask)]));
}

#[test]
fn a_scan_shows_what_it_finds_as_it_comes() {
    let mut stage = Stage::with(vec![host(7, Kind::Agent)]);
    stage.press("s");
    stage.on(Event::Found(host(8, Kind::Locked)));
    compare("scanning", &stage);
}

#[test]
fn found_devices_are_selected_and_a_list_is_chosen() {
    let mut stage = Stage::with_list();
    stage.press("  ");
    compare("selected", &stage);
}

#[test]
fn a_filter_shows_what_it_hides() {
    let mut stage = Stage::four();
    stage.press("/flask");
    compare("filter", &stage);
    stage.press("x");
    compare("filter_nothing", &stage);
}

#[test]
fn the_chooser_previews_a_list() {
    let mut stage = Stage::four();
    stage.press("l");
    stage.open_folder(&["packages.txt", "tools.list"]);
    stage.read("packages.txt", crate::ui::testing::PACKAGES);
    compare("chooser", &stage);
}

#[test]
fn the_chooser_shows_the_line_that_is_wrong() {
    let mut stage = Stage::four();
    stage.press("l");
    stage.open_folder(&["packages.txt"]);
    let mut text: String = (1..40).map(|number| format!("package-{number}\n")).collect();
    text.push_str("-o Debug::NoLocking=1\nlast\n");
    stage.read("packages.txt", &text);
    stage.key(Key::Enter);
    compare("chooser_fault", &stage);
}

#[test]
fn the_chooser_shows_what_is_typed() {
    let mut stage = Stage::four();
    stage.press("l");
    stage.open_folder(&["packages.txt"]);
    stage.press("/media/stick/");
    compare("chooser_path", &stage);
}

#[test]
fn the_question_before_an_update_names_what_and_whom() {
    let mut stage = Stage::with_list();
    stage.press("au");
    compare("question_update", &stage);
}

#[test]
fn the_question_before_a_rollback_names_whom() {
    let mut stage = Stage::four();
    stage.press(" r");
    compare("question_rollback", &stage);
}

#[test]
fn devices_at_work_show_how_far_they_are() {
    compare("at_work", &at_work());
}

#[test]
fn leaving_devices_at_work_is_asked() {
    let mut stage = at_work();
    stage.press("q");
    compare("question_leave", &stage);
}

#[test]
fn the_summary_says_what_went_wrong_in_full() {
    compare("summary", &ended());
}

#[test]
fn afterwards_the_table_keeps_how_it_ended() {
    let mut stage = ended();
    stage.key(Key::Enter);
    compare("ended", &stage);
}

#[test]
fn a_device_s_page_has_its_error_in_full() {
    let mut stage = ended();
    stage.key(Key::Enter);
    stage.down();
    stage.key(Key::Enter);
    compare("device", &stage);
}

#[test]
fn the_news_are_read_on_a_page_of_their_own() {
    let mut stage = ended();
    stage.key(Key::Escape);
    stage.key(Key::Tab);
    compare("news", &stage);
}

#[test]
fn the_help_names_every_key_and_needs_no_scrolling() {
    let mut stage = Stage::four();
    stage.press("?");
    compare("help", &stage);
}

#[test]
fn a_window_that_is_too_small_says_so() {
    let mut stage = Stage::four();
    stage.on(Event::Window(60, 10));
    compare_at("too_small", &stage, Look { colour: false });
}

#[test]
fn a_large_window_shows_more() {
    let mut stage = Stage::with((1..=254).map(|last| host(last, Kind::Agent)).collect());
    stage.on(Event::Window(110, 40));
    stage.key(Key::Go(Move::Last));
    compare_at("large", &stage, Look { colour: false });
}

#[test]
fn without_colours_no_cell_has_one_and_the_cursor_is_still_seen() {
    for stage in [at_work(), ended()] {
        let mut plain = terminal(&stage);
        plain.draw(|frame| draw(&stage.app, Look { colour: false }, frame)).expect("a buffer takes everything");
        let cells = plain.backend().buffer().content();
        assert!(cells.iter().all(|cell| cell.fg == Color::Reset && cell.bg == Color::Reset));
        assert!(cells.iter().any(|cell| cell.modifier.contains(Modifier::REVERSED)));
    }
    let stage = ended();
    let mut coloured = terminal(&stage);
    coloured.draw(|frame| draw(&stage.app, Look { colour: true }, frame)).expect("a buffer takes everything");
    assert!(coloured.backend().buffer().content().iter().any(|cell| cell.fg == Color::Red));
}

#[test]
fn no_size_of_a_window_and_no_screen_stops_the_drawing() {
    for (width, height) in [(1, 1), (5, 80), (80, 24), (81, 25), (200, 60), (300, 24), (80, 200)] {
        for keys in ["", "s", "l", "/x", "?", "r", "q"] {
            let mut stage = at_work();
            stage.press(keys);
            stage.on(Event::Window(width, height));
            drawn(&stage, Look { colour: true });
        }
    }
}

fn at_work() -> Stage {
    let mut stage = Stage::with_list();
    stage.press("auy");
    stage.later(2);
    stage.works(7, "fetching", Some(40));
    stage.works(8, "saving the way back", None);
    stage.works(30, "working, and does not say at what", None);
    stage.later(3);
    stage.ends(9, Outcome::Refused, "the agent wants a token");
    stage
}

fn ended() -> Stage {
    let mut stage = at_work();
    stage.later(7);
    stage.ends(7, Outcome::Done, "updated");
    let message = "the service demo-app.service is not running: it ended with code 3 four times within a minute after the \
                   update, and did not before it";
    stage.ends(8, Outcome::Undone, message);
    stage.ends(30, Outcome::Done, "the old program ran apt for each package; it does not say whether apt succeeded");
    stage
}

fn compare(name: &str, stage: &Stage) {
    assert_eq!(stage.app.window, (80, 24));
    compare_at(name, stage, Look { colour: false });
}

fn compare_at(name: &str, stage: &Stage, look: Look) {
    insta::with_settings!({prepend_module_to_snapshot => false, omit_expression => true}, {
        insta::assert_snapshot!(name, drawn(stage, look));
    });
}

fn drawn(stage: &Stage, look: Look) -> String {
    let mut terminal = terminal(stage);
    terminal.draw(|frame| draw(&stage.app, look, frame)).expect("a buffer takes everything");
    terminal.backend().to_string().lines().map(|line| line.trim_matches('"').trim_end().to_owned() + "\n").collect()
}

fn terminal(stage: &Stage) -> Terminal<TestBackend> {
    let (width, height) = stage.app.window;
    Terminal::new(TestBackend::new(width, height)).expect("a buffer can be made")
}
