//! What can be written, and what that means.

use clap::CommandFactory;

use super::*;

fn read(line: &str) -> Result<Arguments, String> {
    Arguments::try_parse_from(line.split(' ')).map_err(|error| error.to_string())
}

#[test]
fn the_description_of_the_command_line_is_sound() {
    Arguments::command().debug_assert();
}

#[test]
fn a_token_is_described_in_words() {
    let arguments = read(
        "belay-server token create --name ci --permission fleet:view --permission updates:publish --expires-in 90d",
    );
    let Command::Once(Once::Token(Token::Create { name, permissions, expires_in })) = arguments.unwrap().command else {
        panic!()
    };
    assert_eq!(name, "ci");
    assert_eq!(permissions, [Permission::FleetView, Permission::UpdatesPublish]);
    assert_eq!(expires_in, Some(Duration::from_secs(90 * 24 * 60 * 60)));

    let said = read("belay-server token create --name ci").unwrap_err();
    assert!(said.contains("--permission"), "{said}");
    let said = read("belay-server token create --name ci --permission root").unwrap_err();
    assert!(said.contains("one of admin:full, updates:publish"), "{said}");
}

#[test]
fn times_have_a_unit_and_an_end() {
    for (text, seconds) in [("1s", 1), ("2m", 120), ("12h", 43200), ("2w", 1_209_600), ("3650d", LONGEST)] {
        assert_eq!(duration(text), Ok(Duration::from_secs(seconds)), "{text}");
    }
    for text in ["90", "d", "0d", "-1d", "1.5h", "3651d", "99999999999999999999d", "10 d", "1y"] {
        assert!(duration(text).unwrap_err().contains("like 12h or 90d"), "{text}");
    }
}

#[test]
fn what_is_written_wins_over_the_settings() {
    let overrides = |line| read(line).unwrap().overrides();
    assert_eq!(overrides("belay-server serve"), Overrides::default());
    let given = overrides("belay-server serve --listen 127.0.0.1:1 --listen [::1]:2 --state-dir /s");
    assert_eq!(given.listen.as_deref(), Some("127.0.0.1:1,[::1]:2"));
    assert_eq!(given.state_dir.as_deref(), Some("/s"));
    assert_eq!(overrides("belay-server --state-dir /s token list").state_dir.as_deref(), Some("/s"));
}
