//! A small generator of pseudo-random numbers (splitmix64): the same seed gives the same story everywhere.

/// The generator's state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Random(u64);

impl Random {
    /// Starts the sequence of one case of a seed; neighbouring cases have nothing in common.
    pub fn of_case(seed: u64, case: u64) -> Self {
        let mut outer = Self(seed);
        let start = outer.next();
        Self(start ^ Self(case).next())
    }

    /// Returns the next number.
    // A generator has no end, so it is no iterator whose end somebody must handle.
    #[expect(clippy::should_implement_trait, reason = "it never ends")]
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Returns a number below `end`; 0 where `end` is 0. The bias is below 2^-32 for the small ends used here.
    pub fn below(&mut self, end: u32) -> u32 {
        let high = self.next() >> 32;
        u32::try_from((high * u64::from(end)) >> 32).expect("a product shifted by 32 is below end")
    }

    /// Returns one of the given values.
    ///
    /// # Panics
    /// When there is none.
    pub fn pick<T: Copy>(&mut self, values: &[T]) -> T {
        let length = u32::try_from(values.len()).expect("a list of choices is short");
        values[self.below(length) as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sequence_is_that_of_splitmix64() {
        let mut random = Random(1_234_567);
        let numbers: Vec<u64> = (0..3).map(|_| random.next()).collect();
        assert_eq!(numbers, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }

    #[test]
    fn a_case_is_the_same_each_time_and_unlike_its_neighbours() {
        let first = |seed, case| Random::of_case(seed, case).next();
        assert_eq!(first(7, 3), first(7, 3));
        assert_ne!(first(7, 3), first(7, 4));
        assert_ne!(first(7, 3), first(8, 3));
    }

    #[test]
    fn every_number_below_the_end_comes_up_and_none_above() {
        let mut random = Random::of_case(1, 1);
        let mut seen = [0; 7];
        for _ in 0..7_000 {
            seen[random.below(7) as usize] += 1;
        }
        assert!(seen.iter().all(|count| (800..1200).contains(count)), "{seen:?}");
        assert_eq!(random.below(0), 0);
        assert_eq!(random.below(1), 0);
    }

    #[test]
    fn a_pick_is_one_of_the_values() {
        let mut random = Random::of_case(2, 2);
        assert!((0..100).all(|_| ["a", "b"].contains(&random.pick(&["a", "b"]))));
    }
}
