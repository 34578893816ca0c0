use super::*;

fn environment(variables: &[(&str, &str)]) -> Environment {
    Environment::read(|wanted| variables.iter().find(|(name, _)| *name == wanted).map(|(_, value)| (*value).to_owned()))
}

#[expect(clippy::unnecessary_wraps, reason = "it stands for what reads a file")]
fn profiles() -> Result<Profiles, CtlError> {
    let text = "active = 'plant'\n[profile.plant]\nserver = 'https://plant'\n\
        [profile.lab]\nserver = 'http://lab'\nplain_http = true\nca_file = 'lab.pem'\n";
    Ok(toml::from_str(text).unwrap())
}

fn written(server: Option<&str>, profile: Option<&str>) -> Connection {
    Connection { server: server.map(str::to_owned), profile: profile.map(str::to_owned), ..Connection::default() }
}

#[test]
fn the_command_line_outdoes_the_environment_and_that_the_profile_in_use() {
    let nothing = environment(&[]);
    let set = environment(&[("BELAY_SERVER", "https://set/"), ("BELAY_PROFILE", "lab")]);
    let lab = environment(&[("BELAY_PROFILE", "lab")]);
    for (connection, environment, url) in [
        (written(Some("https://flag"), Some("lab")), &set, "https://flag"),
        (written(None, Some("lab")), &set, "http://lab"),
        (written(None, None), &set, "https://set"),
        (written(None, None), &lab, "http://lab"),
        (written(None, None), &nothing, "https://plant"),
    ] {
        assert_eq!(server_of(&connection, environment, profiles).unwrap().url, url, "{connection:?}");
    }
    let none = server_of(&written(None, None), &nothing, || Ok(Profiles::default()));
    assert!(matches!(none, Err(CtlError::NoServer)), "{none:?}");
    let unknown = server_of(&written(None, Some("x")), &nothing, profiles).unwrap_err().to_string();
    assert!(unknown.contains("lab, plant"), "{unknown}");
}

#[test]
fn profiles_that_nobody_needs_are_not_read() {
    let unread = || Err(CtlError::Usage("there is no home folder".to_owned()));
    let set = environment(&[("BELAY_SERVER", "https://set")]);
    assert_eq!(server_of(&written(None, None), &set, unread).unwrap().url, "https://set");
    assert_eq!(server_of(&written(Some("https://flag"), None), &set, unread).unwrap().url, "https://flag");
    assert!(server_of(&written(None, Some("plant")), &set, unread).is_err());
}

#[test]
fn a_profile_brings_its_certificates_and_its_leave_to_be_read() {
    let server = server_of(&written(None, Some("lab")), &environment(&[]), profiles).unwrap();
    assert!(server.plain_http && server.ca_file == Some("lab.pem".into()), "{server:?}");
    let server = server_of(&written(None, None), &environment(&[("BELAY_CA_FILE", "b.pem")]), profiles).unwrap();
    assert!(!server.plain_http && server.ca_file == Some("b.pem".into()), "{server:?}");
}

#[test]
fn the_variables_of_older_tools_are_understood() {
    for url in ["https://old", "https://old/", "https://old/api", "https://old/api/"] {
        let environment = environment(&[("MEETING_API_URL", url)]);
        assert_eq!(server_of(&written(None, None), &environment, profiles).unwrap().url, "https://old", "{url}");
    }
    let token = |variables: &[(&str, &str)]| environment(variables).token().map(|token| token.reveal().to_owned());
    assert_eq!(token(&[("MEETING_TOKEN", "a")]).as_deref(), Some("a"));
    assert_eq!(token(&[("MEETING_TOKEN", "a"), ("MEETING_AUTH_TOKEN", "b")]).as_deref(), Some("b"));
    assert_eq!(token(&[("MEETING_AUTH_TOKEN", "b"), ("BELAY_TOKEN", " c\n")]).as_deref(), Some("c"));
    assert_eq!(token(&[("BELAY_TOKEN", "")]), None);
}

#[expect(clippy::unnecessary_wraps, reason = "it stands for what reads a file")]
fn keyring() -> Result<Keyring, CtlError> {
    let mut keyring = Keyring::default();
    keyring.keep("plant", "https://plant", Secret::new("kept".to_owned()));
    Ok(keyring)
}

fn token(connection: &Connection, variables: &[(&str, &str)]) -> Option<String> {
    let environment = environment(variables);
    let server = server_of(connection, &environment, profiles).unwrap();
    token_of(connection, &environment, &server, keyring).unwrap().map(|token| token.reveal().to_owned())
}

#[test]
fn a_token_in_the_environment_outdoes_a_kept_one_unless_its_profile_is_named() {
    let set = [("BELAY_TOKEN", "set")];
    assert_eq!(token(&written(None, None), &[]).as_deref(), Some("kept"));
    assert_eq!(token(&written(None, None), &set).as_deref(), Some("set"));
    assert_eq!(token(&written(None, Some("plant")), &set).as_deref(), Some("kept"));
    assert_eq!(token(&written(Some("https://other"), Some("plant")), &[]), None);
    assert_eq!(token(&written(Some("https://plant/"), None), &[]).as_deref(), Some("kept"));
}

#[test]
fn a_file_outdoes_everything_and_a_keyring_nobody_needs_is_not_opened() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    crate::files::replace(&path, "filed\n", 0o600).unwrap();
    let connection = Connection { token_file: Some(path), ..written(None, None) };
    let server = server_of(&connection, &environment(&[]), profiles).unwrap();
    let token = token_of(&connection, &environment(&[("BELAY_TOKEN", "set")]), &server, || Err(CtlError::NoServer));
    assert_eq!(token.unwrap().unwrap().reveal(), "filed");
}

#[test]
fn what_is_no_token_is_not_sent() {
    assert_eq!(super::token(" belay_op_x.Y-_\n", "f").unwrap().reveal(), "belay_op_x.Y-_");
    for text in ["", " \n", "two words", "{\n\"token\": 1}", "naïve"] {
        let said = super::token(text, "tok.json").unwrap_err().to_string();
        assert!(said.starts_with("tok.json holds no token"), "{said}");
    }
}
