//! What is written wrong is refused with file, line, setting and what to write instead.

use belay_settings::Layer;

use super::super::{Overrides, settle};
use super::{file, settings};

#[track_caller]
fn refused(text: &str, expected: &str) {
    let error = settings(text).expect_err(text).to_string();
    assert!(error.starts_with(expected), "{text}\n{error}");
}

#[test]
fn unknown_settings_and_words_are_named_with_their_line() {
    refused(
        "state_dir = \"/a\"\n\n[artefacts]\n",
        "server.toml:3: unknown setting \"artefacts\", expected one of \"state_dir\"",
    );
    refused("[tls]\nkey = \"/a\"\ncert = \"/a\"\n", "server.toml:3: unknown setting \"cert\", expected ");
    refused("[enrolment]\nmode = \"shut\"\n", "server.toml:2: unknown variant \"shut\", expected one of \"token\"");
    refused("\n[devices]\npoll_s = \"60\"\n", "server.toml:3: invalid type: string \"60\", expected u32");
    refused("[log]\nlevel = 3\n", "server.toml:2: ");
    refused("state_dir = \n", "server.toml:1: ");
}

#[test]
fn values_that_cannot_be_used_are_named_with_their_line() {
    for (text, expected) in [
        ("state_dir = \"belay\"", "server.toml:1: state_dir: \"belay\" is no absolute path"),
        ("\ndatabase = \"/a.db\"", "server.toml:2: database: the database's address is none; write \"postgres://"),
        ("database = \"postgres://u@[h/d\"", "server.toml:1: database: the database's address is none"),
        ("listen = []", "server.toml:1: listen: name at least one address"),
        ("listen = [\"localhost:80\"]", "server.toml:1: listen: \"localhost:80\" is no address with a port"),
        ("listen = [\"[::ffff:10.0.0.1]:80\"]", "server.toml:1: listen: [::ffff:10.0.0.1]:80 can be reached"),
        ("listen = [\"0.0.0.0:80\"]", "server.toml:1: listen: 0.0.0.0:80 can be reached from other machines"),
        ("[tls]\nkey = \"/a\"", "server.toml:1: tls.certificate: tls.key is of no use without it"),
        ("[tls]\ncertificate = \"/a\"", "server.toml:1: tls.key: tls.certificate is of no use without it"),
        ("[tls]\ncertificate = \"a\"\nkey = \"/a\"", "server.toml:2: tls.certificate: \"a\" is no absolute path"),
        ("[artifacts]\nstore = \"here\"", "server.toml:2: artifacts.store: \"here\" is no place for artifacts"),
        ("[artifacts]\nstore = \"s3://A\"", "server.toml:2: artifacts.store: \"A\" is no bucket"),
        ("[artifacts]\ns3_region = \"eu\"", "server.toml:2: artifacts.s3_region: it is of use only where"),
        (
            "[artifacts]\nstore = \"s3://bucket\"\ns3_endpoint = \"minio\"",
            "server.toml:3: artifacts.s3_endpoint: \"minio\" is no URL of a host",
        ),
        (
            "[artifacts]\nstore = \"s3://bucket\"\ns3_endpoint = \"http://minio\"",
            "server.toml:3: artifacts.s3_endpoint: \"http://minio\" is on another machine",
        ),
        (
            "[artifacts]\nstore = \"s3://bucket\"\ns3_access_key_file = \"/a\"",
            "server.toml:1: artifacts.s3_secret_key_file: artifacts.s3_access_key_file is of no use without it",
        ),
        ("[upload]\nmax_mb = 0", "server.toml:2: upload.max_mb: 0 MB is no size from 1 MB to a terabyte"),
        ("[upload]\nmax_mb = 99999999999999999", "server.toml:2: upload.max_mb: 99999999999999999 MB"),
        ("[devices]\npoll_s = 0", "server.toml:2: devices.poll_s: 0 is no whole number of seconds from 1"),
        (
            "[devices]\npoll_s = 900",
            "server.toml:1: devices.offline_after_s: a device that polls every 900 s would be offline in between",
        ),
        ("[limits]\nconnections = 0", "server.toml:2: limits.connections: at least 1"),
        ("[limits]\nheader_timeout_s = nan", "server.toml:2: limits.header_timeout_s: NaN is no time"),
        ("[limits]\nbody_kb = 0", "server.toml:2: limits.body_kb: 0 kB is no size"),
        ("[retention]\nreports_days = 0", "server.toml:2: retention.reports_days: 0 is no number of days"),
    ] {
        refused(text, expected);
    }
}

#[test]
fn what_came_from_elsewhere_is_named_by_where_it_came_from() {
    let environment = |overrides: Overrides| settle(&[file("server.toml", ""), Layer::Environment(overrides.given())]);
    let listen = environment(Overrides { listen: Some("0.0.0.0:1".to_owned()), ..Overrides::default() });
    let said = listen.unwrap_err().to_string();
    assert!(said.starts_with("environment variable BELAY_SERVER_LISTEN: listen: 0.0.0.0:1 can be reached"), "{said}");
    let level = environment(Overrides { log_level: Some("loud".to_owned()), ..Overrides::default() });
    let said = level.unwrap_err().to_string();
    assert!(said.starts_with("environment variable BELAY_SERVER_LOG: log.level: unknown variant \"loud\""), "{said}");
    let flags = Overrides { state_dir: Some("here".to_owned()), ..Overrides::default() };
    let said = settle(&[Layer::CommandLine(flags.given())]).unwrap_err().to_string();
    assert!(said.starts_with("command line: state_dir: \"here\" is no absolute path"), "{said}");
}
