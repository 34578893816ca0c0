use super::*;

const FROM_5: Asked<'static> = Asked { from: Some(5), etag: Some("\"one\""), size: Some(10) };

fn judged(status: u16, headers: &[(&str, &str)], asked: &Asked<'_>) -> Verdict {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.insert(HeaderName::try_from(*name).unwrap(), value.parse().unwrap());
    }
    judge(status, &map, asked, Timestamp::UNIX_EPOCH)
}

fn take(at: u64, total: Option<u64>, etag: Option<&str>) -> Verdict {
    Verdict::Take { at, total, etag: etag.map(str::to_owned) }
}

#[test]
fn the_part_that_was_asked_for_is_taken() {
    for (range, total) in [("bytes 5-9/10", Some(10)), ("bytes 5-9/*", None), ("bytes 5-6/10", Some(10))] {
        assert_eq!(
            judged(206, &[("content-range", range), ("etag", "\"one\"")], &FROM_5),
            take(5, total, Some("\"one\""))
        );
    }
    assert_eq!(judged(206, &[("content-range", "bytes 5-9/10")], &FROM_5), take(5, Some(10), None));
}

#[test]
fn any_other_part_is_not() {
    for range in
        ["bytes 4-9/10", "bytes 0-9/10", "bytes 5-9", "bytes 9-5/10", "bytes 5-10/10", "items 5-9/10", "bytes x-9/10"]
    {
        assert_eq!(judged(206, &[("content-range", range)], &FROM_5), Verdict::OtherRange(range.to_owned()), "{range}");
    }
    assert_eq!(judged(206, &[], &FROM_5), Verdict::OtherRange("no Content-Range".to_owned()));
    let all = Asked { from: None, ..FROM_5 };
    assert!(matches!(judged(206, &[("content-range", "bytes 0-9/10")], &all), Verdict::OtherRange(_)));
}

#[test]
fn another_file_is_seen_by_its_tag_and_by_its_length() {
    let range = ("content-range", "bytes 5-9/10");
    assert_eq!(judged(206, &[range, ("etag", "\"two\"")], &FROM_5), Verdict::Changed);
    assert_eq!(
        judged(206, &[range, ("etag", "W/\"two\"")], &FROM_5),
        take(5, Some(10), None),
        "a weak tag says nothing"
    );
    assert_eq!(judged(206, &[("content-range", "bytes 5-10/11")], &FROM_5), Verdict::OtherSize(11));
    assert_eq!(judged(416, &[("content-range", "bytes */3")], &FROM_5), Verdict::Changed);
}

#[test]
fn a_whole_answer_begins_at_its_beginning() {
    assert_eq!(judged(200, &[("content-length", "10")], &FROM_5), take(0, Some(10), None));
    assert_eq!(judged(200, &[], &FROM_5), take(0, None, None));
    assert_eq!(judged(200, &[("content-length", "9")], &FROM_5), Verdict::OtherSize(9));
}

#[test]
fn a_file_of_unknown_size_that_has_no_more_is_whole() {
    let unknown = Asked { size: None, ..FROM_5 };
    assert_eq!(judged(416, &[("content-range", "bytes */5")], &unknown), Verdict::Whole);
    assert_eq!(judged(416, &[("content-range", "bytes */6")], &unknown), Verdict::Changed);
}

#[test]
fn a_busy_server_says_when_and_a_refusal_says_why() {
    let busy =
        |status, wait: Option<u64>| Verdict::Later(format!("it answered {status}"), wait.map(Duration::from_secs));
    assert_eq!(judged(503, &[("retry-after", "7")], &FROM_5), busy(503, Some(7)));
    assert_eq!(judged(429, &[], &FROM_5), busy(429, None));
    for status in [400, 401, 404, 407, 418, 101, 204] {
        assert!(matches!(judged(status, &[], &FROM_5), Verdict::Refused(_)), "{status}");
    }
    assert_eq!(judged(302, &[("location", "/x")], &FROM_5), Verdict::Redirect("/x".to_owned()));
    assert!(matches!(judged(302, &[], &FROM_5), Verdict::Refused(_)));
}
