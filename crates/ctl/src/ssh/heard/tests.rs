use super::*;

#[test]
fn an_answer_begins_after_its_mark_wherever_that_is_cut() {
    let said = format!("Welcome to this Pi\n{MARK}\n{{}}\n").into_bytes();
    for cut in 0..said.len() {
        let mut answer = Answer::default();
        answer.take(&said[..cut]);
        answer.take(&said[cut..]);
        assert_eq!((answer.has_begun(), answer.text().as_str()), (true, "{}\n"), "cut at {cut}");
    }
}

#[test]
fn a_greeting_alone_is_no_answer() {
    let mut answer = Answer::default();
    answer.take(b"This account is currently not available.\n");
    assert_eq!((answer.has_begun(), answer.text().as_str()), (false, ""));
}

#[test]
fn of_a_machine_that_never_stops_only_so_much_is_kept() {
    let (mut answer, mut greeting, mut complaint) = (Answer::default(), Answer::default(), Complaint::default());
    answer.take(format!("{MARK}\nfirst").as_bytes());
    for _ in 0..200 {
        let more = vec![b'x'; CHUNK];
        answer.take(&more);
        greeting.take(&more);
        complaint.take(&more);
    }
    complaint.take(b"last");
    assert!(greeting.bytes.len() < CHUNK);
    assert!(answer.text().len() == MOST && answer.text().starts_with("first"));
    assert!(complaint.text().len() == MOST && complaint.text().ends_with("last"));
}
