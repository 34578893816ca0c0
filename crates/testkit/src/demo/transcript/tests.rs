//! A transcript as its reader sees it.

use std::cell::RefCell;
use std::rc::Rc;

use super::*;

#[test]
fn an_act_shows_command_answer_and_claim() {
    let text = written(false, |transcript| {
        transcript.act("A beginning");
        transcript.command("one \\\n  two");
        transcript.answer("an answer\n\n  indented\n");
        transcript.claim("it holds", Ok(())).expect("it holds");
    });
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[1].starts_with("── 1  A beginning ───"), "{text}");
    assert_eq!(lines[1].chars().count(), WIDTH);
    let rest = ["", "  $ one \\", "      two", "    an answer", "", "      indented", "  ✓ it holds"];
    assert_eq!(lines[2..], rest);
}

#[test]
fn a_false_claim_says_what_is_so_instead() {
    let text = written(false, |transcript| {
        let broken = transcript.claim("the sky is green", Err("it is blue".to_owned())).expect_err("it is false");
        assert_eq!(broken.0, "it is not true that the sky is green: it is blue");
    });
    assert_eq!(text, "  ✗ the sky is green\n");
}

#[test]
fn only_a_terminal_gets_colours() {
    let claim = |transcript: &mut Transcript| transcript.claim("it holds", Ok(())).expect("it holds");
    assert_eq!(written(false, claim), "  ✓ it holds\n");
    assert_eq!(written(true, claim), "  \u{1b}[32m✓\u{1b}[0m it holds\n");
}

#[test]
fn the_end_counts_only_what_was_claimed() {
    let text = written(false, |transcript| {
        transcript.act("One");
        transcript.act("Two");
        for sentence in ["a", "b", "c"] {
            transcript.claim(sentence, Ok(())).expect("it holds");
        }
        transcript.end();
    });
    assert!(text.contains("\n3 claims in 2 acts, each checked on the device itself. 0.0 s\n"), "{text}");
}

#[test]
fn long_lines_break_at_spaces_and_long_words_anywhere() {
    let long = format!("{} end", "word ".repeat(20).trim_end());
    let text = written(false, |transcript| transcript.claim(&long, Ok(())).expect("it holds"));
    assert!(text.starts_with("  ✓ word word"), "{text}");
    assert!(text.ends_with("\n    word word word word word end\n"), "{text}");
    assert_eq!(wrap("", 5), [""]);
    assert_eq!(wrap("ab cd ef", 5), ["ab cd", "ef"]);
    assert_eq!(wrap("abcdefgh", 5), ["abcde", "fgh"]);
    assert_eq!(wrap("  ab cd", 5), ["  ab", "  cd"]);
    assert_eq!(wrap("äöü äöü", 3), ["äöü", "äöü"]);
}

fn written(colours: bool, tell: impl FnOnce(&mut Transcript)) -> String {
    let shared = Shared::default();
    tell(&mut Transcript::new(Box::new(shared.clone()), colours));
    String::from_utf8(shared.0.take()).expect("a transcript is text")
}

#[derive(Clone, Default)]
struct Shared(Rc<RefCell<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
