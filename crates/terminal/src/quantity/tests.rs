use super::*;

#[test]
fn sizes_keep_one_digit_after_the_point() {
    for (count, text) in [
        (0, "0 B"),
        (999, "999 B"),
        (1_000, "1.0 kB"),
        (1_049, "1.0 kB"),
        (1_450, "1.5 kB"),
        (999_949, "999.9 kB"),
        (999_999, "1.0 MB"),
        (23_400_000, "23.4 MB"),
        (5_000_000_000_000_000, "5.0 PB"),
        (u64::MAX, "18.4 EB"),
    ] {
        assert_eq!(bytes(count), text, "{count}");
    }
}

#[test]
fn spans_use_the_largest_unit_that_fits() {
    let now = Timestamp::from_second(1_000_000).unwrap();
    for (before, text) in [
        (0, "just now"),
        (59, "59 seconds ago"),
        (60, "1 minute ago"),
        (7_199, "1 hour ago"),
        (86_400, "1 day ago"),
        (-120, "in 2 minutes"),
    ] {
        assert_eq!(ago(Timestamp::from_second(1_000_000 - before).unwrap(), now), text);
    }
    assert_eq!([duration(9), duration(125), duration(3_780)], ["9 s", "2 min 5 s", "1 h 3 min"]);
}
