use super::is_stream;

#[test]
fn the_journal_is_used_only_where_standard_error_is_its_stream() {
    assert!(is_stream("8:1234", 8, 1234));
    assert!(!is_stream("8:1234", 8, 1235));
    assert!(!is_stream("9:1234", 8, 1234));
    assert!(!is_stream("1234", 8, 1234));
    assert!(!is_stream("", 0, 0));
}
