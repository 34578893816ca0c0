//! apt's marks of automatically installed packages, set right after an update.
//!
//! Every .deb is named to apt in one transaction, which makes apt mark them all as asked for. Only those
//! on the list were: a new dependency is automatic, and one that was automatic before stays so.

use std::collections::BTreeMap;
use std::path::Path;

use belay_protocol::{Architecture, Failure, PackageId, Reason};

use super::disk::{self, Attributes};
use super::stanza;

/// Points at which a test may end the process.
pub const FAILPOINTS: &[&str] = &["marks.write.before", "marks.write.after"];

/// Marks each package as automatic (`true`) or asked for (`false`).
pub fn set(root: &Path, native: &Architecture, automatic: &BTreeMap<PackageId, bool>) -> Result<(), Failure> {
    let path = root.join("var/lib/apt/extended_states");
    let current = disk::text_of(&disk::read(&path)?.unwrap_or_default());
    let wanted = automatic
        .iter()
        .map(|(package, automatic)| (package.clone(), automatic.then(|| stanza_of(package, native))))
        .collect();
    let patched = stanza::replace(&current, &wanted, native)
        .map_err(|error| Failure::new(Reason::State, format!("{} cannot be read: {error}", path.display())))?;
    if patched != current {
        crate::failpoint!("marks.write.before");
        disk::write(&path, &disk::bytes_of(&patched), Attributes::mode(0o644))?;
        crate::failpoint!("marks.write.after");
    }
    Ok(())
}

fn stanza_of(package: &PackageId, native: &Architecture) -> String {
    let architecture = package.foreign().unwrap_or(native);
    format!("Package: {}\nArchitecture: {architecture}\nAuto-Installed: 1\n", package.name())
}
