//! A plan and a device that nothing is wrong with; a test names only what it is about.

use std::ops::Deref;

use belay_protocol::plan::{Action, Candidate, Change, Installed, Plan, UndoCost};
use belay_protocol::{Architecture, Closure, Failure, PackageList, Sha256};

use crate::machine::effect::{Denied, Facts};
use crate::machine::guard::refusals;
use crate::machine::rules::{GuardRules, defaults};

/// A change under construction.
#[derive(Debug, Clone)]
pub(super) struct Built(Change);

/// All that the guard is asked.
#[derive(Debug, Clone)]
pub(super) struct Given {
    pub(super) plan: Plan,
    pub(super) list: PackageList,
    pub(super) closure: Option<Closure>,
    pub(super) rules: GuardRules,
    pub(super) facts: Facts,
}

pub(super) fn install(package: &str, version: &str) -> Built {
    build(package, Action::Install, None, Some(version))
}

pub(super) fn replace(package: &str, old: &str, new: &str) -> Built {
    build(package, Action::Upgrade, Some(old), Some(new))
}

pub(super) fn configure(package: &str, version: &str) -> Built {
    build(package, Action::Configure, Some(version), None)
}

pub(super) fn remove(package: &str, version: &str) -> Built {
    build(package, Action::Remove, Some(version), None)
}

pub(super) fn purge(package: &str, version: &str) -> Built {
    build(package, Action::Purge, Some(version), None)
}

fn build(package: &str, action: Action, old: Option<&str>, new: Option<&str>) -> Built {
    let architecture: Architecture = "arm64".parse().unwrap();
    let old = old.map(|version| Installed { version: version.parse().unwrap(), architecture: architecture.clone() });
    let new = new.map(|version| Candidate {
        version: version.parse().unwrap(),
        architecture: architecture.clone(),
        origins: vec!["Demo:1.0/stable".to_owned()],
        uri: String::new(),
        file_name: String::new(),
        size: 0,
        sha256: Sha256::from_bytes([0; 32]),
    });
    Built(Change { package: package.parse().unwrap(), action, old, new, asked: false, held: false })
}

impl Built {
    pub(super) fn asked(mut self) -> Self {
        self.0.asked = true;
        self
    }

    pub(super) fn held(mut self) -> Self {
        self.0.held = true;
        self
    }

    pub(super) fn origins(mut self, origins: &[&str]) -> Self {
        self.0.new.as_mut().unwrap().origins = strings(origins);
        self
    }

    pub(super) fn size(mut self, bytes: u64) -> Self {
        self.0.new.as_mut().unwrap().size = bytes;
        self
    }
}

impl Deref for Built {
    type Target = Change;

    fn deref(&self) -> &Change {
        &self.0
    }
}

/// A plan of these changes on a roomy disk under the shipped rules.
pub(super) fn given(changes: &[Built]) -> Given {
    let changes: Vec<_> = changes.iter().map(|built| built.0.clone()).collect();
    let download_bytes = changes.iter().flat_map(|change| &change.new).map(|new| new.size).sum();
    let status = Sha256::from_bytes([0; 32]);
    Given {
        plan: Plan { changes, status, download_bytes, undo: UndoCost::default(), files: Vec::new() },
        list: PackageList::default(),
        closure: None,
        rules: GuardRules {
            allowed_origins: Vec::new(),
            allow_boot: false,
            protected: strings(defaults::PROTECTED),
            one_way: strings(defaults::ONE_WAY),
            boot: strings(defaults::BOOT),
            paths: strings(defaults::PATHS),
            reserve_bytes: 0,
        },
        facts: Facts { free_bytes: u64::MAX, ..Facts::default() },
    }
}

impl Given {
    pub(super) fn refusals(&self) -> Vec<Failure> {
        refusals(&self.plan, &self.list, self.closure.as_ref(), &self.rules, &self.facts)
    }

    pub(super) fn list(mut self, list: &str) -> Self {
        self.list = list.parse().unwrap();
        self
    }

    pub(super) fn pinned(mut self, packages: &[&str], removed: &[&str]) -> Self {
        let packages = packages.iter().map(|spec| spec.parse().unwrap()).collect();
        self.closure = Some(Closure { packages, removed: removed.iter().map(|name| name.parse().unwrap()).collect() });
        self
    }

    pub(super) fn allowed(mut self, origins: &[&str]) -> Self {
        self.rules.allowed_origins = strings(origins);
        self
    }

    pub(super) fn allow_boot(mut self) -> Self {
        self.rules.allow_boot = true;
        self
    }

    pub(super) fn denied(mut self, package: &str, version: &str) -> Self {
        self.facts.denied.push(Denied { package: package.parse().unwrap(), version: version.parse().unwrap() });
        self
    }

    /// Bytes free; with none the reserve no longer fits either.
    pub(super) fn disk(mut self, free_bytes: u64) -> Self {
        self.facts.free_bytes = free_bytes;
        self.rules.reserve_bytes = self.rules.reserve_bytes.max(u64::from(free_bytes == 0));
        self
    }

    pub(super) fn undo(mut self, bytes: u64) -> Self {
        self.plan.undo.bytes = bytes;
        self
    }

    pub(super) fn reserve(mut self, bytes: u64) -> Self {
        self.rules.reserve_bytes = bytes;
        self
    }
}

fn strings(texts: &[&str]) -> Vec<String> {
    texts.iter().map(ToString::to_string).collect()
}
