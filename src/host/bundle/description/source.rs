//! Ranges of versions that a bundle updates from: `>= 2.33, < 3`.

use std::cmp::Ordering;

use belay_protocol::ReleaseVersion;

/// Judges a range.
pub(super) fn check(range: &str) -> Result<(), String> {
    conditions(range).try_for_each(|condition| condition.map(|_| ()))
}

/// Whether every condition of a range holds for a version.
pub(super) fn holds(range: &str, version: &ReleaseVersion) -> bool {
    conditions(range).all(|condition| condition.is_ok_and(|condition| condition.holds(version)))
}

struct Condition {
    allowed: &'static [Ordering],
    version: ReleaseVersion,
}

impl Condition {
    fn holds(&self, version: &ReleaseVersion) -> bool {
        version.compare(&self.version).is_some_and(|order| self.allowed.contains(&order))
    }
}

fn conditions(range: &str) -> impl Iterator<Item = Result<Condition, String>> {
    range.split(',').map(|text| {
        let text = text.trim();
        let (operator, allowed) =
            OPERATORS.iter().find(|(operator, _)| text.starts_with(operator)).unwrap_or(&("", &[Ordering::Equal]));
        let version: ReleaseVersion = text[operator.len()..].trim().parse().map_err(|error| {
            format!("{text:?} is no condition: {error}; write it like \"2.33.06\" or \">= 2.33, < 3\"")
        })?;
        let has_order = "0".parse().is_ok_and(|zero: ReleaseVersion| version.compare(&zero).is_some());
        if !has_order && *allowed != [Ordering::Equal] {
            return Err(format!(
                "{version} begins with no digit, so nothing is older or newer; write it without {operator}"
            ));
        }
        Ok(Condition { allowed, version })
    })
}

/// The longer ones first: `>=` begins with `>`.
const OPERATORS: [(&str, &[Ordering]); 5] = [
    ("<=", &[Ordering::Less, Ordering::Equal]),
    (">=", &[Ordering::Greater, Ordering::Equal]),
    ("=", &[Ordering::Equal]),
    ("<", &[Ordering::Less]),
    (">", &[Ordering::Greater]),
];
