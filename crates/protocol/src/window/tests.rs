use jiff::civil::Weekday;
use proptest::prelude::*;

use super::*;

fn window(text: &str) -> Window {
    text.parse().unwrap()
}

#[test]
fn a_window_reads_back_as_it_is_shown() {
    for (written, shown) in [
        ("Mon-Fri 02:00-05:00", "Mon,Tue,Wed,Thu,Fri 02:00-05:00"),
        ("Sat,Sun 22:00-04:00", "Sat,Sun 22:00-04:00"),
        ("02:00-05:00", "02:00-05:00"),
        ("Fri-Mon 00:00-24:00", "Mon,Fri,Sat,Sun 00:00-00:00"),
        ("mon,MON 23:59-00:01", "Mon 23:59-00:01"),
        ("  Wed   01:02-03:04 ", "Wed 01:02-03:04"),
        ("Mon-Sun 01:00-02:00", "01:00-02:00"),
    ] {
        assert_eq!(window(written).to_string(), shown, "{written}");
        assert_eq!(window(shown), window(written), "{written}");
    }
}

#[test]
fn a_text_that_is_no_window_is_refused_with_what_is_wrong() {
    for (written, problem) in [
        ("", "it is empty"),
        ("Mon 25:00", "two times of day are missing"),
        ("Mon 25:00-26:00", "\"25:00\" is no time of day"),
        ("24:00-05:00", "\"24:00\" is no time of day"),
        ("02:00-24:01", "\"24:01\" is no time of day"),
        ("02:00-05:60", "\"05:60\" is no time of day"),
        ("2:00-05:00", "\"2:00\" is no time of day"),
        ("+2:00-05:00", "\"+2:00\" is no time of day"),
        ("0200-0500", "\"0200\" is no time of day"),
        ("Mo 02:00-05:00", "\"Mo\" is not one of Mon"),
        ("Mon, 02:00-05:00", "\"\" is not one of Mon"),
        ("Mon Tue 02:00-05:00", "days and hours are two words"),
        ("Mon", "two times of day are missing"),
    ] {
        let error = written.parse::<Window>().unwrap_err().to_string();
        assert!(error.contains(problem), "{written}: {error}");
        assert!(error.contains("write it like \"Mon-Fri 02:00-05:00\""), "{error}");
    }
}

#[test]
fn a_window_that_crosses_midnight_belongs_to_the_day_on_which_it_opens() {
    use Weekday::{Friday, Monday, Saturday, Sunday, Thursday};
    for (text, day, minute, open) in [
        ("Mon-Fri 02:00-05:00", Monday, 119, false),
        ("Mon-Fri 02:00-05:00", Monday, 120, true),
        ("Mon-Fri 02:00-05:00", Friday, 299, true),
        ("Mon-Fri 02:00-05:00", Friday, 300, false),
        ("Mon-Fri 02:00-05:00", Saturday, 200, false),
        ("Sat,Sun 22:00-04:00", Saturday, 0, false),
        ("Sat,Sun 22:00-04:00", Saturday, 1320, true),
        ("Sat,Sun 22:00-04:00", Sunday, 100, true),
        ("Sat,Sun 22:00-04:00", Monday, 239, true),
        ("Sat,Sun 22:00-04:00", Monday, 240, false),
        ("Sat,Sun 22:00-04:00", Monday, 1320, false),
        ("Thu 00:00-24:00", Thursday, 1439, true),
        ("Thu 00:00-24:00", Friday, 0, false),
        ("Thu 12:00-12:00", Friday, 719, true),
        ("Thu 12:00-12:00", Friday, 720, false),
        ("Thu 12:00-12:00", Thursday, 719, false),
    ] {
        assert_eq!(window(text).contains(day, minute), open, "{text} on {day:?} at minute {minute}");
    }
}

proptest! {
    /// Read as one long week, a window is open for exactly its length after each opening.
    #[test]
    fn a_window_is_open_for_its_length_after_each_opening(
        days in prop::collection::btree_set(0_i8..7, 1..7),
        from in 0_u16..DAY,
        to in 0_u16..DAY,
        day in 0_i8..7,
        minute in 0_u16..DAY,
    ) {
        let weekday = |day| Weekday::from_monday_zero_offset(day).unwrap();
        let window = Window { days: days.iter().map(|day| weekday(*day)).collect(), from, to };
        prop_assert_eq!(&window.to_string().parse::<Window>().unwrap(), &window);

        let length = if from < to { to - from } else { to + DAY - from };
        let week = i64::from(DAY) * 7;
        let now = i64::from(day) * i64::from(DAY) + i64::from(minute);
        let expected = days.iter().any(|opens| {
            let opening = i64::from(*opens) * i64::from(DAY) + i64::from(from);
            (now - opening).rem_euclid(week) < i64::from(length)
        });
        prop_assert_eq!(window.contains(weekday(day), minute), expected);
    }
}
