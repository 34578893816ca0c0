use super::printable;

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
