//! The device's mount table, and what becomes of each mount in what a script sees.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, StatxFlags, statx};

use crate::host::bundle::capture::LayerKind;

/// A line of the mount table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mount {
    id: u64,
    /// Where it is mounted.
    pub(super) place: PathBuf,
    /// Its file system's name.
    pub(super) kind: String,
    /// Whether nobody can write to it, here or anywhere.
    pub(super) read_only: bool,
}

/// What becomes of a mount.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Treatment {
    /// Its changes are kept in a layer of its own.
    Layer(LayerKind),
    /// It is seen, and cannot be changed.
    ReadOnly,
    /// It is not seen: what is written there would reach other machines, or the kernel.
    Hidden,
}

impl Mount {
    /// What becomes of it.
    pub(super) fn treatment(&self) -> Treatment {
        let kind = self.kind.as_str();
        if LAYERED.contains(&kind) || COPIED.contains(&kind) {
            if self.read_only {
                return Treatment::ReadOnly;
            }
            let copied = COPIED.contains(&kind);
            return Treatment::Layer(if copied { LayerKind::Copy } else { LayerKind::Overlay });
        }
        if READ.contains(&kind) { Treatment::ReadOnly } else { Treatment::Hidden }
    }

    /// Whether it is what is found at its place, rather than something mounted over it.
    fn is_on_top(&self) -> bool {
        if self.treatment() == Treatment::Hidden {
            // A server that does not answer must not be asked.
            return true;
        }
        let Ok(found) = statx(CWD, &self.place, AtFlags::SYMLINK_NOFOLLOW, StatxFlags::MNT_ID) else { return false };
        found.stx_mask & StatxFlags::MNT_ID.bits() == 0 || found.stx_mnt_id == self.id
    }
}

/// Every mount below `root` that can be seen there and is not private to a script anyway, in the order of nesting, with
/// its place below the root.
pub(super) fn below(root: &Path, table: &[Mount]) -> Vec<(PathBuf, Mount)> {
    let mut found = Vec::new();
    for mount in table {
        let Ok(at) = mount.place.strip_prefix(root) else { continue };
        let private = PRIVATE.iter().any(|place| at.starts_with(place));
        if !at.as_os_str().is_empty() && !private && mount.is_on_top() {
            found.push((at.to_owned(), mount.clone()));
        }
    }
    found.sort_by(|(left, _), (right, _)| left.cmp(right));
    found
}

/// Reads the text of `/proc/self/mountinfo`; a line that cannot be understood is left out.
pub(super) fn parse(text: &[u8]) -> Vec<Mount> {
    text.split(|byte| *byte == b'\n').filter_map(line).collect()
}

fn line(line: &[u8]) -> Option<Mount> {
    let mut words = line.split(|byte| *byte == b' ');
    let id = std::str::from_utf8(words.next()?).ok()?.parse().ok()?;
    let place = PathBuf::from(OsString::from_vec(plain(words.nth(3)?)));
    let here = words.next()?;
    words.find(|word| *word == b"-")?;
    let kind = String::from_utf8_lossy(words.next()?).into_owned();
    let anywhere = words.nth(1)?;
    let read_only = [here, anywhere].iter().any(|options| options.split(|byte| *byte == b',').any(|o| o == b"ro"));
    Some(Mount { id, place, kind, read_only })
}

/// Takes back the octal numbers that stand for spaces and the like.
fn plain(word: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(word.len());
    let mut rest = word;
    while let Some((first, behind)) = rest.split_first() {
        let number = (*first == b'\\').then(|| behind.get(..3)).flatten().and_then(octal);
        bytes.push(number.unwrap_or(*first));
        rest = if number.is_some() { &behind[3..] } else { behind };
    }
    bytes
}

fn octal(digits: &[u8]) -> Option<u8> {
    u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok()
}

/// File systems of this machine that can be the lower half of an overlay.
const LAYERED: [&str; 11] =
    ["ext2", "ext3", "ext4", "btrfs", "xfs", "f2fs", "jfs", "bcachefs", "ubifs", "tmpfs", "overlay"];

/// File systems whose names know no case or no owners, which an overlay does not take.
const COPIED: [&str; 3] = ["vfat", "msdos", "exfat"];

/// File systems that are only ever read.
const READ: [&str; 5] = ["squashfs", "erofs", "iso9660", "udf", "cramfs"];

/// What is private to a script.
pub(super) const PRIVATE: [&str; 5] = ["proc", "sys", "dev", "run", "tmp"];

#[cfg(test)]
mod tests;
