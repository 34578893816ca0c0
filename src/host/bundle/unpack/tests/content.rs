//! What is unpacked is what was packed.

use std::os::unix::fs::MetadataExt;

use super::*;

#[test]
fn what_was_packed_is_there_with_modes_times_and_links() {
    let archive = Tar::default()
        .folder("./")
        .file("./install.sh", b"#!/bin/sh\n")
        .raw(b'5', b"bin", 0o2555, b"", 0, b"")
        .raw(b'0', b"bin/tool", 0o755, b"", 4, b"tool")
        .link(b'2', "bin/again", "../bin/./tool")
        .folder("bin")
        .raw(b'0', b"secret", 0o000, b"", 1, b"s")
        .file("deep/down/here", b"")
        .end();
    let place = Place::new();
    let unpacked = place.unpack(&archive, &LIMITS).unwrap();
    assert_eq!((unpacked.bytes, unpacked.entries, unpacked.setuid.len()), (15, 10, 0));
    assert_eq!(std::fs::read(place.tree().join("bin/again")).unwrap(), b"tool");
    assert_eq!(std::fs::read_link(place.tree().join("bin/again")).unwrap(), Path::new("../bin/./tool"));
    let modes = ["install.sh", "bin", "bin/tool", "secret", "deep", "deep/down"].map(|path| place.mode(path));
    assert_eq!(modes, [0o644, 0o755, 0o755, 0o400, 0o755, 0o755]);
    for path in ["install.sh", "bin", "bin/tool", "bin/again"] {
        assert_eq!(place.tree().join(path).symlink_metadata().unwrap().mtime(), 1_700_000_000, "{path}");
    }
    place.assert_untouched();
}

#[test]
fn a_folder_that_may_not_be_written_still_gets_its_files() {
    let archive = Tar::default().raw(b'5', b"shut", 0o555, b"", 0, b"").file("shut/in", b"x").end();
    let place = Place::new();
    place.unpack(&archive, &LIMITS).unwrap();
    assert_eq!(place.mode("shut"), 0o755);
    assert_eq!(std::fs::read(place.tree().join("shut/in")).unwrap(), b"x");
}

#[test]
fn every_compression_unpacks_to_the_same_and_every_byte_is_hashed() {
    let plain = Tar::default().file("a", &vec![7; 200_000]).end();
    let two_members = [gzip(&plain[..70_000]), gzip(&plain[70_000..])].concat();
    let two_frames = [&plain[..5_000], &plain[5_000..]].map(|part| zstd::encode_all(part, 3).unwrap()).concat();
    let padded = [plain.clone(), vec![0; 9 * 1024]].concat();
    for archive in
        [plain.clone(), gzip(&plain), two_members, zstd::encode_all(&plain[..], 19).unwrap(), two_frames, padded]
    {
        let place = Place::new();
        let unpacked = place.unpack(&archive, &LIMITS).unwrap();
        let expected: [u8; 32] = <sha2::Sha256 as sha2::Digest>::digest(&archive).into();
        assert_eq!((unpacked.sha256, unpacked.size), (Sha256::from_bytes(expected), archive.len() as u64));
        assert_eq!(std::fs::read(place.tree().join("a")).unwrap(), vec![7; 200_000]);
    }
}

#[test]
fn an_archive_that_arrives_byte_by_byte_is_the_same() {
    struct Drip<'a>(&'a [u8], bool);
    impl Read for Drip<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.1 = !self.1;
            if self.1 { Err(io::ErrorKind::Interrupted.into()) } else { self.0.read(&mut buffer[..1]) }
        }
    }
    let archive = gzip(&Tar::default().file("a", b"content").end());
    let place = Place::new();
    let unpacked = unpack(&mut Drip(&archive, false), &place.tree(), &LIMITS).unwrap();
    assert_eq!((unpacked.size, unpacked.bytes), (archive.len() as u64, 7));
}

#[test]
fn setuid_bits_are_taken_off_and_listed() {
    let archive = Tar::default()
        .raw(b'0', b"bin/su", 0o4755, b"", 1, b"x")
        .raw(b'0', b"bin/sg", 0o2711, b"", 1, b"x")
        .raw(b'0', b"bin/sticky", 0o1755, b"", 1, b"x")
        .end();
    let place = Place::new();
    let unpacked = place.unpack(&archive, &LIMITS).unwrap();
    assert_eq!(unpacked.setuid, [(TreePath::from("bin/su"), 0o4755), (TreePath::from("bin/sg"), 0o2711)]);
    assert_eq!(["bin/su", "bin/sg", "bin/sticky"].map(|path| place.mode(path)), [0o755, 0o711, 0o755]);
}

#[test]
fn long_names_of_gnu_and_pax_and_headers_for_all_entries_are_understood() {
    let long = format!("{}/{}", "f".repeat(120), "n".repeat(200));
    let pax = format!("{}/{}", "p".repeat(120), "x".repeat(200));
    let record = |key: &str, value: &str| {
        let length = key.len() + value.len() + 3;
        let digits = (length + 3).to_string().len();
        format!("{} {key}={value}\n", length + digits)
    };
    let archive = Tar::default()
        .entry(b'g', b"pax_global_header", record("comment", "by git").as_bytes())
        .long_name(long.as_bytes())
        .file("short", b"gnu")
        .entry(b'x', b"header", record("path", &pax).as_bytes())
        .file("short", b"pax")
        .end();
    let place = Place::new();
    place.unpack(&archive, &LIMITS).unwrap();
    assert_eq!(std::fs::read(place.tree().join(long)).unwrap(), b"gnu");
    assert_eq!(std::fs::read(place.tree().join(pax)).unwrap(), b"pax");
}

#[test]
fn what_gnu_tar_packs_is_unpacked_alike() {
    let place = Place::new();
    let from = place.sentinel();
    std::fs::create_dir(from.join("sub")).unwrap();
    std::fs::File::create(from.join("sub/sparse")).unwrap().set_len(3 * MIB).unwrap();
    std::os::unix::fs::symlink("sub/sparse", from.join("link")).unwrap();
    for options in [&["--format=gnu", "--sparse", "-cz"][..], &["--format=pax", "-cz"], &["--format=ustar", "-c"]] {
        let _ = std::fs::remove_dir_all(place.tree());
        std::fs::create_dir(place.tree()).unwrap();
        let archive = tar(&from, options);
        let unpacked = place.unpack(&archive, &LIMITS).unwrap();
        assert_eq!(unpacked.bytes, 3 * MIB + 4, "{options:?}");
        assert_eq!(std::fs::metadata(place.tree().join("link")).unwrap().len(), 3 * MIB);
    }
    let refusal = Place::new().unpack(&tar(&from, &["--format=pax", "--sparse", "-c"]), &LIMITS).unwrap_err();
    let hint = "is a sparse file in the pax format; pack it without `--sparse`, or with `--format=gnu`";
    assert!(refusal.reason == Reason::UnpackCorrupt && refusal.message.ends_with(hint), "{refusal}");
}

/// What tar packs of a folder.
fn tar(folder: &Path, options: &[&str]) -> Vec<u8> {
    #[expect(clippy::disallowed_methods, reason = "a test packs with the real tar")]
    let mut command = std::process::Command::new("tar");
    let output = command.args(options).arg("-C").arg(folder).arg(".").output().unwrap();
    assert!(output.status.success(), "{output:?}");
    output.stdout
}
