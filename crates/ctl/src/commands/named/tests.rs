use super::*;

fn none() -> CtlError {
    CtlError::Usage("there is none".to_owned())
}

#[test]
fn a_beginning_or_an_end_stands_for_an_id() {
    for (text, is) in [("r_0ab", true), ("wxyz", true), ("xyz", false), ("0ab3", false), ("r_0ab3cwxyz", true)] {
        assert_eq!(is_part(text, "r_0ab3cwxyz"), is, "{text}");
    }
}

#[test]
fn what_may_be_several_is_none_of_them() {
    assert_eq!(one_of("a", vec!["abc"], none()).unwrap(), "abc");
    assert_eq!(one_of::<&str>("a", vec![], none()).unwrap_err().to_string(), "there is none");
    let several = one_of("a", vec!["abc", "abd"], none()).unwrap_err().to_string();
    assert_eq!(several, "\"a\" may be 2 of them, such as abd, abc");
}
