//! Every kind of range, at its edges.

use super::Wanted::{Beyond, Part, Whole};
use super::wanted;

#[test]
fn a_range_is_cut_to_what_there_is() {
    let cases = [
        ("bytes=0-0", 10, Part(0..1)),
        ("bytes=0-9", 10, Part(0..10)),
        ("bytes=0-10", 10, Part(0..10)),
        ("bytes=9-9", 10, Part(9..10)),
        ("bytes=9-", 10, Part(9..10)),
        ("bytes=0-", 10, Part(0..10)),
        ("bytes=-1", 10, Part(9..10)),
        ("bytes=-10", 10, Part(0..10)),
        ("bytes=-11", 10, Part(0..10)),
        ("BYTES = 2-3 ", 10, Part(2..4)),
        ("bytes=1-18446744073709551615", 10, Part(1..10)),
        ("bytes=1-99999999999999999999999", 10, Part(1..10)),
        ("bytes=-99999999999999999999999", 10, Part(0..10)),
    ];
    for (header, size, expected) in cases {
        assert_eq!(wanted(header, size), expected, "{header}");
    }
}

#[test]
fn a_range_beyond_the_end_is_told_apart() {
    for (header, size) in [
        ("bytes=10-", 10),
        ("bytes=10-20", 10),
        ("bytes=-0", 10),
        ("bytes=0-", 0),
        ("bytes=-5", 0),
        ("bytes=99999999999999999999999-", 10),
    ] {
        assert_eq!(wanted(header, size), Beyond, "{header}");
    }
}

#[test]
fn what_is_no_single_range_is_answered_with_the_whole() {
    for header in [
        "",
        "bytes",
        "bytes=",
        "bytes=-",
        "bytes=a-b",
        "bytes=5-4",
        "bytes=+1-2",
        "bytes=1-2,4-5",
        "bytes=0x1-2",
        "lines=1-2",
        "1-2",
        "bytes=1",
        "bytes=1-2-3",
        "bytes=-1-2",
        "bytes=\u{661}-2",
    ] {
        assert_eq!(wanted(header, 10), Whole, "{header}");
    }
}
