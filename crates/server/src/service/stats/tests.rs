//! Tests of what the hot path counts.

use super::*;

#[test]
fn a_value_is_counted_once_below_the_first_bound_that_it_does_not_pass() {
    let histogram = Histogram::<SECONDS>::default();
    for milliseconds in [1, 2, 5, 6_000] {
        histogram.observe(Duration::from_millis(milliseconds));
    }
    let counted: Vec<_> = histogram.counts().into_iter().filter(|(_, count)| *count > 0).collect();
    assert_eq!(counted, [(0.001, 1), (0.005, 2), (f64::INFINITY, 1)]);
    assert!((histogram.sum() - 6.008).abs() < 1e-9, "{}", histogram.sum());
}
