use belay_protocol::admin::ApiError;

use super::*;

const FIRST: Seen = Seen { size: 10, modified_ns: 1 };
const GROWN: Seen = Seen { size: 20, modified_ns: 2 };

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn record(state: State) -> Record {
    Record { seen: FIRST, sha256: None, release: "a/b/1".to_owned(), state }
}

fn published() -> Record {
    record(State::Published { at: at(0) })
}

fn failed(again: i64) -> Record {
    record(State::Failed { attempts: 1, again: at(again), reason: "it rained".to_owned() })
}

#[test]
fn a_file_is_published_once_two_looks_show_the_same() {
    let mut looks = Looks::default();
    for (seen, step) in [(FIRST, Step::Nothing), (GROWN, Step::Nothing), (GROWN, Step::Publish)] {
        assert_eq!(judge(looks.saw("a", seen), None, seen, at(0)), step, "{seen:?}");
    }
    assert_eq!(judge(Before::Same, None, Seen { size: 0, modified_ns: 1 }, at(0)), Step::Nothing);
}

#[test]
fn what_is_not_complete_is_not_read_again_before_it_changes() {
    let mut looks = Looks::default();
    looks.saw("a", FIRST);
    assert_eq!(looks.saw("a", FIRST), Before::Same);
    looks.waits("a", FIRST);
    assert_eq!(judge(looks.saw("a", FIRST), None, FIRST, at(0)), Step::Nothing);
    assert_eq!(looks.saw("a", GROWN), Before::Another);
    assert_eq!(judge(looks.saw("a", GROWN), None, GROWN, at(0)), Step::Publish);
}

#[test]
fn what_is_remembered_decides_what_is_done() {
    let refused = record(State::Refused { reason: "another content".to_owned() });
    for (known, seen, now, step) in [
        (published(), FIRST, 9, Step::Nothing),
        (published(), GROWN, 9, Step::Compare),
        (refused.clone(), FIRST, 9, Step::Nothing),
        (refused, GROWN, 9, Step::Publish),
        (failed(10), FIRST, 9, Step::Nothing),
        (failed(10), FIRST, 10, Step::Publish),
        (failed(10), GROWN, 9, Step::Publish),
    ] {
        assert_eq!(judge(Before::Same, Some(&known), seen, at(now)), step, "{known:?} {seen:?} {now}");
        assert_eq!(judge(Before::Another, Some(&known), seen, at(now)), Step::Nothing, "{known:?} {seen:?} {now}");
    }
}

#[test]
fn only_the_content_of_a_file_makes_it_wait_for_a_change() {
    let (path, source) = (|| "a.tar.gz".into(), || std::io::Error::from_raw_os_error(5));
    assert!(waits_for_change(&CtlError::Damaged("cut off".to_owned())));
    assert!(waits_for_change(&CtlError::Usage("is empty".to_owned())));
    assert!(!waits_for_change(&CtlError::File { path: path(), source: source() }));
    assert!(!waits_for_change(&CtlError::Write { path: path(), source: source() }));
    assert!(!waits_for_change(&CtlError::Key { path: path(), problem: "wrong password".to_owned() }));
}

#[test]
fn only_what_is_wrong_with_the_release_itself_is_final() {
    let refused = |code: &str, field: Option<&str>| {
        let field = field.map(str::to_owned);
        CtlError::Refused(ApiError { error: code.to_owned(), message: String::new(), field })
    };
    assert!(is_final(&refused("release_exists", None)));
    assert!(is_final(&refused("manifest_differs", Some("manifest"))));
    assert!(!is_final(&refused("no_artifact", Some("bundle.sha256"))));
    assert!(!is_final(&refused("bad_token", None)));
    assert!(!is_final(&CtlError::Unreachable { url: String::new(), problem: String::new() }));
}
