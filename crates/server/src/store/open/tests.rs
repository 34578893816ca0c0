//! Which database an address means, and who may read the file.

use super::*;

#[test]
fn an_address_means_one_database() {
    let folder = Path::new("/state");
    let file = |path: &str| Engine::Embedded(path.into());
    assert_eq!(address("", folder).unwrap(), file("/state/belay.db"));
    assert_eq!(address("sqlite:/a/b.db", folder).unwrap(), file("/a/b.db"));
    assert_eq!(address("sqlite:///a/b.db", folder).unwrap(), file("/a/b.db"));
    assert_eq!(address("postgres://u@h/d", folder).unwrap(), Engine::Postgres);
    assert_eq!(address("postgresql://u@h/d", folder).unwrap(), Engine::Postgres);
    for wrong in ["mysql://u:secret@h/d", "/a/b.db", "sqlite:", "sqlite::memory:"] {
        let said = address(wrong, folder).unwrap_err().to_string();
        assert!(said.contains("postgres://user@host/database") && !said.contains("secret"), "{said}");
    }
}

#[tokio::test]
async fn the_file_is_its_owners_alone_and_so_is_its_log() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep/down/odd %41?#name.db");
    let store = Store::open(&format!("sqlite:{}", path.display()), Path::new("/")).await.unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o600);
    assert_eq!(mode(&folder.path().join("deep/down/odd %41?#name.db-wal")), 0o600);
    assert_eq!(mode(&folder.path().join("deep")), 0o700);
    store.close().await;

    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    Store::open(&format!("sqlite:{}", path.display()), Path::new("/")).await.unwrap();
    assert_eq!(mode(&path), 0o600, "a copy that was put back for all to read");
}
