use super::*;

fn keyring_of(text: &str, mode: u32) -> (tempfile::TempDir, Result<Keyring, CtlError>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keyring.toml");
    files::replace(&path, text, mode).unwrap();
    let read = Keyring::read(&path);
    (folder, read)
}

const TWO: &str = "[plant]\nserver = 'https://a'\ntoken = 'one'\n[other]\nserver = 'https://b'\ntoken = 'two'\n";

#[test]
fn a_token_goes_to_its_own_server_alone() {
    let (_folder, keyring) = keyring_of(TWO, 0o600);
    let keyring = keyring.unwrap();
    let token = |profile, server| keyring.token(profile, server).map(|token| token.reveal().to_owned());
    assert_eq!(token(Some("plant"), "https://a").as_deref(), Some("one"));
    assert_eq!(token(None, "https://b").as_deref(), Some("two"));
    assert_eq!(token(Some("plant"), "https://b").as_deref(), Some("two"));
    assert_eq!(token(Some("plant"), "https://c"), None);
}

#[test]
fn a_keyring_that_others_can_read_is_not_used() {
    for mode in [0o640, 0o604, 0o666] {
        let (_folder, keyring) = keyring_of(TWO, mode);
        assert!(matches!(keyring, Err(CtlError::OpenKeyring { .. })), "{mode:o}: {keyring:?}");
    }
}

#[test]
fn neither_damage_nor_debugging_shows_a_token() {
    let (_folder, damaged) = keyring_of("[plant]\nserver = 'https://a'\ntoken = 'sesame\n", 0o600);
    let said = format!("{}", damaged.unwrap_err());
    assert!(said.contains("log in again") && !said.contains("sesame"), "{said}");
    let (_folder, keyring) = keyring_of(TWO, 0o600);
    assert!(!format!("{keyring:?}").contains("one"), "{keyring:?}");
}
