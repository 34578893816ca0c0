//! The chooser: what keys lead to, and what a file's text is worth.

use std::path::{Path, PathBuf};

use super::{Choice, Chooser, Folder, Then};
use crate::ui::keys::{Key, Move};

#[test]
fn the_cursor_begins_at_the_first_file() {
    let (chooser, first) = opened();
    assert_eq!(first, Choice::Look("/lists/broken.list".into()));
    assert_eq!(chooser.shown().len(), 5, "the way up, a folder, three files");
}

#[test]
fn a_file_that_is_a_list_is_taken() {
    let (mut chooser, _) = opened();
    chooser.on(Key::Go(Move::Last));
    chooser.read("/lists/web.txt".into(), Ok("nginx\ncurl=7.88\n".to_owned()));
    let Choice::Made(chosen) = chooser.on(Key::Enter) else { panic!("{chooser:?}") };
    assert_eq!((chosen.name(), chosen.list.specs().len()), ("web.txt".to_owned(), 2));
}

#[test]
fn a_file_that_is_no_list_is_not_taken_and_the_line_is_named() {
    for (text, line, problem) in [
        ("nginx\n-o x\n", Some(2), "line 2: "),
        ("demo\ndemo=1\n", Some(2), "line 2: demo was named before"),
        ("", None, "names no package"),
        ("# only a comment\n", None, "names no package"),
    ] {
        let (mut chooser, _) = opened();
        chooser.read("/lists/broken.list".into(), Ok(text.to_owned()));
        assert_eq!(chooser.on(Key::Enter), Choice::Open, "{text:?}");
        assert_eq!(chooser.problem.as_deref(), Some("broken.list is no package list: see on the right"));
        let fault = chooser.preview.expect("it was read").verdict.expect_err("it is no list");
        assert!(fault.problem.starts_with(problem), "{text:?}: {fault}");
        assert_eq!(fault.line, line, "{text:?}");
    }
}

#[test]
fn a_file_that_was_not_read_yet_is_not_taken() {
    let (mut chooser, _) = opened();
    assert_eq!(chooser.on(Key::Enter), Choice::Open);
}

#[test]
fn what_was_read_too_late_is_not_shown_for_another_file() {
    let (mut chooser, _) = opened();
    chooser.on(Key::Go(Move::Down));
    chooser.read("/lists/broken.list".into(), Ok("nginx".to_owned()));
    assert_eq!(chooser.preview, None);
}

#[test]
fn letters_find_and_a_slash_makes_a_path() {
    let (mut chooser, _) = opened();
    assert_eq!(typed(&mut chooser, "WEB"), Choice::Look("/lists/web.txt".into()));
    assert_eq!(chooser.shown().len(), 1);
    chooser.on(Key::Escape);
    assert_eq!(chooser.shown().len(), 5);
    typed(&mut chooser, "/etc/pack");
    assert_eq!(chooser.on(Key::Enter), Choice::Look("/etc/pack".into()));
    chooser.on(Key::Escape);
    typed(&mut chooser, "old/x.txt");
    assert_eq!(chooser.on(Key::Enter), Choice::Look("/lists/old/x.txt".into()));
    chooser.on(Key::Escape);
    typed(&mut chooser, "~/x");
    assert_eq!(chooser.on(Key::Enter), Choice::Look("~/x".into()));
    chooser.on(Key::Escape);
    assert_eq!(chooser.on(Key::Escape), Choice::Dropped);
}

#[test]
fn a_typed_path_is_taken_at_once_if_it_is_a_list() {
    let (mut chooser, _) = opened();
    typed(&mut chooser, "/etc/pack");
    chooser.on(Key::Enter);
    let read = chooser.read("/etc/pack".into(), Ok("nginx".to_owned()));
    assert!(matches!(read, Choice::Made(chosen) if chosen.path == Path::new("/etc/pack")));
    let (mut chooser, _) = opened();
    typed(&mut chooser, "/etc/pack");
    chooser.on(Key::Enter);
    assert_eq!(chooser.read("/etc/pack".into(), Ok("a b".to_owned())), Choice::Open);
    assert!(chooser.problem.is_some_and(|problem| problem.starts_with("line 1: ")));
}

#[test]
fn another_file_that_is_read_meanwhile_is_not_taken_for_the_typed_one() {
    let (mut chooser, _) = opened();
    typed(&mut chooser, "/etc/pack");
    chooser.on(Key::Enter);
    assert_eq!(chooser.read("/lists/broken.list".into(), Ok("nginx".to_owned())), Choice::Open);
    assert!(matches!(chooser.read("/etc/pack".into(), Ok("curl".to_owned())), Choice::Made(_)));
}

#[test]
fn a_typed_path_below_home_is_taken_too() {
    let (mut chooser, _) = opened();
    typed(&mut chooser, "~/pack");
    chooser.on(Key::Enter);
    let read = chooser.read("~/pack".into(), Ok("nginx".to_owned()));
    assert!(matches!(read, Choice::Made(chosen) if chosen.path == Path::new("~/pack")));
}

#[test]
fn what_is_not_there_is_told() {
    let (mut chooser, _) = opened();
    typed(&mut chooser, "/nowhere");
    chooser.on(Key::Enter);
    chooser.refuse("cannot open /nowhere: no such file".to_owned());
    assert_eq!(chooser.problem.as_deref(), Some("cannot open /nowhere: no such file"));
    assert_eq!(chooser.folder, PathBuf::from("/lists"), "one stays where one is");
}

#[test]
fn folders_are_entered_and_left() {
    let (mut chooser, _) = opened();
    chooser.on(Key::Go(Move::First));
    assert_eq!(chooser.on(Key::Enter), Choice::Look("/".into()), "the first line is the way up");
    chooser.on(Key::Go(Move::Down));
    assert_eq!(chooser.on(Key::Right), Choice::Look("/lists/old".into()));
    assert_eq!(chooser.on(Key::Left), Choice::Look("/".into()));
    assert_eq!(chooser.on(Key::Backspace), Choice::Look("/".into()));
}

#[test]
fn no_character_of_a_file_steers_the_terminal() {
    let (mut chooser, _) = opened();
    chooser.read("/lists/broken.list".into(), Ok("a\u{1b}[2Jb\tc\n".to_owned()));
    assert_eq!(chooser.preview.expect("it was read").lines, ["a [2Jb c"]);
}

fn opened() -> (Chooser, Choice) {
    let mut chooser = Chooser::new("/lists".into(), Then::Nothing);
    let files = ["broken.list", "tools", "web.txt"].map(str::to_owned).to_vec();
    let folder = Folder { path: "/lists".into(), folders: vec!["old".to_owned()], files, omitted: 0 };
    let first = chooser.enter(folder);
    (chooser, first)
}

fn typed(chooser: &mut Chooser, text: &str) -> Choice {
    text.chars().map(|character| chooser.on(Key::Char(character))).last().expect("something is typed")
}
