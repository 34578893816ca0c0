use super::*;
use crate::exit::Exit;

fn refusal(status: u16, body: &str) -> CtlError {
    Reply { status, retry_after: None, url: "https://a/b".to_owned(), body: body.as_bytes().to_vec() }.refusal()
}

#[test]
fn a_script_can_tell_no_from_not_now_and_from_a_fault() {
    let said = r#"{"error": "a_code", "message": "a sentence"}"#;
    let full = r#"{"error": "disk_full", "message": "there is no room"}"#;
    for (status, body, exit) in [
        (400, said, Exit::Refused),
        (401, said, Exit::Refused),
        (409, said, Exit::Refused),
        (429, said, Exit::Refused),
        (507, full, Exit::Refused),
        (500, said, Exit::Failed),
        (503, said, Exit::Unreachable),
        (502, "<html>bad gateway</html>", Exit::Unreachable),
        (504, "", Exit::Unreachable),
        (404, "<html>not found</html>", Exit::Failed),
        (500, "", Exit::Failed),
    ] {
        let error = refusal(status, body);
        assert_eq!(error.exit(), exit, "{status}: {error}");
    }
}

#[test]
fn what_the_server_says_of_itself_is_passed_on() {
    let said = r#"{"error": "store_unavailable", "message": "the database does not answer"}"#;
    assert!(refusal(503, said).to_string().contains("the database does not answer (store_unavailable)"));
    assert_eq!(refusal(503, said).code(), "store_unavailable");
    assert_eq!(refusal(502, "").code(), "unreachable");
}
