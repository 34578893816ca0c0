use super::*;

#[test]
fn what_fails_is_tried_for_two_minutes_less_and_less_often() {
    let mut persistence = Persistence::default();
    let waits: Vec<_> = std::iter::from_fn(|| persistence.after_failure(None)).collect();
    let seconds: Vec<_> = waits.iter().map(Duration::as_secs_f32).collect();
    assert_eq!(seconds, [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 16.0, 16.0, 16.0, 16.0, 16.0]);
    assert!(waits.iter().sum::<Duration>() <= PATIENCE);
}

#[test]
fn what_goes_well_in_between_starts_the_time_anew() {
    let mut persistence = Persistence::default();
    while persistence.after_failure(None).is_some() {}
    assert!(!persistence.is_fresh());
    persistence.went_well();
    assert!(persistence.is_fresh());
    assert_eq!(persistence.after_failure(None), Some(FIRST));
}

#[test]
fn a_server_that_says_when_is_not_asked_before() {
    let mut persistence = Persistence::default();
    assert_eq!(persistence.after_failure(Some(Duration::from_secs(30))), Some(Duration::from_secs(30)));
    assert_eq!(persistence.after_failure(Some(Duration::ZERO)), Some(2 * FIRST), "nor as fast as it can");
    assert_eq!(persistence.after_failure(Some(Duration::from_secs(3600))), None, "nobody waits an hour");
}
