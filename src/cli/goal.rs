//! Where `rollback --to` leads: a generation or a version, by what there is. Pure.

use belay_protocol::ReleaseVersion;
use belay_protocol::job::Generation;
use belay_protocol::local::{GenerationView, KeptBundle, RollbackRequest};

/// A number that is a generation and another one's version.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is a generation and a version: say --to-generation {0} or --to-version {0}")]
pub(super) struct Ambiguous(ReleaseVersion);

/// The request for `to`, which is a number or a version.
pub(super) fn goal(
    to: ReleaseVersion,
    generations: &[GenerationView],
    kept: &[KeptBundle],
    request: RollbackRequest,
) -> Result<RollbackRequest, Ambiguous> {
    let Some(number) = number(&to) else {
        return Ok(RollbackRequest { to_version: Some(to), ..request });
    };
    let is_that = |generation: &GenerationView| generation.release.as_ref().is_some_and(|release| release.is_same(&to));
    let is_generation = generations.iter().any(|generation| generation.generation == number);
    let other = generations.iter().any(|generation| generation.generation != number && is_that(generation));
    let own = generations.iter().any(|generation| generation.generation == number && is_that(generation));
    let is_version = other || (!own && kept.iter().any(|bundle| bundle.version.is_same(&to)));
    match (is_generation, is_version) {
        (true, true) => Err(Ambiguous(to)),
        (false, true) => Ok(RollbackRequest { to_version: Some(to), ..request }),
        // What is neither is refused by the agent, which says what there is.
        (true | false, false) => Ok(RollbackRequest { to: Some(number), ..request }),
    }
}

/// The generation that a plain number would be.
pub(super) fn number(to: &ReleaseVersion) -> Option<Generation> {
    let digits = to.as_str().bytes().all(|byte| byte.is_ascii_digit());
    to.as_str().parse().ok().filter(|_| digits).map(Generation)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(to: &str, releases: &[(u64, &str)], kept: &[&str]) -> Result<(Option<u64>, Option<String>), String> {
        let generation = |(number, release): &(u64, &str)| GenerationView {
            generation: Generation(*number),
            parent: None,
            current: false,
            reachable: true,
            job: None,
            committed_at: None,
            changes: vec![],
            release: release.parse().ok(),
        };
        let generations: Vec<_> = releases.iter().map(generation).collect();
        let bundle = |version: &&str| KeptBundle {
            version: version.parse().unwrap(),
            sha256: belay_protocol::Sha256::from_bytes([0; 32]),
            bytes: 0,
            in_force: false,
        };
        let kept: Vec<_> = kept.iter().map(bundle).collect();
        let request = goal(to.parse().unwrap(), &generations, &kept, RollbackRequest::default());
        let request = request.map_err(|error| error.to_string())?;
        Ok((request.to.map(|to| to.0), request.to_version.map(|version| version.to_string())))
    }

    #[test]
    fn a_number_is_a_generation_before_it_is_a_version() {
        let version = |text: &str| Ok((None, Some(text.to_owned())));
        assert_eq!(asked("2.33.06", &[], &[]), version("2.33.06"));
        assert_eq!(asked("v3", &[(3, "")], &[]), version("v3"));
        assert_eq!(asked("3", &[(3, "")], &[]), Ok((Some(3), None)));
        assert_eq!(asked("3", &[(3, "3")], &["3"]), Ok((Some(3), None)), "both are the same");
        assert_eq!(asked("232", &[(3, "232")], &[]), version("232"));
        assert_eq!(asked("232", &[(3, "")], &["v232"]), version("232"));
        assert_eq!(asked("9", &[(3, "")], &[]), Ok((Some(9), None)), "neither: the agent says what there is");
    }

    #[test]
    fn what_is_both_is_asked_back() {
        for (releases, kept) in [(&[(3, "x"), (4, "3")][..], &[][..]), (&[(3, "x")], &["3"])] {
            let said = asked("3", releases, kept).unwrap_err();
            assert_eq!(said, "3 is a generation and a version: say --to-generation 3 or --to-version 3");
        }
    }
}
