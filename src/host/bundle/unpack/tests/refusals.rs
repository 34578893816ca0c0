//! An archive for each refusal, with what a person reads.

use super::*;

/// What an archive is refused for; nothing lies outside of the tree then.
fn refusal(archive: &[u8], limits: &Limits) -> Failure {
    let place = Place::new();
    let refusal = place.unpack(archive, limits).unwrap_err();
    place.assert_untouched();
    refusal
}

#[track_caller]
fn refused(tar: Tar, reason: Reason, message: &str) {
    for archive in [tar.clone().end(), gzip(&tar.end())] {
        assert_eq!(refusal(&archive, &LIMITS), Failure::new(reason, message));
    }
}

#[test]
fn names_that_lead_elsewhere_are_refused() {
    let hint = "pack it from inside its folder, `tar -C folder .`";
    let absolute = format!("the archive's entry \"/etc/shadow\" is an absolute path; {hint}");
    refused(Tar::default().file("/etc/shadow", b"x"), Reason::UnpackAbsolute, &absolute);
    for name in ["../beside/kept", "a/../../beside/kept", "a/..", ".."] {
        let parent = format!("the archive's entry {name:?} holds `..`; {hint}");
        refused(Tar::default().file(name, b"x"), Reason::UnpackParent, &parent);
        refused(Tar::default().folder(name), Reason::UnpackParent, &parent);
    }
    let long = Tar::default().long_name(b"../../x").file("innocent", b"x");
    let parent = format!("the archive's entry \"../../x\" holds `..`; {hint}");
    refused(long, Reason::UnpackParent, &parent);
}

#[test]
fn links_that_lead_out_are_refused() {
    let absolute = "is an absolute path; make it relative, or let install.sh make the link";
    let out = "leads out of the archive; let install.sh make the link";
    let behind = "holds `..` behind a name; write the shortest path, with `..` only at its beginning";
    let odd = "is empty, too long or has control characters; change the link";
    let cases = [
        ("a", "/etc", absolute),
        ("a", "..", out),
        ("a", "./../beside", out),
        ("a/b", "../../beside", out),
        ("a/b", "c/../../../beside", behind),
        ("a/b", "../c/..", behind),
        ("a", "", odd),
        ("a", "x\ny", odd),
    ];
    for (name, target, problem) in cases {
        let message = format!("the archive's entry {name:?} is a link to {target:?}, which {problem}");
        refused(Tar::default().link(b'2', name, target), Reason::UnpackLink, &message);
    }
}

#[test]
fn nothing_is_written_through_a_link() {
    let twice = |name: &str| {
        format!(
            "the archive's entry {name:?} stands in the archive twice, or as a folder and as something else; pack the archive anew"
        )
    };
    let through = Tar::default().folder("real").link(b'2', "way", "real").file("way/in", b"x");
    refused(through, Reason::UnpackDuplicate, &twice("way/in"));
    let over = Tar::default().link(b'2', "way", "real").file("way", b"x");
    refused(over, Reason::UnpackDuplicate, &twice("way"));
    let under = Tar::default().file("way/in", b"x").link(b'2', "way", "real");
    refused(under, Reason::UnpackDuplicate, &twice("way"));
    let again = Tar::default().file("a", b"1").file("./a", b"2");
    refused(again, Reason::UnpackDuplicate, &twice("a"));
    let other = Tar::default().file("a", b"1").folder("a");
    refused(other, Reason::UnpackDuplicate, &twice("a"));
}

#[test]
fn names_that_differ_only_in_case_are_refused() {
    for (one, other) in [("Readme", "README"), ("straße/ÄB", "straße/äb")] {
        let message = format!(
            "the archive's entry {other:?} differs from another name only in upper and lower case; rename one of them"
        );
        refused(Tar::default().file(one, b"").file(other, b""), Reason::UnpackCase, &message);
    }
    let message =
        "the archive's entry \"bin/b\" differs from another name only in upper and lower case; rename one of them";
    refused(Tar::default().file("Bin/a", b"").file("bin/b", b""), Reason::UnpackCase, message);
}

#[test]
fn what_is_no_file_folder_or_link_is_refused() {
    let hard = "the archive's entry \"a\" is a hard link to another entry; pack it with `tar --hard-dereference`, or make \
                it a symbolic link";
    refused(Tar::default().file("b", b"").link(b'1', "a", "b"), Reason::UnpackHardLink, hard);
    let device = "the archive's entry \"a\" is a device, a fifo or something else that is no file, folder or link; leave it \
                  out of the archive";
    for kind in [b'3', b'4', b'6', b'V', b'M', b's', b'Z'] {
        refused(Tar::default().entry(kind, b"a", b""), Reason::UnpackDevice, device);
    }
}

#[test]
fn names_that_nobody_can_type_are_refused() {
    let part = "n".repeat(256);
    let long = vec!["d".repeat(250); 9].join("/");
    let short = |name: &str| format!("{:?}", name.chars().take(120).chain(['…']).collect::<String>());
    let cases: [(&[u8], String); 5] = [
        (b"a\x1b[2J", "\"a\\u{1b}[2J\" has control characters; rename it".to_owned()),
        (b"a\xff", "\"a\u{fffd}\" is no UTF-8; rename it, or pack it where names are UTF-8".to_owned()),
        (b"", "\"\" is no name at all; pack the archive anew".to_owned()),
        (part.as_bytes(), format!("{} has a part of more than 255 bytes; shorten it", short(&part))),
        (long.as_bytes(), format!("{} has more than 2048 bytes; shorten it", short(&long))),
    ];
    for (name, message) in cases {
        let tar = Tar::default().long_name(name).file("innocent", b"x");
        refused(tar, Reason::UnpackName, &format!("the archive's entry {message}"));
    }
    let own = "the archive's entry \"\" is the archive's own folder, and no folder; pack it anew";
    refused(Tar::default().file(".", b"x"), Reason::UnpackName, own);
}

#[test]
fn more_bytes_than_allowed_are_refused_before_they_are_written() {
    let message = "the archive unpacks to more than 10 bytes; make it smaller, or raise bundle.max_mb on the device";
    let limits = Limits { bytes: 10, ..LIMITS };
    let just = Tar::default().file("a", b"12345").file("b", b"67890");
    assert!(Place::new().unpack(&just.clone().end(), &limits).is_ok());
    let over = refusal(&just.file("c", b"!").end(), &limits);
    assert_eq!(over, Failure::new(Reason::UnpackTooLarge, message));
    let claimed = Tar::default().raw(b'0', b"a", 0o644, b"", u64::MAX / 4, b"").end();
    assert_eq!(refusal(&claimed, &limits).reason, Reason::UnpackTooLarge);
}

#[test]
fn more_entries_than_allowed_are_refused_folders_that_nobody_names_included() {
    let message =
        "the archive holds more than 3 files and folders; pack fewer, or raise bundle.max_entries on the device";
    let limits = Limits { entries: 3, ..LIMITS };
    assert!(Place::new().unpack(&Tar::default().file("a/b/c", b"").end(), &limits).is_ok());
    let cases = [
        Tar::default().file("a", b"").file("b", b"").file("c", b"").file("d", b""),
        Tar::default().file("a/b/c/d", b""),
        (0..4).fold(Tar::default(), |tar, _| tar.folder("a")),
        (0..4).fold(Tar::default(), |tar, _| tar.entry(b'g', b"g", b"")),
    ];
    for tar in cases {
        assert_eq!(refusal(&tar.end(), &limits), Failure::new(Reason::UnpackTooMany, message));
    }
}

#[test]
fn names_that_fill_the_memory_are_refused() {
    let limits = Limits { entries: u64::MAX, ..LIMITS };
    let target = vec!["t".repeat(200); 9].join("/");
    let links = (0..3_000).fold(Tar::default(), |tar, number| {
        tar.entry(b'K', b"././@LongLink", &[target.as_bytes(), b"\0"].concat()).link(b'2', &number.to_string(), "x")
    });
    let message = "the archive's folders and links have too many or too long names to be held in memory; pack fewer";
    assert_eq!(refusal(&links.end(), &limits), Failure::new(Reason::UnpackTooMany, message));
    let name = Tar::default().long_name(&vec![b'n'; 2 << 20]).file("a", b"");
    let message = "the archive is damaged: what describes one entry takes more than 1048576 bytes; fetch or pack it anew, \
                   as tar with gzip or zstd";
    assert_eq!(refusal(&name.end(), &limits), Failure::new(Reason::UnpackCorrupt, message));
}

#[test]
fn bombs_are_refused_while_they_unpack() {
    let message = "the archive unpacks to more than 50 times its own size; it looks made to fill the disk. Where that is \
                   meant, raise bundle.max_ratio on the device";
    let zeros = vec![0; usize::try_from(RATIO_FREE + 2 * MIB).unwrap()];
    let tar = Tar::default().file("zeros", &zeros).end();
    for bomb in [gzip(&tar), zstd::encode_all(&tar[..], 3).unwrap()] {
        assert_eq!(refusal(&bomb, &LIMITS), Failure::new(Reason::UnpackRatio, message));
    }
    // What is only read over counts too.
    let passed_over = gzip(&Tar::default().entry(b'g', b"comment", &zeros).end());
    assert_eq!(refusal(&passed_over, &LIMITS), Failure::new(Reason::UnpackRatio, message));
    let free = Tar::default().file("zeros", &zeros[..usize::try_from(RATIO_FREE - MIB).unwrap()]).end();
    assert!(Place::new().unpack(&gzip(&free), &LIMITS).is_ok());
    // A sparse file whose map says that it is one hole: no byte of it is in the archive.
    let mut hole = Tar::default().raw(b'S', b"hole", 0o644, b"", 0, b"");
    let mut header = tar::Header::new_gnu();
    header.as_mut_bytes().copy_from_slice(&hole.0);
    let gnu = header.as_gnu_mut().unwrap();
    gnu.realsize.copy_from_slice(b"000400000000");
    gnu.sparse[0].offset.copy_from_slice(b"000400000000");
    gnu.sparse[0].numbytes.copy_from_slice(b"000000000000");
    header.set_cksum();
    hole.0.copy_from_slice(header.as_bytes());
    let limits = Limits { bytes: 1 << 40, ..LIMITS };
    assert_eq!(refusal(&hole.end(), &limits), Failure::new(Reason::UnpackRatio, message));
}

#[test]
fn paths_deeper_than_allowed_are_refused() {
    let message = |name: &str| format!("the archive's entry {name:?} lies more than 8 folders deep; pack it flatter");
    let deep = "1/2/3/4/5/6/7/8/file";
    assert!(Place::new().unpack(&Tar::default().file(deep, b"").folder("1/2/3/4/5/6/7/x").end(), &LIMITS).is_ok());
    refused(Tar::default().folder(deep), Reason::UnpackDepth, &message(deep));
    let deeper = "1/2/3/4/5/6/7/8/9/file";
    refused(Tar::default().file(deeper, b""), Reason::UnpackDepth, &message(deeper));
    refused(Tar::default().link(b'2', deeper, "x"), Reason::UnpackDepth, &message(deeper));
}

#[test]
fn what_is_no_archive_is_refused_by_its_name() {
    let cases: [(&[u8], &str); 5] = [
        (b"", "it is empty"),
        (b"PK\x03\x04zip", "it is a zip"),
        (b"\xfd7zXZ\0more", "it is compressed by xz"),
        (b"BZh91AY", "it is compressed by bzip2"),
        (b"<html>404", "failed to read entire block"),
    ];
    for (archive, problem) in cases {
        let message = format!("the archive is damaged: {problem}; fetch or pack it anew, as tar with gzip or zstd");
        assert_eq!(refusal(archive, &LIMITS), Failure::new(Reason::UnpackCorrupt, message));
    }
}

#[test]
fn a_damaged_archive_is_refused_wherever_it_ends_or_differs() {
    let noise: Vec<u8> = (0..40_000u32).flat_map(|number| number.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    let tar = Tar::default().file("a", &noise).end();
    for archive in [gzip(&tar), zstd::encode_all(&tar[..], 3).unwrap()] {
        for tenth in 1..10 {
            let cut = refusal(&archive[..archive.len() * tenth / 10], &LIMITS);
            assert_eq!(cut.reason, Reason::UnpackCorrupt, "{cut}");
        }
    }
    let cut = "the archive's entry \"a\" is cut off; fetch or pack the archive anew";
    assert_eq!(refusal(&tar[..tar.len() / 2], &LIMITS), Failure::new(Reason::UnpackCorrupt, cut));
    let mut flipped = gzip(&tar);
    let checksum = flipped.len() - 8;
    flipped[checksum] ^= 1;
    assert_eq!(refusal(&flipped, &LIMITS).reason, Reason::UnpackCorrupt);
    let follows = "the archive is damaged: something follows the end of the tar; other programs may unpack it; fetch or pack \
                   it anew, as tar with gzip or zstd";
    let more = [tar, Tar::default().file("hidden", b"x").end()].concat();
    assert_eq!(refusal(&gzip(&more), &LIMITS), Failure::new(Reason::UnpackCorrupt, follows));
}

#[test]
fn a_window_that_takes_too_much_memory_is_refused() {
    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
    encoder.window_log(27).unwrap();
    encoder.write_all(&Tar::default().file("a", &vec![1; 1 << 20]).end()).unwrap();
    let message = "the archive was packed by zstd with a window of more than 8 MiB, which takes more memory than the device \
                   gives; pack it without `zstd --long` and `--ultra`";
    assert_eq!(refusal(&encoder.finish().unwrap(), &LIMITS), Failure::new(Reason::UnpackCorrupt, message));
}

#[test]
fn a_disk_without_room_is_said_before_it_is_full() {
    let place = Place::new();
    let tar = Tar::default().file("a", b"x").end();
    let refusal = place.unpack(&tar, &Limits { reserve: u64::MAX, ..LIMITS }).unwrap_err();
    let start = format!(
        "unpacking the archive needs {0} bytes at {1}, {0} of them as a reserve, and ",
        u64::MAX,
        place.tree().display()
    );
    assert_eq!(refusal.reason, Reason::NoSpace);
    assert!(refusal.message.starts_with(&start), "{refusal}");
    assert!(refusal.message.ends_with(" are free; free some space, then ask again"), "{refusal}");
    let free = disk::free_bytes(&place.tree()).unwrap();
    let large = Tar::default().raw(b'0', b"a", 0o644, b"", free, b"").end();
    let refusal = place.unpack(&large, &Limits { reserve: free / 2, bytes: u64::MAX, ..LIMITS }).unwrap_err();
    assert_eq!(refusal.reason, Reason::NoSpace);
}

#[test]
fn a_connection_that_breaks_is_no_damaged_archive() {
    struct Breaks<'a>(&'a [u8]);
    impl Read for Breaks<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if self.0.is_empty() { Err(io::Error::other("the server went away")) } else { self.0.read(buffer) }
        }
    }
    let whole = gzip(&Tar::default().file("a", b"x").end());
    for length in 0..whole.len() {
        let place = Place::new();
        let refusal = unpack(&mut Breaks(&whole[..length]), &place.tree(), &LIMITS).unwrap_err();
        assert_eq!(refusal, Failure::new(Reason::FetchFailed, "the server went away"), "{length}");
    }
}
