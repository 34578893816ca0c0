//! Which failures are tried again.

use super::*;

#[test]
fn only_contention_is_tried_again() {
    for code in ["40001", "40P01", "5", "261", "517", "6", "262"] {
        assert!(is_contention_code(code), "{code}");
    }
    for code in ["23505", "42P01", "00005", "1", "2067", "13", ""] {
        assert!(!is_contention_code(code), "{code}");
    }
    assert!(!is_contention(&StoreError::Stale), "who reads and writes in two steps decides anew, not again");
    assert!(!is_contention(&StoreError::Database(sqlx::Error::PoolTimedOut)));
}

#[tokio::test(start_paused = true)]
async fn waits_grow_and_end_at_half_a_second() {
    for (after, longest) in [(0, 5), (1, 10), (5, 160), (9, 500), (40, 500)] {
        let begun = tokio::time::Instant::now();
        wait(after).await;
        let waited = begun.elapsed().as_millis();
        assert!((longest / 2..=longest + 1).contains(&waited), "{waited} ms after attempt {after}");
    }
}

#[test]
fn a_database_that_cannot_be_had_is_told_from_one_that_says_no() {
    for code in ["08006", "53300", "57P01", "57P03", "58030", "5", "6", "10", "13", "14", "778"] {
        assert!(is_outage_code(code), "{code}");
    }
    for code in ["23505", "42P01", "57014", "40001", "1", "19", "2067", ""] {
        assert!(!is_outage_code(code), "{code}");
    }
}
