use super::*;

#[test]
fn a_current_version_is_an_operator_and_a_version() {
    for (text, operator, version) in
        [("<2.0", "<", "2.0"), ("<= 2.0", "<=", "2.0"), ("!=v3", "!=", "v3"), ("=1", "=", "1"), ("232", "=", "232")]
    {
        assert_eq!(split(text).unwrap(), (operator.to_owned(), version.to_owned()), "{text}");
    }
    assert!(split("<").is_err());
}
