use belay_protocol::sync::SyncResponse;
use hyper::body::Bytes;

use super::*;

fn answer(status: u16, body: &'static str) -> Answer {
    Answer { status, retry_after: None, location: None, body: Bytes::from_static(body.as_bytes()) }
}

fn error(answer: &Answer) -> CallError {
    understand::<SyncResponse>(answer).expect_err("it is no answer of the protocol")
}

#[test]
fn a_refusal_keeps_the_servers_code_and_sentence() {
    let refused = error(&answer(401, r#"{"error":"device_revoked","message":"ask an operator"}"#));
    assert_eq!(refused.sentence(), "the server refused, 401 device_revoked: ask an operator");
    assert!(refused.is_unauthorized());
    let refused = error(&answer(500, "<html>oops</html>"));
    assert_eq!(refused.sentence(), "the server refused, 500 no_code: it gave no reason");
    assert!(!refused.is_unauthorized());
}

#[test]
fn the_time_to_wait_is_read_from_a_refusal() {
    let busy = Answer { retry_after: Some("30".into()), ..answer(429, "") };
    assert_eq!(error(&busy).retry_after(), Some(Duration::from_secs(30)));
    assert_eq!(error(&answer(429, "")).retry_after(), None);
}

#[test]
fn a_redirect_is_named_and_not_followed() {
    let moved = Answer { location: Some("https://other.example/".into()), ..answer(308, "") };
    assert!(error(&moved).sentence().contains("https://other.example/"));
}

#[test]
fn what_is_no_answer_of_the_protocol_says_so() {
    for body in ["", "<html>", "{}", r#"{"now":"yesterday","next_s":60}"#, r#"{"now":"2026-11-20T08:00:00Z"}"#] {
        let sentence = error(&answer(200, body)).sentence();
        assert!(sentence.contains("is this the address of a Belay server?"), "{body}: {sentence}");
    }
}

#[test]
fn a_strangers_sentence_has_an_end() {
    assert_eq!(shortened("é".repeat(10_000)).chars().count(), 501);
}
