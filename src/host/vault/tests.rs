#![expect(clippy::disallowed_methods, reason = "tests damage files on purpose")]

use super::*;
use crate::durable::digest_of_bytes;

struct World {
    folder: tempfile::TempDir,
    vault: Vault,
}

fn world() -> World {
    let folder = tempfile::tempdir().unwrap();
    let vault = Vault::open(&folder.path().join("vault")).unwrap();
    World { folder, vault }
}

impl World {
    fn source(&self, content: &[u8]) -> PathBuf {
        let path = self.folder.path().join("source");
        disk::write(&path, content, Attributes::mode(0o644)).unwrap();
        path
    }

    fn names(&self) -> Vec<std::ffi::OsString> {
        disk::names_in(&self.vault.objects).unwrap()
    }
}

#[test]
fn an_imported_file_can_be_had_back() {
    let world = world();
    let imported = world.vault.import(&world.source(b"deb"), None, ObjectKind::Archive).unwrap();
    assert_eq!(imported, Imported { sha256: digest_of_bytes(b"deb"), size: 3 });
    assert_eq!(world.names(), [format!("{}.deb", imported.sha256).as_str()]);
    let to = world.folder.path().join("out");
    world.vault.restore_file(&imported.sha256, ObjectKind::Archive, &to, Attributes::mode(0o640)).unwrap();
    assert_eq!(std::fs::read(&to).unwrap(), b"deb");
    assert_eq!(to.metadata().unwrap().permissions().mode() & 0o7777, 0o640);
}

#[test]
fn another_digest_than_expected_is_refused_and_leaves_nothing() {
    let world = world();
    let expected = digest_of_bytes(b"good");
    let source = world.source(b"evil");
    let failure = world.vault.import(&source, Some(expected), ObjectKind::Archive).unwrap_err();
    assert_eq!(failure.reason, Reason::DigestMismatch);
    for part in [source.display().to_string(), expected.to_string(), digest_of_bytes(b"evil").to_string()] {
        assert!(failure.message.contains(&part), "{} lacks {part}", failure.message);
    }
    assert!(world.names().is_empty());
}

#[test]
fn what_is_there_is_verified_and_not_copied() {
    let world = world();
    let digest = world.vault.import_bytes(b"deb", ObjectKind::Archive).unwrap().sha256;
    let gone = world.folder.path().join("gone");
    assert_eq!(world.vault.import(&gone, Some(digest), ObjectKind::Archive).unwrap().size, 3);
    assert_eq!(world.vault.import(&gone, None, ObjectKind::Archive).unwrap_err().reason, Reason::State);
}

#[test]
fn one_flipped_byte_is_refused_by_name_and_never_restored() {
    let world = world();
    let digest = world.vault.import_bytes(b"content", ObjectKind::File).unwrap().sha256;
    let path = world.vault.path(&digest, ObjectKind::File);
    let mut content = std::fs::read(&path).unwrap();
    content[2] ^= 1;
    std::fs::write(&path, content).unwrap();
    let to = world.folder.path().join("out");
    disk::write(&to, b"old", Attributes::mode(0o644)).unwrap();
    for failure in [
        world.vault.verify(&digest, ObjectKind::File).unwrap_err(),
        world.vault.restore_file(&digest, ObjectKind::File, &to, Attributes::mode(0o644)).unwrap_err(),
    ] {
        assert_eq!(failure.reason, Reason::VaultDamaged);
        assert!(failure.message.contains(&digest.to_string()), "{}", failure.message);
    }
    assert_eq!(std::fs::read(&to).unwrap(), b"old");
    world.vault.import_bytes(b"content", ObjectKind::File).unwrap();
    world.vault.verify(&digest, ObjectKind::File).unwrap();
}

#[test]
fn a_missing_object_is_refused_by_name() {
    let world = world();
    let digest = digest_of_bytes(b"never");
    let failure = world.vault.verify(&digest, ObjectKind::Archive).unwrap_err();
    assert_eq!(failure.reason, Reason::VaultDamaged);
    assert!(failure.message.ends_with(&format!("{digest}.deb is missing")), "{}", failure.message);
}

#[test]
fn planted_links_are_never_followed() {
    let world = world();
    let victim = world.folder.path().join("victim");
    disk::write(&victim, b"precious", Attributes::mode(0o600)).unwrap();
    let digest = digest_of_bytes(b"deb");
    std::os::unix::fs::symlink(&victim, world.vault.objects.join(disk::TEMPORARY)).unwrap();
    std::os::unix::fs::symlink(&victim, world.vault.path(&digest, ObjectKind::Archive)).unwrap();
    world.vault.import(&world.source(b"deb"), Some(digest), ObjectKind::Archive).unwrap();
    assert_eq!(std::fs::read(&victim).unwrap(), b"precious");
    assert!(world.vault.path(&digest, ObjectKind::Archive).symlink_metadata().unwrap().is_file());

    let equal = world.source(b"same content");
    let digest = digest_of_bytes(b"same content");
    std::os::unix::fs::symlink(&equal, world.vault.path(&digest, ObjectKind::File)).unwrap();
    assert_eq!(world.vault.verify(&digest, ObjectKind::File).unwrap_err().reason, Reason::VaultDamaged);

    let elsewhere = world.folder.path().join("elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    let planted = world.folder.path().join("planted");
    std::fs::create_dir(&planted).unwrap();
    std::os::unix::fs::symlink(&elsewhere, planted.join("objects")).unwrap();
    assert!(Vault::open(&planted).unwrap_err().message.contains("a link stands in its place"));
}

#[test]
fn a_sweep_removes_what_nothing_names() {
    let world = world();
    let kept = world.vault.import_bytes(b"kept", ObjectKind::Archive).unwrap().sha256;
    world.vault.import_bytes(b"dropped", ObjectKind::File).unwrap();
    disk::write(&world.vault.objects.join("leftover"), b"abc", Attributes::mode(0o600)).unwrap();
    std::fs::write(world.vault.objects.join(disk::TEMPORARY), b"torn").unwrap();
    assert_eq!(world.vault.size().unwrap(), 4 + 7 + 3 + 4);
    assert_eq!(world.vault.sweep(&BTreeSet::from([kept])).unwrap(), 7 + 3 + 4);
    assert_eq!(world.names(), [format!("{kept}.deb").as_str()]);
}

#[test]
fn a_program_can_be_run_where_it_lies() {
    let world = world();
    let digest = world.vault.import_bytes(b"#!", ObjectKind::File).unwrap().sha256;
    assert_eq!(world.vault.import(&world.source(b"#!"), None, ObjectKind::Program).unwrap().sha256, digest);
    let mode = world.vault.path(&digest, ObjectKind::Program).metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o700);
}
