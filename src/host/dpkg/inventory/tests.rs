use belay_protocol::Architecture;

use super::{audit, automatic, parse};

fn native() -> Architecture {
    "amd64".parse().unwrap()
}

#[test]
fn records_are_read_field_by_field() {
    let answer = "demo-app\tall\t1:1.0\thold\tok\tinstalled\t20\t\t\n /etc/a 60b725f10c9c85c70d97880dfe8191b3\n /etc/b 00000000000000000000000000000000 obsolete\u{1e}\
                  libdemo\tarmhf\t2.0\tinstall\treinstreq\thalf-installed\t\tyes\t\u{1e}libdemo\tamd64\t2.0\tdeinstall\tok\tconfig-files\t1\tno\t\u{1e}";
    let inventory = parse(answer, "", &native()).unwrap();
    let names: Vec<_> = inventory.packages.keys().map(ToString::to_string).collect();
    assert_eq!(names, ["demo-app", "libdemo", "libdemo:armhf"]);
    let app = &inventory.packages[&"demo-app".parse().unwrap()];
    assert_eq!((app.want.as_str(), app.installed_kib, app.essential), ("hold", 20, false));
    assert_eq!(app.conffiles.len(), 2);
    assert!(app.conffiles[1].ends_with(" obsolete"));
    let foreign = &inventory.packages[&"libdemo:armhf".parse().unwrap()];
    assert_eq!(
        (foreign.flag.as_str(), foreign.status.as_str(), foreign.essential),
        ("reinstreq", "half-installed", true)
    );
    assert!(!foreign.is_installed());
}

#[test]
fn a_record_that_cannot_be_understood_is_an_error() {
    for answer in
        ["demo-app\tall\t1.0", "UPPER\tall\t1.0\ti\tok\tinstalled\t1\tno\t", "demo\tall\t!\ti\tok\tinstalled\t1\tno\t"]
    {
        assert_eq!(parse(answer, "", &native()), Err(answer.to_owned()));
    }
    assert!(parse("", "", &native()).unwrap().packages.is_empty());
}

#[test]
fn marks_are_read_by_architecture() {
    let marks = "Package: dep\nArchitecture: amd64\nAuto-Installed: 1\n\nPackage: libdemo\nArchitecture: armhf\nAuto-Installed: 1\n\n\
                 Package: asked\nArchitecture: amd64\nAuto-Installed: 0\n\n";
    let names: Vec<_> = automatic(marks, &native()).iter().map(ToString::to_string).collect();
    assert_eq!(names, ["dep", "libdemo:armhf"]);
}

#[test]
fn an_audit_is_told_a_line_a_package() {
    let text = "The following packages are in a mess due to serious problems during\ninstallation.  They must be reinstalled for them (and any packages\n\
                that depend on them) to function properly:\n app                  x\n\nThe following packages are only half configured, probably due to problems\n\
                configuring them the first time.  The configuration should be retried using\ndpkg --configure <package> or the configure menu option in dselect:\n dep                  x\n other                y\n\n\
                The following packages have been unpacked but not yet configured.\nThey must be configured:\n late   z\n";
    assert_eq!(
        audit(text),
        [
            "app is in a mess due to serious problems during",
            "dep is only half configured",
            "other is only half configured",
            "late has been unpacked but not yet configured",
        ]
    );
    assert!(audit("").is_empty());
}
