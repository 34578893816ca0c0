//! The format of the log, on logs written by hand.

use super::*;

/// A log in memory, as qemu writes it.
struct Written(Vec<u8>);

impl Written {
    fn new() -> Self {
        let mut bytes = vec![0; 512];
        bytes[..8].copy_from_slice(&MAGIC.to_le_bytes());
        bytes[8..16].copy_from_slice(&1_u64.to_le_bytes());
        bytes[24..28].copy_from_slice(&512_u32.to_le_bytes());
        Self(bytes)
    }

    fn entry(mut self, sector: u64, sectors: u64, flags: u64, data: &[u8]) -> Self {
        let mut header = vec![0; 512];
        for (at, word) in [sector, sectors, flags, 0].into_iter().enumerate() {
            header[at * 8..at * 8 + 8].copy_from_slice(&word.to_le_bytes());
        }
        self.0.extend(header);
        self.0.extend(data);
        self
    }

    fn parsed(&self) -> io::Result<Vec<Entry>> {
        let mut read = |at: u64, into: &mut [u8]| {
            let from = usize::try_from(at).expect("a log in memory is short");
            into.copy_from_slice(&self.0[from..from + into.len()]);
            Ok(())
        };
        parse(self.0.len() as u64, &mut read)
    }
}

#[test]
fn writes_flushes_and_discards_are_told_apart_and_placed() {
    let log = Written::new()
        .entry(8, 2, 0, &[7; 1024])
        .entry(0, 0, FLUSH, &[])
        .entry(100, 4, DISCARD, &[])
        .entry(40, 1, FUA, &[9; 512]);
    let entries = log.parsed().unwrap();
    let deeds: Vec<Deed> = entries.iter().map(|entry| entry.deed).collect();
    assert_eq!(deeds, [Deed::Write { durable: false }, Deed::Flush, Deed::Discard, Deed::Write { durable: true }]);
    assert_eq!((entries[0].sector, entries[0].sectors, entries[0].data, entries[0].end), (8, 2, 1024, 2048));
    assert_eq!((entries[1].data, entries[1].end), (2560, 2560));
    assert_eq!((entries[2].sectors, entries[2].end), (4, 3072), "a discard has sectors and no data");
    assert_eq!((entries[3].sector, entries[3].data, entries[3].end), (40, 3584, 4096));
}

#[test]
fn a_write_that_is_not_there_as_a_whole_ends_the_log() {
    let log = Written::new().entry(8, 1, 0, &[7; 512]).entry(9, 2, 0, &[8; 1023]);
    assert_eq!(log.parsed().unwrap().len(), 1);
    let only_a_header = Written::new().entry(9, 2, 0, &[]);
    assert_eq!(only_a_header.parsed().unwrap(), []);
}

#[test]
fn a_file_that_is_no_such_log_is_refused() {
    let mut other = Written::new();
    other.0[0] ^= 1;
    assert!(other.parsed().is_err(), "another first word");
    let mut coarse = Written::new();
    coarse.0[24..28].copy_from_slice(&4096_u32.to_le_bytes());
    assert!(coarse.parsed().is_err(), "another sector size");
}

#[test]
fn an_entry_of_a_kind_that_nobody_knows_is_refused() {
    assert!(Written::new().entry(8, 1, 16, &[7; 512]).parsed().is_err());
    assert!(Written::new().entry(8, 1, FLUSH, &[7; 512]).parsed().is_err(), "a flush that carries data");
}
