//! Colours are there where a person looks on, and nowhere else.

use super::*;

#[test]
fn colours_are_for_terminals_and_for_those_who_want_them() {
    let fleet = Fleet::start();
    let operator = fleet.operator();
    operator.write("app.list", "demo-app=2.0\n");
    let name = ["--device-type", "debian", "--distribution", "stable", "--version", "2.0"];
    operator.succeed(&[&["release", "publish", "app.list"], &name[..]].concat());
    operator.succeed(&[&["channel", "set"], &name[..]].concat());

    let coloured = operator.run_on_a_terminal(&["channel", "list"]);
    coloured.exits(0).says(&["\x1b[", "debian/stable"]);
    let plain = operator.run(&["channel", "list"]);
    assert!(!plain.exits(0).stdout.contains('\x1b'), "{plain}");
    let operator = operator.env("NO_COLOR", "1");
    let unwanted = operator.run_on_a_terminal(&["channel", "list"]);
    assert!(!unwanted.exits(0).stdout.contains('\x1b'), "{unwanted}");
    assert_eq!(unwanted.stdout.replace("\r\n", "\n"), plain.stdout, "the words are the same");
    let json = operator.without_env("NO_COLOR").run_on_a_terminal(&["channel", "list", "--json"]);
    assert!(json.exits(0).json().is_array(), "JSON is the same everywhere");
}
