//! What bundles say of themselves, right and wrong.

mod recorders;

use std::fs;

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::machine::rules::Probe;

const WHOLE: &str = r#"
version = "2.33.07"
mode = "direct"
paths = ["/opt/demo", "etc/demo.conf"]
stop = ["demo"]
restart = ["demo.service", "other@1.timer"]
reboot = true
packages = ["curl", "libdemo=1.2-1"]
minimum_agent = "0.1.0"
from = ["2.33.05", ">= 2.33.06, < 2.33.07"]
setuid = ["./bin/helper"]
timeout_s = 600

[[health]]
name = "web"
http = "http://localhost:8080/health"
retries = 5
"#;

#[test]
fn a_whole_description_is_read() {
    let bundle = Bundle::new(&[("belay.toml", WHOLE), ("install.sh", ""), ("bin/helper", "")]);
    let read = Description::read(bundle.path()).unwrap();
    assert_eq!(read.version, Some("2.33.07".parse().unwrap()));
    assert_eq!(read.mode, Some(Mode::Direct));
    assert_eq!(read.paths, ["opt/demo", "etc/demo.conf"].map(TreePath::from));
    assert_eq!((read.stop, read.restart), (texts(&["demo.service"]), texts(&["demo.service", "other@1.timer"])));
    assert!(read.reboot);
    assert_eq!(read.packages, "curl\nlibdemo=1.2-1".parse().unwrap());
    assert_eq!(read.minimum_agent.as_deref(), Some("0.1.0"));
    assert_eq!(read.from, texts(&["2.33.05", ">= 2.33.06, < 2.33.07"]));
    assert_eq!(read.setuid, [TreePath::from("bin/helper")]);
    assert_eq!(read.timeout, Some(Duration::from_secs(600)));
    assert_eq!(read.content, Content::Script);
    let [check] = &read.checks[..] else { panic!("{:?}", read.checks) };
    assert_eq!((check.name.as_str(), check.retries, check.required), ("web", 5, true));
    assert_eq!(check.probe, Probe::Http { url: "http://localhost:8080/health".to_owned(), status: 200 });
}

#[test]
fn a_script_alone_is_a_bundle_with_defaults() {
    let bundle = Bundle::new(&[("install.sh", "")]);
    assert_eq!(Description::read(bundle.path()).unwrap(), Description::default());
}

#[test]
fn a_wrong_description_says_where_and_what_to_write() {
    let cases = [
        ("versoin = \"1\"", "belay.toml:1: unknown key \"versoin\", expected one of \"version\", \"mode\""),
        ("\nversion = ", "belay.toml:2: "),
        ("reboot = \"no\"", "belay.toml:1: invalid type: string \"no\", expected a boolean"),
        ("mode = \"overlay\"", "belay.toml:1: unknown variant \"overlay\", expected \"captured\" or \"direct\""),
        ("version = \"1/2\"", "belay.toml: version: \"1/2\" is no release version: "),
        ("paths = [\"/opt/../etc\"]", "belay.toml: paths: \"/opt/../etc\" is no path on the device; write it like"),
        ("paths = [\"/\"]", "belay.toml: paths: \"/\" is no path on the device; write it like"),
        ("stop = [\"-x\"]", "belay.toml: stop: \"-x\" is no unit; write it like \"demo.service\""),
        ("restart = [\"a b\"]", "belay.toml: restart: \"a b\" is no unit; write it like \"demo.service\""),
        ("packages = [\"-oX=1\"]", "belay.toml: packages: \"-oX\" is no package name: "),
        ("packages = [\"aa=1\", \"aa=2\"]", "belay.toml: packages: entry 2: aa was named before with another version"),
        ("minimum_agent = \"new\"", "belay.toml: minimum_agent: \"new\" is no version of belay-agent; write it like"),
        ("from = [\"=> 1\"]", "belay.toml: from: \"=> 1\" is no condition: "),
        ("from = [\">= 1,\"]", "belay.toml: from: \"\" is no condition: "),
        (
            "from = [\"> Linux-6\"]",
            "belay.toml: from: Linux-6 begins with no digit, so nothing is older or newer; write it",
        ),
        (
            "setuid = [\"/bin/su\"]",
            "belay.toml: setuid: \"/bin/su\" is no path in the archive; write it like \"bin/demo\"",
        ),
        (
            "setuid = [\"bin/su\"]",
            "belay.toml: setuid: the archive has no file bin/su; write its path as in the archive",
        ),
        ("timeout_s = 0.5", "belay.toml: timeout_s: 0.5 is no time from 1 s to 86400 s (a day)"),
        ("timeout_s = nan", "belay.toml: timeout_s: NaN is no time from 1 s to 86400 s (a day)"),
        (
            "[[health]]\nname = \"a\"",
            "belay.toml: health: check \"a\": write exactly one of unit, http, tcp and command",
        ),
        (
            "[[health]]\nname = \"a\"\ntcp = \"x\"",
            "belay.toml: health: check \"a\", tcp: \"x\" is no host with a port from 1 to 65535; ",
        ),
        ("[[health]]\nunit = \"a\"", "belay.toml:1: missing key \"name\""),
        ("[[health]]\nname = \"\"\nunit = \"a\"", "belay.toml: health: a check has an empty name; results go by names"),
    ];
    for (text, problem) in cases {
        let refusal = Bundle::new(&[("belay.toml", text), ("install.sh", "")]).refusal();
        assert!(refusal.starts_with(problem), "{text:?}: {refusal}");
    }
}

#[test]
fn without_a_script_at_the_top_there_is_no_bundle() {
    let expected =
        "the bundle has no install.sh, or it is no regular file; put it at the top of the archive, not in a folder";
    assert_eq!(Bundle::new(&[("demo-1.0/install.sh", "")]).refusal(), expected);
    let linked = Bundle::new(&[("real.sh", "")]);
    std::os::unix::fs::symlink("real.sh", linked.path().join("install.sh")).unwrap();
    assert_eq!(linked.refusal(), expected);
}

#[test]
fn a_description_that_is_a_link_or_no_text_or_endless_is_refused() {
    let linked = Bundle::new(&[("install.sh", ""), ("real.toml", "")]);
    std::os::unix::fs::symlink("real.toml", linked.path().join("belay.toml")).unwrap();
    assert!(linked.refusal().starts_with("belay.toml: it cannot be read: "), "{}", linked.refusal());
    let endless = "#".repeat((16 << 20) + 1);
    let endless = Bundle::new(&[("install.sh", ""), ("belay.toml", &endless)]);
    assert_eq!(endless.refusal(), "belay.toml: it has more than 16777216 bytes; shorten it");
    let binary = Bundle::new(&[("install.sh", "")]);
    crate::durable::write_atomic(&binary.path().join("belay.toml"), b"\xff", 0o644).unwrap();
    assert_eq!(binary.refusal(), "belay.toml: it is no UTF-8; save it as UTF-8");
}

#[test]
fn a_bundle_fits_a_new_enough_agent_and_the_versions_it_updates_from() {
    let description = |minimum: Option<&str>, from: &[&str]| Description {
        minimum_agent: minimum.map(str::to_owned),
        from: texts(from),
        ..Description::default()
    };
    let reason = |description: &Description, in_force: Option<&str>| {
        let in_force = in_force.map(|version| version.parse().unwrap());
        description.fits("0.9.0", in_force.as_ref()).err().map(|refusal| refusal.reason)
    };
    assert_eq!(reason(&description(Some("0.9.0"), &[]), None), None);
    assert_eq!(reason(&description(Some("0.10.0"), &[]), None), Some(Reason::AgentTooOld));
    let wrong = Some(Reason::WrongSource);
    let cases: [(&[&str], Option<&str>, Option<Reason>); 13] = [
        (&[], None, None),
        (&["1.0"], None, wrong),
        (&["1.0"], Some("1.0"), None),
        (&["1.0"], Some("v1.0"), None),
        (&["= 1.0"], Some("1.1"), wrong),
        (&[">= 1.9, < 2"], Some("1.10"), None),
        (&[">= 1.9, < 2"], Some("2"), wrong),
        (&[">= 1.9, < 2"], Some("1.8"), wrong),
        (&["> 1", "<= 0.5"], Some("0.5"), None),
        (&["> 1", "<= 0.5"], Some("1"), wrong),
        (&[">=1"], Some("Linux-6.1"), wrong),
        (&["Linux-6.1"], Some("Linux-6.1"), None),
        (&["Linux-6.1"], Some("6.1"), wrong),
    ];
    for (from, in_force, expected) in cases {
        assert_eq!(reason(&description(None, from), in_force), expected, "{from:?} {in_force:?}");
    }
    let refusal = description(None, &[">= 2, < 3", "1.9"]).fits("0.9.0", Some(&"1.0".parse().unwrap())).unwrap_err();
    let expected =
        "the bundle updates only from >= 2, < 3; or 1.9, and 1.0 is in force; install a version in between first";
    assert_eq!(refusal.message, expected);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..cases() })]

    #[test]
    fn no_text_makes_the_descriptions_panic(text in "\\PC{0,60}(\n\\PC{0,60}){0,8}") {
        let _ = belay_toml::parse(&text);
        recorder::testing::try_text(&text);
        let _ = source::check(&text);
    }

    #[test]
    fn an_altered_description_is_read_or_refused(
        changes in prop::collection::vec((any::<prop::sample::Index>(), prop::option::of("\\PC|[\\[\\]{}\"\n=,0-9.-]")), 1..6),
        recorders: bool,
    ) {
        let mut text: Vec<String> =
            if recorders { recorders::MANIFEST } else { WHOLE }.chars().map(String::from).collect();
        for (at, replacement) in changes {
            let at = at.index(text.len());
            text[at] = replacement.unwrap_or_default();
        }
        let text = text.concat();
        if recorders {
            recorder::testing::try_text(&text);
        } else if let Ok(read) = belay_toml::parse(&text) {
            prop_assert!(read.paths.iter().all(|path| path.under(Path::new("/root")).is_some()));
            prop_assert!(read.timeout.is_none_or(|timeout| timeout >= Duration::from_secs(1)));
        }
    }
}

/// How many texts each property tries; `CASES=1000000` in the environment tries a million.
fn cases() -> ProptestConfig {
    let cases = std::env::var("CASES").ok().and_then(|cases| cases.parse().ok());
    cases.map_or_else(ProptestConfig::default, ProptestConfig::with_cases)
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(ToString::to_string).collect()
}

/// An unpacked bundle.
struct Bundle(TempDir);

impl Bundle {
    fn new(files: &[(&str, &str)]) -> Self {
        let bundle = Self(tempfile::tempdir().unwrap());
        for (path, content) in files {
            let path = bundle.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            crate::durable::write_atomic(&path, content.as_bytes(), 0o644).unwrap();
        }
        bundle
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn refusal(&self) -> String {
        let refusal = Description::read(self.path()).unwrap_err();
        assert_eq!(refusal.reason, Reason::BadBundle);
        refusal.message
    }
}
