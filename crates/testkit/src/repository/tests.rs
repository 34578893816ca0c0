//! The date of a Release file, over leap days and turns of the year.

use super::rfc2822;

#[test]
fn dates_are_written_as_apt_reads_them() {
    for (seconds, expected) in [
        (0, "Thu, 01 Jan 1970 00:00:00 UTC"),
        (951_782_400, "Tue, 29 Feb 2000 00:00:00 UTC"),
        (1_735_689_599, "Tue, 31 Dec 2024 23:59:59 UTC"),
        (1_795_250_703, "Sat, 21 Nov 2026 08:45:03 UTC"),
    ] {
        assert_eq!(rfc2822(seconds), expected);
    }
}
