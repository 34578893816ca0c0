//! The terminal is given back when the program falls. The program that falls is this test, on a terminal of its own.

use std::path::Path;

use belay_testkit::command::{command, output};
use belay_testkit::tools::reachable_copy;

use super::Screen;

#[test]
fn a_panic_gives_the_terminal_back_before_it_says_why() {
    let tests = reachable_copy(&std::env::current_exe().expect("a test knows its program"));
    let line = format!("{} --exact ui::shell::terminal::tests::falls --ignored --nocapture", tests.display());
    let mut script = command(Path::new("/usr/bin/script"));
    script.args(["--quiet", "--return", "--command", &line, "/dev/null"]).env("TERM", "xterm-256color");
    let said = String::from_utf8_lossy(&output(script.env("SHELL", "/bin/sh")).stdout).into_owned();
    let place = |part: &str| said.find(part).unwrap_or_else(|| panic!("{part:?} is missing: {said:?}"));
    assert!(place(TAKEN) < place(GIVEN_BACK) && place(GIVEN_BACK) < place("the program fell"), "{said:?}");
}

#[test]
#[ignore = "only as the program that falls"]
fn falls() {
    let _screen = Screen::open().expect("it has a terminal");
    panic!("the program fell");
}

/// The other screen is shown.
const TAKEN: &str = "\u{1b}[?1049h";

/// The first screen is shown again.
const GIVEN_BACK: &str = "\u{1b}[?1049l";
