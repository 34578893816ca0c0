//! Settings from all their sources.

mod shipped;
mod wrong;

use std::path::Path;

use super::settings::{ArtifactStore, DatabaseUrl, EnrolmentMode, S3, S3Credentials, Tls};
use super::*;

/// Reads settings from the text of one file.
pub(super) fn settings(text: &str) -> Result<Settings, ConfigError> {
    settle(&[file("server.toml", text)])
}

fn file(path: &str, text: &str) -> Layer {
    Layer::File { path: path.into(), text: text.to_owned() }
}

#[test]
fn an_empty_file_gives_the_defaults() {
    assert_eq!(settings("").unwrap(), Settings::default());
}

#[test]
fn the_environment_sets_what_it_names_and_empty_means_unset() {
    let variable = |name: &str| match name {
        "BELAY_SERVER_STATE_DIR" => Some("/state".to_owned()),
        "BELAY_SERVER_DATABASE" => Some(String::new()),
        "BELAY_SERVER_LISTEN" => Some("127.0.0.1:1, [::1]:2".to_owned()),
        "BELAY_SERVER_LOG" => Some("debug".to_owned()),
        _ => None,
    };
    let layers = [
        file("server.toml", "database = \"sqlite:/a.db\""),
        Layer::Environment(Overrides::from_environment(variable).given()),
    ];
    let settings = settle(&layers).unwrap();
    assert_eq!(settings.state_dir, Path::new("/state"));
    assert_eq!(settings.database, DatabaseUrl("sqlite:/a.db".to_owned()));
    assert_eq!(settings.listen, ["127.0.0.1:1".parse().unwrap(), "[::1]:2".parse().unwrap()]);
    assert_eq!(settings.log_level, tracing::Level::DEBUG);
}

#[test]
fn what_is_written_arrives_with_its_unit() {
    let settings = settings(
        r#"
        listen = ["0.0.0.0:443", "[::]:443"]
        tls.certificate = "/a/cert.pem"
        tls.key = "/a/key.pem"
        [artifacts]
        store = "s3://some-bucket/a/b/"
        s3_endpoint = "http://127.0.0.1:9000"
        s3_region = "eu-west-1"
        s3_access_key_file = "/a/id"
        s3_secret_key_file = "/a/secret"
        [upload]
        max_mb = 3
        [enrolment]
        mode = "approval"
        [devices]
        poll_s = 5
        [limits]
        per_address = 7
        body_kb = 2
        [retention]
        reports_days = 0.5
        "#,
    )
    .unwrap();
    assert_eq!(settings.listen, ["0.0.0.0:443".parse().unwrap(), "[::]:443".parse().unwrap()]);
    assert_eq!(settings.tls, Some(Tls { certificate: "/a/cert.pem".into(), key: "/a/key.pem".into() }));
    let bucket = S3 {
        bucket: "some-bucket".to_owned(),
        prefix: "a/b".to_owned(),
        endpoint: Some("http://127.0.0.1:9000".to_owned()),
        region: Some("eu-west-1".to_owned()),
        credentials: Some(S3Credentials { access_key_file: "/a/id".into(), secret_key_file: "/a/secret".into() }),
    };
    assert_eq!(settings.artifacts, ArtifactStore::S3(bucket));
    assert_eq!(settings.upload.max_bytes, 3 * 1024 * 1024);
    assert_eq!(settings.enrolment, EnrolmentMode::Approval);
    assert_eq!(settings.devices.poll_s, 5);
    assert_eq!(settings.limits.per_address, Some(7));
    assert_eq!(settings.limits.body_bytes, 2048);
    assert_eq!(settings.reports_kept.as_secs(), 12 * 60 * 60);
}

#[test]
fn the_defaults_are_closed_and_what_is_open_is_said() {
    assert_eq!(Settings::default().warnings(), [""; 0]);
    assert_eq!(Settings::default().limits.per_address, None);
    let state_dir = settings("state_dir = \"/s\"").unwrap();
    assert_eq!(state_dir.artifacts, ArtifactStore::Folder("/s/artifacts".into()));

    let open = "listen = [\"127.0.0.1:1\", \"0.0.0.0:2\", \"[::]:3\"]\nplain_http = true\nenrolment.mode = \"open\"";
    let said = settings(open).unwrap().warnings();
    let starts = ["device keys and tokens cross the network in the clear", "enrolment is open"];
    assert_eq!(said.len(), starts.len(), "{said:#?}");
    for (said, start) in said.iter().zip(starts) {
        assert!(said.starts_with(start), "{said}");
    }
    assert!(said[0].contains("on 0.0.0.0:2, [::]:3:"), "{}", said[0]);
}

#[test]
fn a_password_is_never_shown() {
    let settings = settings("database = \"postgres://belay:secret@host/belay\"").unwrap();
    assert!(!format!("{settings:?}").contains("secret"));
    let error = super::tests::settings("database = \"mysql://belay:secret@host/belay\"").unwrap_err();
    assert!(!format!("{error} {error:?}").contains("secret"), "{error}");
}
