use super::*;

fn specs(update: &Update) -> Vec<String> {
    update.packages.specs().iter().map(ToString::to_string).collect()
}

fn read(media_type: &str, body: &[u8]) -> Result<(Format, Vec<String>), Refusal> {
    update((!media_type.is_empty()).then_some(media_type), body).map(|update| (update.format, specs(&update)))
}

#[test]
fn each_format_is_understood() {
    let both = || vec!["demo-app".to_owned(), "other=1.0".to_owned()];
    let plain = b"demo-app\r\n# a comment\r\n\r\nother=1.0 # why\r\n";
    let packed = STANDARD.encode(plain);
    let controller = format!(r#"{{"filedata":"{packed}","filename":"list.txt","filesize":3}}"#);
    let wrapped = format!(" {}\r\n{}\n", &packed[..8], &packed[8..]);
    let marked = [b"\xef\xbb\xbf".as_slice(), plain].concat();
    for (media_type, body, format) in [
        ("application/json", controller.as_bytes(), Format::Controller),
        ("application/json", br#"{"packages":["demo-app","","other=1.0"],"approve":[]}"#, Format::Native),
        ("text/plain", plain, Format::List),
        ("text/plain", &marked, Format::List),
        ("application/octet-stream", packed.as_bytes(), Format::Base64),
        ("application/base64", wrapped.as_bytes(), Format::Base64),
        ("", packed.as_bytes(), Format::Base64),
    ] {
        assert_eq!(read(media_type, body), Ok((format, both())), "{media_type}");
    }
}

#[test]
fn nothing_asked_for_is_no_error() {
    for (media_type, body) in [
        ("application/json", br#"{"filedata":""}"#.as_slice()),
        ("application/json", br#"{"packages":[]}"#),
        ("text/plain", b""),
        ("", b""),
    ] {
        let (_, packages) = read(media_type, body).unwrap();
        assert!(packages.is_empty(), "{media_type}");
    }
}

#[test]
fn whatever_else_is_refused_with_its_code_and_place() {
    let json = "application/json";
    for (media_type, body, code, line, field) in [
        (json, b"".as_slice(), "bad_json", None, None),
        (json, b"[]", "bad_json", None, None),
        (json, b"{}", "bad_json", None, Some("packages")),
        (json, br#"{"packages":null}"#, "bad_json", None, Some("packages")),
        (json, br#"{"packages":"demo-app"}"#, "bad_json", None, Some("packages")),
        (json, br#"{"packages":[1]}"#, "bad_json", None, Some("packages")),
        (json, br#"{"packages":[],"dry_run":"yes"}"#, "bad_json", None, Some("dry_run")),
        (json, br#"{"packages":[],"dryrun":true}"#, "bad_json", None, Some("dryrun")),
        (json, br#"{"packages":[],"approve":["anything"]}"#, "bad_json", None, Some("approve")),
        (json, br#"{"packages":[],"idempotency_key":""}"#, "bad_json", None, Some("idempotency_key")),
        (json, br#"{"packages":[],"idempotency_key":"a b"}"#, "bad_json", None, Some("idempotency_key")),
        (json, br#"{"filename":"a"}"#, "bad_json", None, Some("filedata")),
        (json, br#"{"filedata":5}"#, "bad_json", None, Some("filedata")),
        (json, br#"{"filedata":"%%%"}"#, "bad_base64", None, None),
        (json, br#"{"filedata":"ZGVtby1hcHA"}"#, "bad_base64", None, None),
        (json, br#"{"packages":["aa","bb cc"]}"#, "bad_line", Some(2), None),
        (json, br#"{"packages":["aa\nbb"]}"#, "bad_line", Some(1), None),
        ("text/plain", b"aa\n-oDebug::x=1", "bad_line", Some(2), None),
        ("text/plain", b"aa;reboot", "bad_line", Some(1), None),
        ("text/plain", b"Upper", "bad_line", Some(1), None),
        ("text/plain", b"a=b=c", "bad_line", Some(1), None),
        ("text/plain", b"aa=1\n\naa=2", "bad_line", Some(3), None),
        ("text/plain", b"aa\nbb\n\xff\xfe", "not_utf8", Some(3), None),
        ("", b"demo-app", "bad_base64", None, None),
        ("", b"//79", "not_utf8", Some(1), None),
        ("text/html", b"demo-app", "unsupported_type", None, None),
        ("multipart/form-data", b"", "unsupported_type", None, None),
    ] {
        let shown = String::from_utf8_lossy(body);
        let refusal = read(media_type, body).expect_err(&shown);
        let said = refusal.body();
        let found = (refusal.code(), said.line, said.field.as_deref());
        assert_eq!(found, (code, line, field), "{media_type} {shown}: {}", said.message);
    }
}

#[test]
fn a_list_may_have_as_many_lines_as_the_limit_and_no_more() {
    let lines = |count: usize| read("text/plain", "aa\n".repeat(count).as_bytes());
    assert!(lines(belay_protocol::MAX_LINES).is_ok());
    let refusal = lines(belay_protocol::MAX_LINES + 1).unwrap_err();
    assert_eq!((refusal.code(), refusal.body().line), ("too_many_lines", Some(5001)));
}

#[test]
fn a_rollback_without_a_body_goes_one_back() {
    assert_eq!(rollback(None, b""), Ok(RollbackRequest::default()));
    assert_eq!(rollback(Some("text/plain"), b""), Ok(RollbackRequest::default()));
    let asked = rollback(Some("application/json"), br#"{"to":3,"approve":["drift"],"idempotency_key":"k"}"#).unwrap();
    assert_eq!((asked.to, asked.approve.as_slice()), (Some(Generation(3)), &[Reason::Drift][..]));
    assert_eq!(rollback(Some("application/json"), br#"{"to":null}"#), Ok(RollbackRequest::default()));
}
