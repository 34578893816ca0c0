use super::*;

fn deployment(id: &str) -> DeploymentId {
    id.parse().unwrap()
}

#[test]
fn a_device_always_draws_the_same_row_and_no_other_device_does() {
    let row = |device: &str| {
        let mut jitter = Jitter::of(device);
        std::array::from_fn::<f64, 8, _>(|_| jitter.draw())
    };
    assert_eq!(row("a"), row("a"));
    assert_ne!(row("a"), row("b"));
    assert!(row("a").windows(2).all(|pair| pair[0] != pair[1]), "the row goes on");
}

#[test]
fn polls_stay_within_a_tenth_of_the_interval_and_spread_over_it() {
    let waits: Vec<u64> = (0..1000)
        .map(|device| {
            let wait = Jitter::of(&device.to_string()).poll(Duration::from_secs(100));
            u64::try_from(wait.as_millis()).unwrap()
        })
        .collect();
    assert!(waits.iter().all(|wait| (90_000..110_000).contains(wait)));
    for tenth in 0..10 {
        let range = 90_000 + tenth * 2000..92_000 + tenth * 2000;
        let there = waits.iter().filter(|wait| range.contains(*wait)).count();
        assert!((50..200).contains(&there), "{there} of 1000 devices lie in {range:?}");
    }
}

#[test]
fn a_deployment_begins_at_an_instant_that_is_the_devices_own() {
    let within = Duration::from_secs(3600);
    let begin = |device: &str, id: &str| Jitter::of(device).spread(&deployment(id), within);
    assert_eq!(begin("a", "d1"), begin("a", "d1"));
    assert_ne!(begin("a", "d1"), begin("b", "d1"));
    assert_ne!(begin("a", "d1"), begin("a", "d2"));
    let early = (0..1000).filter(|device| begin(&device.to_string(), "d1") < within / 2).count();
    assert!((400..600).contains(&early), "{early} of 1000 devices begin in the first half");
    assert!((0..1000).all(|device| begin(&device.to_string(), "d1") < within));
}
