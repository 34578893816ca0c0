//! Disks made from small logs.

use super::*;
use crate::cuts::Gap;
use crate::payload::Job;

/// A recording of three writes, each of two sectors: sector 0 and 1 get `a`, 1 and 2 `b`, and after a flush 2 and 3 `c`.
fn recording(folder: &Path) -> Recording {
    let recording = Recording::new(folder);
    File::create(recording.before()).unwrap().set_len(4 * SECTOR).unwrap();
    let mut log = vec![0; 512];
    log[..8].copy_from_slice(&0x006a_7366_7773_6872_u64.to_le_bytes());
    log[8] = 1;
    log[24..28].copy_from_slice(&512_u32.to_le_bytes());
    for (sector, sectors, flags, byte) in [(0, 2, 0, b'a'), (1, 2, 0, b'b'), (0, 0, 1, 0), (2, 2, 0, b'c')] {
        let mut header = vec![0; 512];
        (header[0], header[8], header[16]) = (sector, sectors, flags);
        log.extend(header);
        log.extend(vec![byte; usize::from(sectors) * 512]);
    }
    put(&recording.log(), &log);
    recording
}

#[expect(clippy::disallowed_methods, reason = "a test's files need not survive a power cut")]
fn put(path: &Path, bytes: &[u8]) {
    fs::write(path, bytes).unwrap();
}

/// The first byte of each sector, zero as a dot.
fn letters(path: &Path) -> String {
    let bytes = fs::read(path).unwrap();
    bytes.chunks(512).map(|sector| if sector[0] == 0 { '.' } else { char::from(sector[0]) }).collect()
}

#[test]
fn a_disk_goes_along_the_log_and_back_to_its_beginning() {
    let folder = tempfile::tempdir().unwrap();
    let recording = recording(folder.path());
    let log = Log::open(&recording.log()).unwrap();
    let mut disk = Disk::new(&recording, &folder.path().join("disk")).unwrap();
    for (count, expected) in [(0, "...."), (1, "aa.."), (2, "abb."), (3, "abb."), (4, "abcc"), (1, "aa..")] {
        disk.advance_to(&log, count).unwrap();
        assert_eq!(letters(&folder.path().join("disk")), expected, "after {count}");
    }
}

#[test]
fn a_boundary_has_all_of_the_gap_and_nothing_after_it() {
    let folder = tempfile::tempdir().unwrap();
    let recording = recording(folder.path());
    let log = Log::open(&recording.log()).unwrap();
    let mut disk = Disk::new(&recording, &folder.path().join("disk")).unwrap();
    let gap = Gap { job: Job::Update, entries: 0..2, answered: false };
    let cut = |kind, index| Cut { index, gap: gap.clone(), kind };
    let image = folder.path().join("cut");
    disk.cut(&log, &cut(Kind::Boundary, 0), 1, &image).unwrap();
    assert_eq!(letters(&image), "abb.");
    let mut seen = std::collections::BTreeSet::new();
    for index in 1..200 {
        disk.cut(&log, &cut(Kind::Subset, index), 1, &image).unwrap();
        seen.insert(letters(&image));
    }
    // One of them lost, one or both torn, the later one always over the earlier.
    let there = |letters: &str| seen.contains(letters);
    assert!(there("aa..") && there(".bb.") && there("a...") && there("ab..") && there("..b."), "{seen:?}");
    assert!(seen.iter().all(|letters| letters.ends_with('.')), "{seen:?}");
}

#[test]
fn disks_are_compared_to_the_last_byte() {
    let folder = tempfile::tempdir().unwrap();
    let recording = recording(folder.path());
    let disk = Disk::new(&recording, &folder.path().join("disk")).unwrap();
    let other = folder.path().join("other");
    let mut bytes = vec![0; 2048];
    put(&other, &bytes);
    assert_eq!(disk.equals(&other), Ok(true));
    bytes[2047] = 1;
    put(&other, &bytes);
    assert_eq!(disk.equals(&other), Ok(false));
    bytes.pop();
    put(&other, &bytes);
    assert_eq!(disk.equals(&other), Ok(false), "a shorter one");
    put(&other, &[0; 2049]);
    assert_eq!(disk.equals(&other), Ok(false), "a longer one");
}
