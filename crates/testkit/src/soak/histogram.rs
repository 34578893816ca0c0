//! Counts by label, drawn as bars.

use std::fmt;

/// How many columns the longest bar takes.
const WIDTH: u64 = 40;

/// Counts in the order in which their labels were named.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Histogram {
    rows: Vec<(String, u64)>,
}

impl Histogram {
    /// Names labels that are shown even with a count of zero, in this order.
    pub fn with_labels<'a>(labels: impl IntoIterator<Item = &'a str>) -> Self {
        Self { rows: labels.into_iter().map(|label| (label.to_owned(), 0)).collect() }
    }

    /// Counts one more of a label; one that is new comes last.
    pub fn count(&mut self, label: &str) {
        match self.rows.iter_mut().find(|(known, _)| known == label) {
            Some((_, count)) => *count += 1,
            None => self.rows.push((label.to_owned(), 1)),
        }
    }

    /// Returns all counts together.
    pub fn total(&self) -> u64 {
        self.rows.iter().map(|(_, count)| count).sum()
    }
}

/// One line a label: its name, its count, a bar. A count above zero always has a bar.
impl fmt::Display for Histogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let longest = self.rows.iter().map(|(label, _)| label.chars().count()).max().unwrap_or(0);
        let most = self.rows.iter().map(|(_, count)| *count).max().unwrap_or(0).max(1);
        for (label, count) in &self.rows {
            let length = (count * WIDTH).div_ceil(most).max(u64::from(*count > 0));
            let bar: String = (0..length).map(|_| '█').collect();
            writeln!(f, "{}", format!("  {label:<longest$} {count:>6}  {bar}").trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_drawn_in_the_named_order_and_to_scale() {
        let mut histogram = Histogram::with_labels(["planning", "applying", "never"]);
        for label in ["applying", "planning", "applying", "applying", "applying", "late"] {
            histogram.count(label);
        }
        let bar = |length: usize| "█".repeat(length);
        let expected = format!(
            "  planning      1  {}\n  applying      4  {}\n  never         0\n  late          1  {}\n",
            bar(10),
            bar(40),
            bar(10)
        );
        assert_eq!(histogram.to_string(), expected);
        assert_eq!(histogram.total(), 6);
    }

    #[test]
    fn one_of_very_many_still_has_a_bar() {
        let mut histogram = Histogram::default();
        (0..10_000).for_each(|_| histogram.count("often"));
        histogram.count("once");
        assert!(histogram.to_string().ends_with("  once       1  █\n"), "{histogram}");
    }

    #[test]
    fn nothing_counted_is_nothing_drawn() {
        assert_eq!(Histogram::default().to_string(), "");
        assert_eq!(Histogram::with_labels(["a"]).to_string(), "  a      0\n");
    }
}
