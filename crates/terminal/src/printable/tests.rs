use super::{one_line, printable};

#[test]
fn what_a_terminal_would_obey_does_not_reach_it() {
    for (said, shown) in [
        ("plain\ttext\n", "plain\ttext\n"),
        ("\x1b[31mred\x1b[0m \x1b[1;32mgreen\x1b[0m", "\x1b[31mred\x1b[0m \x1b[1;32mgreen\x1b[0m"),
        ("clear\x1b[2Jscreen", "clear[2Jscreen"),
        ("title\x1b]0;owned\x07!", "title]0;owned!"),
        ("over\rwritten\x08\x08", "overwritten"),
        ("eight\u{9b}2Jbit", "eight2Jbit"),
        ("cut \x1b[3", "cut [3"),
    ] {
        assert_eq!(printable(said), shown, "{said:?}");
    }
}

#[test]
fn a_name_of_somebody_else_stays_in_its_line_and_has_no_colour() {
    for (said, shown) in [
        ("kitchen", "kitchen"),
        ("Küche 2", "Küche 2"),
        ("x\n10.0.0.9  kitchen", "x 10.0.0.9  kitchen"),
        ("\x1b[8mhidden\x1b[0m", "hidden"),
        ("\x1b]0;x\x07pi", "]0;xpi"),
        ("a\tb\rc\u{9b}2J", "a bc2J"),
        ("\u{202e}nehctik\u{200b}", "nehctik"),
        ("cut \x1b[3", "cut [3"),
        ("", ""),
    ] {
        assert_eq!(one_line(said), shown, "{said:?}");
    }
}
