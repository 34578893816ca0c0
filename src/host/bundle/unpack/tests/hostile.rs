//! Any bytes at all: no panic, nothing outside of the tree, nothing beyond the limits.
//!
//! `CASES=1000000 cargo test --features failpoints --lib unpack::tests::hostile` tries a million instead of a few.

use proptest::prelude::*;

use super::*;

const SMALL: Limits = Limits { bytes: 100_000, entries: 20, ratio: 20, depth: 4, reserve: 0 };

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn random_bytes_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..2_000), start in 0..4usize) {
        let magic: [&[u8]; 4] = [b"", &[0x1f, 0x8b, 8, 0], &[0x28, 0xb5, 0x2f, 0xfd], &[0x50, 0x2a, 0x4d, 0x18]];
        try_out(&[magic[start], &bytes].concat());
    }

    #[test]
    fn altered_archives_do_no_harm(
        entries in prop::collection::vec(entry(), 0..6),
        compression in 0..3usize,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        before_packing: bool,
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let mut bytes = entries.into_iter().fold(Tar::default(), |tar, add| add.onto(tar)).end();
        if before_packing {
            change(&mut bytes, &changes);
        }
        let mut bytes = match compression {
            0 => bytes,
            1 => gzip(&bytes),
            _ => zstd::encode_all(&bytes[..], 1).unwrap(),
        };
        if !before_packing {
            change(&mut bytes, &changes);
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len() + 1));
        }
        try_out(&bytes);
    }
}

/// How many archives each property tries.
fn cases() -> ProptestConfig {
    let cases = std::env::var("CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(200);
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

thread_local! {
    /// One for all cases of a property; `tree` is made anew for each.
    static PLACE: Place = Place::new();
}

/// Unpacks it, and looks around.
fn try_out(archive: &[u8]) {
    PLACE.with(|place| {
        std::fs::remove_dir_all(place.tree()).unwrap();
        std::fs::create_dir(place.tree()).unwrap();
        let result = place.unpack(archive, &SMALL);
        place.assert_untouched();
        let (bytes, entries) = measure(&place.tree(), &place.tree().canonicalize().unwrap());
        assert!(bytes <= SMALL.bytes && entries <= SMALL.entries, "{bytes} bytes in {entries} entries");
        if let Ok(unpacked) = result {
            assert_eq!(unpacked.bytes, bytes);
            assert_eq!(unpacked.size, archive.len() as u64);
        }
    });
}

/// Bytes and entries in a folder; every link in it leads to somewhere in `tree`, or nowhere.
fn measure(folder: &Path, tree: &Path) -> (u64, u64) {
    let (mut bytes, mut entries) = (0, 0);
    for entry in folder.read_dir().unwrap() {
        let path = entry.unwrap().path();
        let metadata = path.symlink_metadata().unwrap();
        entries += 1;
        if metadata.is_dir() {
            let (more, inner) = measure(&path, tree);
            (bytes, entries) = (bytes + more, entries + inner);
        } else if metadata.is_file() {
            bytes += metadata.len();
            assert_eq!(metadata.permissions().mode() & 0o7000, 0, "{path:?}");
        } else {
            assert!(metadata.is_symlink(), "{path:?}");
            if let Ok(end) = path.canonicalize() {
                assert!(end.starts_with(tree), "{path:?} leads to {end:?}");
            }
        }
    }
    (bytes, entries)
}

#[derive(Debug, Clone)]
struct Add {
    kind: u8,
    name: String,
    long: bool,
    mode: u32,
    target: String,
    content: Vec<u8>,
}

impl Add {
    fn onto(self, tar: Tar) -> Tar {
        let tar = if self.long { tar.long_name(self.name.as_bytes()) } else { tar };
        let size = self.content.len() as u64;
        tar.raw(self.kind, self.name.as_bytes(), self.mode, self.target.as_bytes(), size, &self.content)
    }
}

/// Entries that are often right, often about the same few names, and sometimes out for harm.
fn entry() -> impl Strategy<Value = Add> {
    let kind = prop_oneof![6 => Just(b'0'), 3 => Just(b'5'), 4 => Just(b'2'), 1 => Just(b'S'), 1 => any::<u8>()];
    let path = "(\\.\\./|/|\\./)?([abA]|\\.\\.|beside)(/([abA]|\\.\\.|beside|kept)){0,3}/?";
    let content = prop::collection::vec(any::<u8>(), 0..700);
    (kind, path, any::<bool>(), 0..0o10000u32, path, content).prop_map(|(kind, name, long, mode, target, content)| {
        let content = if kind == b'0' { content } else { Vec::new() };
        Add { kind, name, long, mode, target, content }
    })
}

fn change(bytes: &mut [u8], changes: &[(prop::sample::Index, u8)]) {
    for (at, byte) in changes {
        let at = at.index(bytes.len());
        bytes[at] = *byte;
    }
}
