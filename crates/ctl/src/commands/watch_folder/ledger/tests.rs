use super::*;

const SEEN: Seen = Seen { size: 10, modified_ns: 1_700_000_000_123_456_789 };

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn name() -> ReleaseName {
    ReleaseName { device_type: "a".parse().unwrap(), distribution: "b".parse().unwrap(), version: "1".parse().unwrap() }
}

fn digest(byte: u8) -> Sha256 {
    Sha256::from_bytes([byte; 32])
}

fn open(path: &Path, folder: &str, server: &str) -> Result<Ledger, CtlError> {
    Ledger::open(Some(path.to_owned()), Path::new(folder), server)
}

#[test]
fn what_is_written_is_there_again_and_only_for_its_folder_and_server() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep/published.json");
    let record = Record::published(SEEN, digest(1), name(), at(9));
    open(&path, "/builds", "http://one").unwrap().write("x.tar.gz", record.clone()).unwrap();
    assert_eq!(open(&path, "/builds", "http://one").unwrap().record("x.tar.gz"), Some(&record));
    assert_eq!(open(&path, "/builds", "http://one").unwrap().record("y.tar.gz"), None);
    assert_eq!(open(&path, "/other", "http://one").unwrap().record("x.tar.gz"), None);
    assert_eq!(open(&path, "/builds", "http://two").unwrap().record("x.tar.gz"), None);
}

#[test]
fn a_second_watcher_is_kept_out_until_the_first_one_ends() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("published.json");
    let first = open(&path, "/builds", "http://one").unwrap();
    let refusal = open(&path, "/builds", "http://one").unwrap_err().to_string();
    assert!(refusal.contains("another watcher"), "{refusal}");
    drop(first);
    open(&path, "/builds", "http://one").unwrap();
}

#[test]
fn a_ledger_that_cannot_be_read_is_not_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("published.json");
    files::replace(&path, "{\n\"published\": 3}", 0o600).unwrap();
    let refusal = open(&path, "/builds", "http://one").unwrap_err().to_string();
    assert!(refusal.contains("line 2"), "{refusal}");
    assert_eq!(files::read(&path).unwrap().unwrap(), "{\n\"published\": 3}");
}

#[test]
fn each_failure_waits_twice_as_long_up_to_an_hour() {
    let error = CtlError::Usage("it rained".to_owned());
    let mut record: Option<Record> = None;
    let pauses: Vec<i64> = (0..9)
        .map(|_| {
            let next = Record::failed(SEEN, record.as_ref(), name(), &error, at(1000));
            let again = next.again().unwrap();
            assert!(!next.is_settled(again) && next.is_settled(at(1000)));
            record = Some(next);
            again.as_second() - 1000
        })
        .collect();
    assert_eq!(pauses, [60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]);
    // Another file under the same name begins anew.
    let grown = Seen { size: 11, ..SEEN };
    let next = Record::failed(grown, record.as_ref(), name(), &error, at(1000));
    assert_eq!(next.again(), Some(at(1060)));
}

#[test]
fn a_file_that_was_published_is_compared_by_its_digest() {
    let folder = tempfile::tempdir().unwrap();
    let mut ledger = open(&folder.path().join("published.json"), "/builds", "http://one").unwrap();
    ledger.write("x.tar.gz", Record::published(SEEN, digest(1), name(), at(9))).unwrap();
    let touched = Seen { modified_ns: 5, ..SEEN };
    assert!(ledger.compared("x.tar.gz", touched, digest(1)).unwrap());
    assert_eq!(ledger.record("x.tar.gz").unwrap().seen, touched);
    assert!(!ledger.compared("x.tar.gz", SEEN, digest(2)).unwrap());
    assert_eq!(ledger.record("x.tar.gz").unwrap().sha256, Some(digest(1)));
}

#[test]
fn failures_are_forgotten_and_what_is_published_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let mut ledger = open(&folder.path().join("published.json"), "/builds", "http://one").unwrap();
    ledger.write("x.tar.gz", Record::published(SEEN, digest(1), name(), at(9))).unwrap();
    ledger.write("y.tar.gz", Record::refused(SEEN, digest(1), name(), "no".to_owned())).unwrap();
    ledger.forget_failures().unwrap();
    assert!(ledger.record("x.tar.gz").is_some() && ledger.record("y.tar.gz").is_none());
}
