//! What can be wrong with one change of a plan.

use belay_protocol::plan::{Action, Change};
use belay_protocol::{PackageList, PackageSpec, Reason, Version};

use crate::machine::effect::Facts;
use crate::machine::pattern::matches_any;
use crate::machine::rules::GuardRules;

/// One reason for which a change can be refused, in words that make a sentence with the changes between them.
pub(super) struct Objection {
    pub(super) reason: Reason,
    pub(super) applies: fn(&Question<'_>) -> bool,
    pub(super) describe: fn(&Change) -> String,
    /// What the update would do.
    pub(super) what: &'static str,
    /// What a person can do instead of approving it.
    pub(super) instead: &'static str,
}

/// One change with all that it is judged by.
pub(super) struct Question<'a> {
    pub(super) change: &'a Change,
    pub(super) list: &'a PackageList,
    pub(super) rules: &'a GuardRules,
    pub(super) facts: &'a Facts,
}

/// In the order in which they are told.
pub(super) const OBJECTIONS: &[Objection] = &[
    Objection {
        reason: Reason::GuardRemoval,
        applies: |question| question.removes_unasked(),
        describe: Change::describe,
        what: "the update would remove what nobody asked to remove",
        instead: "change the list",
    },
    Objection {
        reason: Reason::GuardProtected,
        applies: |question| question.touches_protected(),
        describe: Change::describe,
        what: "the update would touch packages that the device needs to start or to be reached",
        instead: "change the list",
    },
    Objection {
        reason: Reason::GuardDowngrade,
        applies: |question| question.lowers_unasked(),
        describe: Change::describe,
        what: "the update would lower versions that were not asked for",
        instead: "ask for the version by name (`name=version`)",
    },
    Objection {
        reason: Reason::GuardOrigin,
        applies: |question| question.comes_from_elsewhere(),
        describe: describe_with_origins,
        what: "the update would install from origins that are not allowed",
        instead: "add the origin to the setting guard.allowed_origins",
    },
    Objection {
        reason: Reason::GuardHeld,
        applies: |question| question.moves_held(),
        describe: Change::describe,
        what: "the update would change packages that are on hold",
        instead: "release them with `apt-mark unhold`",
    },
    Objection {
        reason: Reason::GuardOneWay,
        applies: |question| question.goes_one_way(),
        describe: Change::describe,
        what: "the update would change packages whose data does not go back with them",
        instead: "leave them out of the list",
    },
    Objection {
        reason: Reason::GuardBoot,
        applies: |question| question.touches_boot(),
        describe: Change::describe,
        what: "the update would touch kernel, firmware or boot files",
        instead: "only the setting guard.allow_boot = true allows that",
    },
    Objection {
        reason: Reason::Denied,
        applies: |question| question.was_gone_back_from(),
        describe: Change::describe,
        what: "this device went back from these versions before",
        instead: "ask for the version by name (`name=version`) to try it again",
    },
];

impl Question<'_> {
    fn removes_unasked(&self) -> bool {
        self.is_removal() && !self.change.asked
    }

    fn touches_protected(&self) -> bool {
        let own_update = self.name() == OWN_PACKAGE && !self.is_removal() && self.spec().is_some();
        matches_any(&self.rules.protected, self.name()) && !own_update
    }

    fn lowers_unasked(&self) -> bool {
        match (&self.change.old, &self.change.new) {
            (Some(old), Some(new)) => new.version.debian_cmp(&old.version).is_lt() && !self.is_wanted(&new.version),
            (_, None) | (None, _) => false,
        }
    }

    fn comes_from_elsewhere(&self) -> bool {
        let allowed = &self.rules.allowed_origins;
        let fits = |origin: &String| allowed.iter().any(|rule| is_of_origin(origin, rule));
        !allowed.is_empty() && self.change.new.as_ref().is_some_and(|new| !new.origins.iter().any(fits))
    }

    fn moves_held(&self) -> bool {
        self.change.held && self.change.action != Action::Configure
    }

    fn goes_one_way(&self) -> bool {
        let replaced = match (&self.change.old, &self.change.new) {
            (Some(old), Some(new)) => !same(&old.version, &new.version),
            (Some(_), None) => self.is_removal(),
            (None, _) => false,
        };
        replaced && matches_any(&self.rules.one_way, self.name())
    }

    fn touches_boot(&self) -> bool {
        !self.rules.allow_boot && matches_any(&self.rules.boot, self.name())
    }

    fn was_gone_back_from(&self) -> bool {
        let Some(new) = &self.change.new else { return false };
        let mut denied = self.facts.denied.iter().filter(|denied| denied.package == self.change.package);
        denied.any(|denied| same(&denied.version, &new.version)) && !self.is_wanted(&new.version)
    }

    fn name(&self) -> &str {
        self.change.package.name().as_str()
    }

    fn is_removal(&self) -> bool {
        matches!(self.change.action, Action::Remove | Action::Purge)
    }

    /// Whether the list asks for exactly this version.
    fn is_wanted(&self, version: &Version) -> bool {
        let wanted = self.spec().and_then(|spec| spec.version.as_ref());
        wanted.is_some_and(|wanted| same(wanted, version))
    }

    /// The line of the list that names the package. A list may write the device's own architecture out, and give one
    /// to a package that fits all; a plan does neither.
    fn spec(&self) -> Option<&PackageSpec> {
        let package = &self.change.package;
        let new = self.change.new.iter().map(|new| &new.architecture);
        let architectures: Vec<_> = new.chain(self.change.old.iter().map(|old| &old.architecture)).collect();
        let fits_all = architectures.iter().any(|architecture| architecture.as_str() == "all");
        self.list.specs().iter().find(|spec| {
            let named = spec.package.foreign();
            let fits =
                named == package.foreign() || named.is_some_and(|named| fits_all || architectures.contains(&named));
            fits && spec.package.name() == package.name()
        })
    }
}

/// Equal in Debian's order: `1.0` and `0:1.0` are one version.
fn same(one: &Version, other: &Version) -> bool {
    one.debian_cmp(other).is_eq()
}

/// Whether `rule` (`Label`, `Label:archive`) allows what apt calls `Label:version/archive`, or `Label:archive` where
/// a source has no version.
fn is_of_origin(origin: &str, rule: &str) -> bool {
    let Some((label, release)) = origin.rsplit_once(':') else { return origin == rule };
    let archive = release.split_once('/').map_or(release, |(_, archive)| archive);
    let rest = rule.strip_prefix(label);
    rest == Some("") || rest.and_then(|rest| rest.strip_prefix(':')) == Some(archive)
}

fn describe_with_origins(change: &Change) -> String {
    let origins: Vec<_> = change.new.iter().flat_map(|new| &new.origins).map(String::as_str).collect();
    let origins = if origins.is_empty() { "no source".to_owned() } else { origins.join(" and ") };
    format!("{} from {origins}", change.describe())
}

/// The package that this program comes from: protected, but a list may ask for it.
pub const OWN_PACKAGE: &str = "belay-agent";
