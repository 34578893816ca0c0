//! Settings from all their sources.

mod shipped;
mod wrong;

use std::path::Path;

use super::merge::{Layer, Overrides};
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
fn later_layers_win_over_earlier_ones() {
    let overrides = |text: &str| Overrides { state_dir: Some(text.to_owned()), ..Overrides::default() };
    let first =
        "state_dir = \"/a\"\nlisten = [\"127.0.0.1:1\", \"127.0.0.1:2\"]\n[limits]\nconnections = 1\nbody_kb = 2";
    let mut layers = vec![
        file("server.toml", first),
        file("server.toml.d/10.toml", "state_dir = \"/b\"\nlisten = [\"127.0.0.1:3\"]\n[limits]\nconnections = 3"),
        file("server.toml.d/20.toml", "state_dir = \"/c\""),
        Layer::Environment(overrides("/d")),
        Layer::CommandLine(overrides("/e")),
    ];
    for state_dir in ["/e", "/d", "/c", "/b", "/a"] {
        let merged = settle(&layers).unwrap();
        assert_eq!(merged.state_dir, Path::new(state_dir));
        if layers.len() > 1 {
            assert_eq!(merged.listen, ["127.0.0.1:3".parse().unwrap()], "a list is replaced as a whole");
            let limits = (merged.limits.connections, merged.limits.body_bytes >> 10);
            assert_eq!(limits, (3, 2), "a table is not");
        }
        layers.pop();
    }
    assert_eq!(settle(&layers).unwrap().state_dir, Settings::default().state_dir);
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
    let layers =
        [file("server.toml", "database = \"sqlite:/a.db\""), Layer::Environment(Overrides::from_environment(variable))];
    let settings = settle(&layers).unwrap();
    assert_eq!(settings.state_dir, Path::new("/state"));
    assert_eq!(settings.database, DatabaseUrl("sqlite:/a.db".to_owned()));
    assert_eq!(settings.listen, ["127.0.0.1:1".parse().unwrap(), "[::1]:2".parse().unwrap()]);
    assert_eq!(settings.log_level, tracing::Level::DEBUG);
}

#[test]
fn drop_ins_are_read_by_name_and_other_files_are_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("server.toml");
    let drop_ins = folder.path().join("server.toml.d");
    std::fs::create_dir(&drop_ins).unwrap();
    let text = |name: &str| format!("state_dir = \"/{name}\"\n");
    write(&path, &text("file"));
    let state_dir = || settle(&read(Some(&path)).unwrap()).unwrap().state_dir;
    assert_eq!(state_dir(), Path::new("/file"));
    for name in ["20-b.toml", "10-a.toml", "30.toml.bak", ".40.toml", "README"] {
        write(&drop_ins.join(name), &text(name));
    }
    assert_eq!(state_dir(), Path::new("/20-b.toml"));
}

#[expect(clippy::disallowed_methods, reason = "a test's files need not survive a power cut")]
fn write(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
}

#[test]
fn a_file_that_was_named_must_be_there() {
    let error = load(Some(Path::new("/nowhere/server.toml")), Overrides::default()).unwrap_err().to_string();
    assert_eq!(error, "cannot read /nowhere/server.toml: No such file or directory (os error 2)");
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
