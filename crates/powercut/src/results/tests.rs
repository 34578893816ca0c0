//! Results are kept, read again and counted.

use super::*;

fn outcome(index: usize, kind: &str, verdict: &str) -> Outcome {
    Outcome {
        index,
        job: "update".to_owned(),
        phase: "update: applying".to_owned(),
        kind: kind.to_owned(),
        verdict: verdict.to_owned(),
        milliseconds: 1,
        why: "two\nlines".to_owned(),
    }
}

#[test]
fn results_of_every_run_are_read_again_and_a_torn_line_is_not() {
    let folder = tempfile::tempdir().unwrap();
    Results::open(folder.path(), "one").unwrap().add(&outcome(1, "boundary", "old")).unwrap();
    let mut second = Results::open(folder.path(), "two").unwrap();
    second.add(&outcome(2, "subset", "new")).unwrap();
    write!(second.file, "{{\"index\": 3, \"job\"").unwrap();
    let all = second.all();
    assert_eq!(all.keys().copied().collect::<Vec<_>>(), [1, 2]);
    assert_eq!(all[&2], outcome(2, "subset", "new"));
}

#[test]
fn a_table_counts_by_phase() {
    let outcomes = [outcome(1, "boundary", "old"), outcome(2, "subset", "new"), outcome(3, "subset", "failed")];
    let table = table(&outcomes.into_iter().map(|one| (one.index, one)).collect());
    assert_eq!(table.lines().nth(2), Some("| update | applying | 1 | 2 | 1 | 1 | 1 |"));
}

#[test]
fn phases_are_named_by_what_is_done() {
    let phases = [
        ("update: dpkg: unpacking cut-app (upgrade)", "unpacking"),
        ("rollback: job 2: going back", "going back"),
        ("bundle: asked", "asked"),
        ("before", "before"),
    ];
    for (phase, name) in phases {
        assert_eq!(short(phase), name);
    }
}
