//! Names of releases in tags of a repository: `rtsp-recorder-2.33.07-stable` is RTSP-Recorder/232/2.33.07 where a rule
//! says so. Pure.

use std::fmt;
use std::str::FromStr;

use belay_protocol::admin::ReleaseName;
use belay_protocol::{DeviceType, Distribution};

/// `PATTERN=TYPE/RING`: what a tag of this form publishes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagRule {
    before: String,
    behind: String,
    device_type: DeviceType,
    distribution: Distribution,
}

impl TagRule {
    /// The release that a tag names; nothing where it has another form.
    fn apply(&self, tag: &str) -> Option<Result<ReleaseName, String>> {
        let version = tag.strip_prefix(self.before.as_str())?.strip_suffix(self.behind.as_str())?;
        let parsed = (!version.is_empty()).then(|| version.parse())?;
        let name = |version| ReleaseName {
            device_type: self.device_type.clone(),
            distribution: self.distribution.clone(),
            version,
        };
        Some(parsed.map(name).map_err(|error| format!("the tag {tag:?} fits {self}, but {error}")))
    }
}

/// The release that a tag names, by the rules that it fits.
///
/// # Errors
/// It fits none, and the sentence lists them; or it fits several that disagree, and nobody can say which was meant.
pub(super) fn named(tag: &str, rules: &[TagRule]) -> Result<ReleaseName, String> {
    let mut fitting = rules.iter().filter_map(|rule| Some((rule, rule.apply(tag)?)));
    let Some((first, named)) = fitting.next() else {
        let rules: Vec<String> = rules.iter().map(ToString::to_string).collect();
        return Err(format!("the tag {tag:?} has none of the forms that are published: {}", rules.join(", ")));
    };
    match fitting.find(|(_, other)| *other != named) {
        Some((other, _)) => Err(format!(
            "the tag {tag:?} fits {first} and {other}, which say different things of it: change one of them, or the tag"
        )),
        None => named,
    }
}

impl FromStr for TagRule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let form = || format!("{text:?} is not PATTERN=TYPE/RING, such as 'rtsp-recorder-*-stable=RTSP-Recorder/232'");
        let (pattern, target) = text.rsplit_once('=').ok_or_else(form)?;
        let (device_type, distribution) = target.split_once('/').ok_or_else(form)?;
        let stars = pattern.matches('*').count();
        let (before, behind) = pattern
            .split_once('*')
            .filter(|_| stars == 1)
            .ok_or_else(|| format!("{pattern:?} needs exactly one *, which stands for the version"))?;
        Ok(Self {
            before: before.to_owned(),
            behind: behind.to_owned(),
            device_type: device_type.parse().map_err(|error| format!("{error}"))?,
            distribution: distribution.parse().map_err(|error| format!("{error}"))?,
        })
    }
}

impl fmt::Display for TagRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { before, behind, device_type, distribution } = self;
        write!(f, "{before}*{behind}={device_type}/{distribution}")
    }
}

#[cfg(test)]
mod tests;
