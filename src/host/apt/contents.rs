//! What a .deb ships, compared with what lies on the root. tar compares as it reads, so nothing is unpacked.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use belay_protocol::{Failure, Reason};

use super::AptDevice;
use crate::host::command::Command;
use crate::host::device::ShippedPath;
use crate::host::dpkg::expect_success;

/// The lists go to files: what a run prints is kept only in part.
const LIST: &str = "dpkg-deb --fsys-tarfile \"$1\" | tar -t --quoting-style=literal -f - > \"$2\"";
const COMPARE: &str =
    "dpkg-deb --fsys-tarfile \"$1\" | tar -d --quoting-style=literal -f - -C \"$3\" > \"$2\" 2>&1; [ $? -le 1 ]";

/// Differences that only say who unpacked it; an ordinary user cannot give files away.
const OWNERS: [&str; 2] = [": Uid differs", ": Gid differs"];

pub(super) fn contents(device: &AptDevice, archive: &Path) -> Result<Vec<ShippedPath>, Failure> {
    let (names, differences) = (device.settings.work.join("names"), device.settings.work.join("differences"));
    device.make_folder("")?;
    let shell =
        |script: &str| Command::new("/bin/bash").args(["-o", "pipefail", "-c", script, "contents"]).arg(archive);
    expect_success("listing a package's files", shell(LIST).arg(&names).run())?;
    let compare = shell(COMPARE).arg(&differences).arg(&device.settings.root);
    expect_success("comparing a package's files", compare.run())?;
    let shipped = shipped(&read(&names)?, &read(&differences)?);
    for path in [&names, &differences] {
        let _ = std::fs::remove_file(path);
    }
    Ok(shipped)
}

fn read(path: &Path) -> Result<String, Failure> {
    let bytes = std::fs::read(path)
        .map_err(|error| Failure::new(Reason::State, format!("cannot read {}: {error}", path.display())))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Joins tar's list of names with its list of differences.
fn shipped(names: &str, differences: &str) -> Vec<ShippedPath> {
    let differs: BTreeSet<&str> = differences
        .lines()
        .filter(|line| !OWNERS.iter().any(|owner| line.ends_with(owner)))
        .filter_map(|line| line.strip_prefix("tar: ").unwrap_or(line).split_once(": "))
        .map(|(name, _)| name.trim_end_matches('/'))
        .collect();
    let path = |name: &str| {
        let folder = name.ends_with('/');
        let bare = name.trim_end_matches('/');
        let inside = bare.trim_start_matches("./");
        (!inside.is_empty() && inside != ".").then(|| ShippedPath {
            path: PathBuf::from("/").join(inside),
            folder,
            as_shipped: !differs.contains(bare),
        })
    };
    names.lines().filter_map(path).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_differences_are_joined() {
        let names = "./\n./usr/\n./usr/bin/\n./usr/bin/same\n./usr/bin/other\n./usr/bin/gone\n";
        let differences = "./usr/bin/same: Uid differs\n./usr/bin/other: Gid differs\n./usr/bin/other: Contents differ\n\
                           tar: ./usr/bin/gone: Warning: Cannot stat: No such file or directory\n";
        let shown: Vec<String> = shipped(names, differences)
            .iter()
            .map(|shipped| format!("{} {} {}", shipped.path.display(), shipped.folder, shipped.as_shipped))
            .collect();
        let expected = [
            "/usr true true",
            "/usr/bin true true",
            "/usr/bin/same false true",
            "/usr/bin/other false false",
            "/usr/bin/gone false false",
        ];
        assert_eq!(shown, expected);
    }
}
