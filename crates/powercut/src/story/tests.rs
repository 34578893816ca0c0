//! A story is kept and read again.

use super::*;

fn story() -> Story {
    Story {
        agent: "0123-4567".to_owned(),
        chapters: vec![Chapter { job: Job::Withdrawal, from: 10, answered: 20, until: 30 }],
        phases: vec![(10, "bundle-rollback: asked".to_owned()), (15, "bundle-rollback: going back".to_owned())],
    }
}

#[test]
fn a_story_that_was_kept_is_the_same() {
    let text = story().to_json().to_string();
    assert_eq!(Story::from_json(&serde_json::from_str(&text).unwrap()), Some(story()));
}

#[test]
fn a_job_that_nobody_knows_makes_no_story() {
    let text = story().to_json().to_string().replace("bundle-rollback\"", "other\"");
    assert_eq!(Story::from_json(&serde_json::from_str(&text).unwrap()), None);
}

#[test]
fn a_phase_lasts_until_the_next_one_begins() {
    let story = story();
    let phases = [9, 10, 14, 15, 99].map(|at| story.phase(at));
    let (asked, back) = ("bundle-rollback: asked", "bundle-rollback: going back");
    assert_eq!(phases, ["before", asked, asked, back, back]);
}
