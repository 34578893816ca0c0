//! The old recorder's archives.

use super::*;

pub(super) const MANIFEST: &str = r#"{"schema_version": 1, "version": "2.33.08", "created_at": "2026-01-02T03:04:05",
    "requires_reboot": true, "required_packages": ["ffmpeg"], "restart_services": ["rpi-cam", "x.timer"],
    "allow_reapply": true, "more": [], "files": [
    {"path": "opt\\rpi-cam-webmanager\\app.py", "size": 3,
     "sha256": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"}]}"#;

const APP: &str = "payload/opt/rpi-cam-webmanager/app.py";

const DEPENDENCIES: &str = "payload/opt/rpi-cam-webmanager/DEPENDENCIES.json";

#[test]
fn a_recorders_archive_is_a_bundle_of_files_packages_and_services() {
    let dependencies =
        r#"{"schema_version": 1, "apt_packages": ["curl"], "python_requirements_file": null, "pip_packages": []}"#;
    let bundle = Bundle::new(&[("update_manifest.json", MANIFEST), (APP, "abc"), (DEPENDENCIES, dependencies)]);
    let read = Description::read(bundle.path()).unwrap();
    assert_eq!(read.version, Some("2.33.08".parse().unwrap()));
    assert_eq!(read.packages, "ffmpeg\ncurl".parse().unwrap());
    assert_eq!((read.restart, read.reboot), (texts(&["rpi-cam.service", "x.timer"]), true));
    let sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad".parse().unwrap();
    let file = PayloadFile { path: TreePath::from("opt/rpi-cam-webmanager/app.py"), size: 3, sha256 };
    assert_eq!(read.content, Content::Payload(vec![file]));
}

#[test]
fn a_manifest_that_is_wrong_says_what_to_change() {
    let cases = [
        (
            "\"schema_version\": 1",
            "\"schema_version\": 2",
            "update_manifest.json: schema_version is 2, and only 1 is known",
        ),
        ("\"version\": \"2.33.08\",", "", "update_manifest.json:5: missing field `version`"),
        (
            "opt\\\\rpi",
            "..\\\\rpi",
            "update_manifest.json: files: \"..\\\\rpi-cam-webmanager\\\\app.py\" is no path below",
        ),
        (
            "opt\\\\rpi",
            "/opt\\\\rpi",
            "update_manifest.json: files: \"/opt\\\\rpi-cam-webmanager\\\\app.py\" is no path below",
        ),
        (
            "opt\\\\rpi",
            "etc\\\\rpi",
            "update_manifest.json: files: \"etc\\\\rpi-cam-webmanager\\\\app.py\" lies outside of opt/",
        ),
        (
            "manager\\\\app.py",
            "managers/x",
            "update_manifest.json: files: \"opt\\\\rpi-cam-webmanagers/x\" lies outside of opt/",
        ),
        ("\\\\app.py", "", "update_manifest.json: files: \"opt\\\\rpi-cam-webmanager\" lies outside of opt/"),
        (
            "\"size\": 3",
            "\"size\": 4",
            "update_manifest.json: files: payload/opt/rpi-cam-webmanager/app.py has 3 bytes and not 4;",
        ),
        ("\"ba78", "\"ca78", "update_manifest.json: files: payload/opt/rpi-cam-webmanager/app.py has the digest ba78"),
        ("app.py", "gone.py", "update_manifest.json: files: payload/opt/rpi-cam-webmanager/gone.py cannot be read: "),
        ("\"ffmpeg\"", "\"-x\"", "update_manifest.json: required_packages: \"-x\" is no package name: "),
        ("\"rpi-cam\"", "\"rpi cam\"", "update_manifest.json: restart_services: \"rpi cam\" is no unit; "),
    ];
    for (right, wrong, problem) in cases {
        assert!(MANIFEST.contains(right), "{right}");
        let manifest = MANIFEST.replacen(right, wrong, 1);
        let refusal = Bundle::new(&[("update_manifest.json", &manifest), (APP, "abc")]).refusal();
        assert!(refusal.starts_with(problem), "{wrong:?}: {refusal}");
    }
}

#[test]
fn an_archive_holds_what_its_manifest_lists_and_nothing_else() {
    let bundle = |path: &str| Bundle::new(&[("update_manifest.json", MANIFEST), (APP, "abc"), (path, "")]);
    let expected = "update_manifest.json: files: payload/usr/local/bin/x is not listed; list it, or leave it out";
    assert_eq!(bundle("payload/usr/local/bin/x").refusal(), expected);
    let expected =
        "an archive with update_manifest.json holds that and payload/ and nothing else; leave out \"install.sh\"";
    assert_eq!(bundle("install.sh").refusal(), expected);
    let expected = "the bundle has belay.toml and update_manifest.json; which of them counts? Leave one out";
    assert_eq!(bundle("belay.toml").refusal(), expected);
    let linked = bundle("payload/opt/rpi-cam-webmanager/DEPENDENCIES.json.d/x");
    fs::remove_file(linked.path().join("payload/opt/rpi-cam-webmanager/DEPENDENCIES.json.d/x")).unwrap();
    assert!(Description::read(linked.path()).is_ok());
    std::os::unix::fs::symlink("opt", linked.path().join("payload/way")).unwrap();
    assert_eq!(linked.refusal(), "payload/way is a link; an archive with update_manifest.json holds only files");
}

#[test]
fn what_pip_would_install_is_refused() {
    let cases = [
        (r#""pip_packages": ["flask"]"#, "pip_packages"),
        (r#""python_requirements_file": "requirements.txt""#, "python_requirements_file"),
    ];
    for (line, key) in cases {
        let dependencies = format!(r#"{{"schema_version": 1, {line}}}"#);
        let bundle = Bundle::new(&[("update_manifest.json", MANIFEST), (APP, "abc"), (DEPENDENCIES, &dependencies)]);
        let expected = format!(
            "{DEPENDENCIES}: {key}: what pip installs cannot be undone from a list; name Debian packages in apt_packages, \
             or make it a bundle whose install.sh runs pip"
        );
        assert_eq!(bundle.refusal(), expected);
    }
}
