//! Tests of what a source is taken for, and of what is packed from it.

#![expect(clippy::disallowed_methods, reason = "a test's files need not survive a power cut")]

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{PermissionsExt, symlink};

use tempfile::TempDir;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::*;
use crate::output::Format as OutputFormat;

fn output() -> Output {
    Output::new(OutputFormat::Json)
}

fn read(path: &Path) -> Result<Payload, CtlError> {
    Payload::read(path, &output())
}

#[track_caller]
fn refused(path: &Path) -> String {
    read(path).expect_err("it must be refused").to_string()
}

/// A folder with a script, a program, a text and a link.
fn folder(order: &[usize]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let file = |name: &str, content: &str, mode: u32| {
        fs::create_dir_all(path(name).parent().unwrap()).unwrap();
        fs::write(path(name), content).unwrap();
        fs::set_permissions(path(name), fs::Permissions::from_mode(mode)).unwrap();
    };
    for number in order {
        match number {
            0 => file("install.sh", "#!/bin/sh\n", 0o700 | (0o55 * order[0].min(1)) as u32),
            1 => file("bin/demo", "program", 0o755),
            2 => file("etc/deep/demo.conf", "a = 1\n", if order[0] == 0 { 0o644 } else { 0o600 }),
            _ => {
                fs::create_dir_all(path("lib")).unwrap();
                symlink("../bin/demo", path("lib/demo")).unwrap();
            }
        }
    }
    for left_out in [".git/config", "node_modules/x/index.js", "bin/__pycache__/demo.pyc"] {
        file(left_out, &order[0].to_string(), 0o644);
    }
    folder
}

/// The same as a zip.
fn zip_of(names: &[&str], options: SimpleFileOptions) -> Vec<u8> {
    let mut zip = ZipWriter::new(io::Cursor::new(Vec::new()));
    for name in names {
        let (content, mode) = match *name {
            "install.sh" => ("#!/bin/sh\n", 0o755),
            "etc/deep/demo.conf" => ("a = 1\n", 0o600),
            "lib/demo" => {
                zip.add_symlink("lib/demo", "../bin/demo", options).unwrap();
                continue;
            }
            _ => ("program", 0o755),
        };
        zip.start_file(*name, options.unix_permissions(mode)).unwrap();
        zip.write_all(content.as_bytes()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn write(folder: &TempDir, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    path
}

fn digest(payload: &Payload) -> String {
    payload.bundle().expect("it is an archive").archive.sha256.to_string()
}

/// Names, modes, times and links of a packed archive.
fn listed(payload: &Payload) -> Vec<String> {
    let file = File::open(payload.bundle().unwrap().path()).unwrap();
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(file));
    let entries = archive.entries().unwrap().map(|entry| {
        let entry = entry.unwrap();
        let (header, path) = (entry.header(), entry.path().unwrap().display().to_string());
        let link = entry.link_name().unwrap().map(|link| format!(" -> {}", link.display())).unwrap_or_default();
        let owner = header.uid().unwrap() + header.gid().unwrap();
        format!("{:o} {owner} {} {path}{link}", header.mode().unwrap(), header.mtime().unwrap())
    });
    entries.collect()
}

#[test]
fn the_same_content_becomes_the_same_bytes() {
    let (one, other) = (folder(&[0, 1, 2, 3]), folder(&[3, 2, 1, 0]));
    let (one, other) = (read(one.path()).unwrap(), read(other.path()).unwrap());
    assert_eq!(one.kind, Kind::Folder);
    assert_eq!(digest(&one), digest(&other));
    assert_eq!(
        listed(&one),
        [
            "755 0 0 bin/",
            "755 0 0 bin/demo",
            "755 0 0 etc/",
            "755 0 0 etc/deep/",
            "644 0 0 etc/deep/demo.conf",
            "755 0 0 install.sh",
            "755 0 0 lib/",
            "777 0 0 lib/demo -> ../bin/demo",
        ]
    );
    assert_eq!((one.entries, &one.warnings), (Some(8), &Vec::new()));
    assert_eq!(one.bundle().unwrap().archive.name, "update.tar.gz");
    let changed = folder(&[0, 1, 2, 3]);
    fs::write(changed.path().join("bin/demo"), "Program").unwrap();
    assert_ne!(digest(&read(changed.path()).unwrap()), digest(&one));
}

#[test]
fn a_zip_becomes_what_its_folder_becomes() {
    let there = tempfile::tempdir().unwrap();
    let names = ["lib/demo", "install.sh", "bin/demo", ".git/config", "etc/deep/demo.conf"];
    let zip = read(&write(&there, "update.bin", zip_of(&names, SimpleFileOptions::default()))).unwrap();
    assert_eq!(zip.kind, Kind::Zip);
    assert_eq!(digest(&zip), digest(&read(folder(&[0, 1, 2, 3]).path()).unwrap()));
}

#[test]
fn a_zip_of_another_system_has_scripts_that_run() {
    let there = tempfile::tempdir().unwrap();
    let options = SimpleFileOptions::default().system(zip::System::Dos);
    let zip = read(&write(&there, "a.zip", zip_of(&["install.sh", "bin\\demo", "more\\tool.sh"], options))).unwrap();
    assert_eq!(
        listed(&zip),
        ["755 0 0 bin/", "644 0 0 bin/demo", "755 0 0 install.sh", "755 0 0 more/", "755 0 0 more/tool.sh"]
    );
}

#[test]
fn a_zip_that_reaches_out_of_itself_is_refused() {
    let there = tempfile::tempdir().unwrap();
    for (name, words) in [
        ("../install.sh", "holds `..`"),
        ("a/../../b", "holds `..`"),
        ("/etc/passwd", "absolute"),
        ("C:\\install.sh", "absolute"),
        ("a\\..\\..\\b", "holds `..`"),
        ("a\nb", "control characters"),
    ] {
        let path = write(&there, "a.zip", zip_of(&["install.sh", name], SimpleFileOptions::default()));
        let refusal = refused(&path);
        assert!(refusal.contains(words), "{name}: {refusal}");
    }
    let cut = zip_of(&["install.sh", "bin/demo"], SimpleFileOptions::default());
    let refusal = refused(&write(&there, "a.zip", &cut[..cut.len() - 30]));
    assert!(refusal.contains("damaged"), "{refusal}");
    // Twice, in a way that only shows once names are tidy.
    let twice = zip_of(&["bin/demo", "bin//demo", "install.sh"], SimpleFileOptions::default());
    let refusal = refused(&write(&there, "a.zip", twice));
    assert!(refusal.contains("twice"), "{refusal}");
}

#[test]
fn what_devices_cannot_run_or_unpack_is_warned_of() {
    let there = tempfile::tempdir().unwrap();
    fs::create_dir(there.path().join("inner")).unwrap();
    write(&there, "inner/install.sh", "#!/bin/sh\n");
    let warnings = read(there.path()).unwrap().warnings;
    assert!(warnings[0].contains("lies in the folder inner"), "{warnings:?}");
    fs::rename(there.path().join("inner/install.sh"), there.path().join("setup.sh")).unwrap();
    for (link, target, words) in [
        ("one", "/etc/passwd", "absolute path"),
        ("two", "../outside", "leads out"),
        ("inner/three", "a/../../../b", "`..` behind a name"),
    ] {
        symlink(target, there.path().join(link)).unwrap();
        let warnings = read(there.path()).unwrap().warnings;
        assert!(warnings.iter().any(|warning| warning.contains(words)), "{link}: {warnings:?}");
        assert!(warnings.iter().any(|warning| warning.contains("no install.sh")), "{warnings:?}");
    }
    nix::unistd::mkfifo(&there.path().join("pipe"), nix::sys::stat::Mode::S_IRUSR).unwrap();
    assert!(refused(there.path()).contains("pipe is no file"), "{}", refused(there.path()));
}

/// An archive of these entries: a kind, a name, and where a link points.
fn archive(entries: &[(tar::EntryType, &str, &str)]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (kind, name, target) in entries {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(*kind);
        header.set_size(0);
        header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
        header.as_mut_bytes()[157..157 + target.len()].copy_from_slice(target.as_bytes());
        header.set_cksum();
        builder.append(&header, io::empty()).unwrap();
    }
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&builder.into_inner().unwrap()).unwrap();
    gzip.finish().unwrap()
}

#[test]
fn an_archive_is_published_as_it_is_with_a_warning_for_what_devices_refuse() {
    use tar::EntryType as Is;
    let there = tempfile::tempdir().unwrap();
    let good = [(Is::Directory, "./", ""), (Is::Regular, "./install.sh", ""), (Is::Symlink, "./a", "install.sh")];
    let path = write(&there, "whatever.name", archive(&good));
    let payload = read(&path).unwrap();
    assert_eq!((payload.kind, payload.entries, &payload.warnings), (Kind::Archive, Some(3), &Vec::new()));
    assert_eq!(payload.bundle().unwrap().archive.name, "whatever.name");
    assert_eq!(fs::read(payload.bundle().unwrap().path()).unwrap(), archive(&good));
    for (entry, words) in [
        ((Is::Regular, "/etc/passwd", ""), "absolute path"),
        ((Is::Regular, "a/../../b", ""), "`..`"),
        ((Is::Symlink, "b", "/etc"), "absolute path"),
        ((Is::Symlink, "d/b", "../../e"), "leads out"),
        ((Is::Link, "b", "install.sh"), "hard link"),
        ((Is::Fifo, "b", ""), "no file, no folder"),
        ((Is::Regular, "install.sh", ""), "twice"),
    ] {
        let entries: Vec<_> = good.iter().copied().chain([entry]).collect();
        let warnings = read(&write(&there, "a.tar.gz", archive(&entries))).unwrap().warnings;
        assert!(warnings.len() == 1 && warnings[0].contains(words), "{entry:?}: {warnings:?}");
    }
    let recorder = archive(&[(Is::Regular, "update_manifest.json", "")]);
    assert_eq!(read(&write(&there, "r.tar.gz", recorder)).unwrap().warnings, Vec::<String>::new());
}

#[test]
fn an_archive_that_is_cut_off_anywhere_is_refused() {
    let there = tempfile::tempdir().unwrap();
    let whole = fs::read(read(folder(&[0, 1, 2, 3]).path()).unwrap().bundle().unwrap().path()).unwrap();
    assert!(read(&write(&there, "whole.tar.gz", &whole)).is_ok());
    for length in (2..whole.len()).step_by(7).chain([whole.len() - 1]) {
        let refusal = refused(&write(&there, "cut.tar.gz", &whole[..length]));
        assert!(refusal.contains("damaged or cut off"), "{length}: {refusal}");
    }
    let mut tar = Vec::new();
    io::Read::read_to_end(&mut flate2::read::GzDecoder::new(whole.as_slice()), &mut tar).unwrap();
    for (name, level) in [("tar", None), ("tar.zst", Some(3))] {
        let packed = level.map_or_else(|| tar.clone(), |level| zstd::encode_all(tar.as_slice(), level).unwrap());
        let payload = read(&write(&there, name, &packed)).unwrap();
        assert_eq!((payload.kind, payload.entries, payload.warnings), (Kind::Archive, Some(8), Vec::new()), "{name}");
        for length in (512..packed.len()).step_by(512).chain([packed.len() - 1]) {
            let refusal = refused(&write(&there, "cut", &packed[..length.min(packed.len() - 1)]));
            assert!(refusal.contains("damaged or cut off"), "{name}, {length}: {refusal}");
        }
    }
    let mut flipped = whole;
    let middle = flipped.len() / 2;
    flipped[middle] ^= 1;
    assert!(refused(&write(&there, "flipped.tar.gz", flipped)).contains("damaged"));
}

#[test]
fn a_file_is_told_by_its_content() {
    let there = tempfile::tempdir().unwrap();
    for (bytes, words) in [
        (b"".as_slice(), "is empty"),
        (b"\xfd7zXZ\0\0".as_slice(), "xz"),
        (b"BZh91AY".as_slice(), "bzip2"),
        (b"!<arch>\ndebian-binary".as_slice(), "is a .deb"),
        (b"\x7fELF\0\0\0".as_slice(), "no package list"),
        (b"caf\xe9".as_slice(), "no package list"),
        (b"# nothing\n\n".as_slice(), "names no package"),
    ] {
        let refusal = refused(&write(&there, "update.tar.gz", bytes));
        assert!(refusal.contains(words), "{refusal}");
    }
    assert!(refused(&there.path().join("missing")).contains("missing"));
}

#[test]
fn a_package_list_says_which_line_is_wrong() {
    let there = tempfile::tempdir().unwrap();
    let list = read(&write(&there, "a.list", "# demo\ndemo-app=1.2\n\nlibdemo:armhf # why\n")).unwrap();
    assert_eq!((list.kind, list.entries), (Kind::List, Some(2)));
    assert_eq!(list.packages(), ["demo-app=1.2", "libdemo:armhf"]);
    let path = write(&there, "bad.list", "demo-app\n-oDebug=1\n");
    let refusal = refused(&path);
    assert!(refusal.starts_with(&format!("{}, line 2: ", path.display())), "{refusal}");
}

#[test]
fn a_zip_with_a_flipped_bit_is_refused_however_it_is_compressed() {
    let there = tempfile::tempdir().unwrap();
    for method in [zip::CompressionMethod::Stored, zip::CompressionMethod::Deflated] {
        let options = SimpleFileOptions::default().compression_method(method);
        let whole = zip_of(&["install.sh", "bin/demo"], options);
        assert!(read(&write(&there, "a.zip", &whole)).is_ok());
        let last_name = whole.windows(8).position(|bytes| bytes == b"bin/demo").unwrap() + 8;
        let mut flipped = whole;
        // The third byte of the content.
        flipped[last_name + 2] ^= 1;
        let refusal = refused(&write(&there, "a.zip", flipped));
        assert!(refusal.contains("bin/demo is damaged"), "{method:?}: {refusal}");
    }
}

#[test]
fn a_file_that_changes_while_its_folder_is_packed_is_refused() {
    type Change = fn(&Path);
    let append: Change = |path| File::options().append(true).open(path).unwrap().write_all(b"more").unwrap();
    let shorten: Change = |path| File::options().write(true).open(path).unwrap().set_len(2).unwrap();
    let rewrite: Change = |path| {
        fs::write(path, "PROGRAM").unwrap();
        let later = fs::metadata(path).unwrap().modified().unwrap() + std::time::Duration::from_secs(1);
        File::options().write(true).open(path).unwrap().set_modified(later).unwrap();
    };
    for change in [append, shorten, rewrite] {
        let there = folder(&[0, 1, 2, 3]);
        let contents = folder::contents(there.path()).unwrap();
        change(&there.path().join("bin/demo"));
        let refusal = pack::pack(contents, &output()).expect_err("it must be refused").to_string();
        assert!(refusal.contains("bin/demo changed while it was packed"), "{refusal}");
    }
}

#[test]
fn that_a_file_cannot_be_read_says_nothing_of_what_is_in_it() {
    let unreadable = Path::new("/proc/self/mem");
    for format in [Format::Gzip, Format::Zstd, Format::Tar] {
        let looked = look::into(unreadable, format);
        assert!(matches!(looked, Err(CtlError::File { .. })), "{format:?}: {looked:?}");
    }
}

#[test]
fn only_a_tar_gz_is_taken_where_nothing_else_is_wanted() {
    let there = tempfile::tempdir().unwrap();
    let whole = archive(&[(tar::EntryType::Regular, "install.sh", "")]);
    assert!(Payload::read_tar_gz(&write(&there, "a.tar.gz", &whole), &output()).is_ok());
    let tar = io::read_to_string(flate2::read::GzDecoder::new(whole.as_slice())).unwrap();
    let zstd = zstd::encode_all(tar.as_bytes(), 3).unwrap();
    let zip = zip_of(&["install.sh"], SimpleFileOptions::default());
    for other in [tar.as_bytes(), &zstd, &zip, b"demo-app=1.0\n"] {
        let taken = Payload::read_tar_gz(&write(&there, "a.tar.gz", other), &output());
        assert!(matches!(&taken, Err(CtlError::Damaged(said)) if said.contains("is no .tar.gz")), "{taken:?}");
    }
}
