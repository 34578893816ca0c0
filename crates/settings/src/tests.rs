use std::path::Path;

use serde::{Deserialize, Serialize};

use super::*;

tables! {
    File {
        folder: String = "/default".to_owned(),
        names: Vec<String> = vec!["default".to_owned()],
        door: Door = Door::default(),
        log: Log = Log::default(),
    }
    Door {
        path: String = String::new(),
        group: String = String::new(),
        check: Vec<Check> = Vec::new(),
    }
    Check {
        name: String = String::new(),
        port: u16 = 0,
    }
    Log {
        level: Level = Level::Info,
    }
}

const DEMO: Program = Program { file: "/etc/demo/demo.toml" };

const FOLDER: Variable = Variable { name: "DEMO_FOLDER", key: &["folder"] };

const NAMES: Variable = Variable { name: "DEMO_NAMES", key: &["names"] };

const DOOR: Variable = Variable { name: "DEMO_DOOR", key: &["door", "path"] };

const LEVEL: Variable = Variable { name: "DEMO_LEVEL", key: &["log", "level"] };

fn file(path: &str, text: &str) -> Layer {
    Layer::File { path: path.into(), text: text.to_owned() }
}

fn given(variable: Variable, text: &str) -> Vec<Given> {
    variable.text(Some(text.to_owned())).into_iter().collect()
}

fn settle(layers: &[Layer]) -> Result<File, ConfigError> {
    DEMO.settle(layers, |file: File| match Path::new(&file.folder).is_absolute() {
        true => Ok(file),
        false => Err(Problem::new(&["folder"], "it is not absolute")),
    })
}

#[track_caller]
fn refused(layers: &[Layer]) -> String {
    settle(layers).expect_err("something is wrong with it").to_string()
}

#[test]
fn nothing_written_is_the_defaults() {
    assert_eq!(settle(&[]).unwrap(), File::default());
    assert_eq!(settle(&[file("demo.toml", "")]).unwrap(), File::default());
}

#[test]
fn later_layers_win_over_earlier_ones() {
    let first = "folder = \"/a\"\nnames = [\"a\", \"b\"]\n[door]\npath = \"/a.sock\"\ngroup = \"a\"";
    let mut layers = vec![
        file("demo.toml", first),
        file("demo.toml.d/10.toml", "names = [\"c\"]\n[door]\npath = \"/b.sock\""),
        file("demo.toml.d/20.toml", "[door]\npath = \"/c.sock\""),
        Layer::Environment(given(DOOR, "/d.sock")),
        Layer::CommandLine(given(DOOR, "/e.sock")),
    ];
    for path in ["/e.sock", "/d.sock", "/c.sock", "/b.sock", "/a.sock"] {
        let merged = settle(&layers).unwrap();
        assert_eq!(merged.door.path, path);
        assert_eq!(merged.folder, "/a", "what only the file says stays");
        assert_eq!(merged.door.group, "a", "a table is not replaced as a whole");
        if layers.len() > 1 {
            assert_eq!(merged.names, ["c"], "a list is");
        }
        layers.pop();
    }
}

#[test]
fn a_drop_in_adds_named_entries_and_replaces_those_of_the_same_name() {
    let check = |name: &str, port: u16| format!("[[door.check]]\nname = \"{name}\"\nport = {port}\n");
    let first = check("web", 80) + &check("database", 5432);
    let layers = [file("demo.toml", &first), file("10.toml", &(check("mail", 25) + &check("web", 8080)))];
    let found: Vec<_> = settle(&layers).unwrap().door.check.into_iter().map(|one| (one.name, one.port)).collect();
    assert_eq!(found, [("web".to_owned(), 8080), ("database".to_owned(), 5432), ("mail".to_owned(), 25)]);

    let layers = [file("demo.toml", &first), file("10.toml", "[door]\ncheck = []")];
    assert_eq!(settle(&layers).unwrap().door.check, []);
}

#[test]
fn the_environment_sets_what_it_names_and_empty_means_unset() {
    let environment = |name: &str| match name {
        "DEMO_FOLDER" => Some(String::new()),
        "DEMO_NAMES" => Some("a, b".to_owned()),
        _ => None,
    };
    let read = [FOLDER.text(FOLDER.read(&environment)), NAMES.list(NAMES.read(&environment)), DOOR.text(None)];
    let settings = settle(&[Layer::Environment(read.into_iter().flatten().collect())]).unwrap();
    assert_eq!((settings.folder.as_str(), settings.names), ("/default", vec!["a".to_owned(), "b".to_owned()]));
}

#[test]
fn drop_ins_are_read_by_name_and_other_files_are_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("demo.toml");
    let drop_ins = folder.path().join("demo.toml.d");
    std::fs::create_dir(&drop_ins).unwrap();
    let text = |name: &str| format!("folder = \"/{name}\"\n");
    write(&path, &text("file"));
    let read = || settle(&DEMO.read(Some(&path)).unwrap()).unwrap().folder;
    assert_eq!(read(), "/file");

    for name in ["20-b.toml", "10-a.toml", "30.toml.bak", "README"] {
        write(&drop_ins.join(name), &text(name));
    }
    // It would come first, so only what is wrong in it shows whether it is read.
    write(&drop_ins.join(".20-b.toml"), "folder = 1");
    assert_eq!(read(), "/20-b.toml");
}

#[expect(clippy::disallowed_methods, reason = "a test's files need not survive a power cut")]
fn write(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
}

#[test]
fn only_a_file_that_was_named_must_be_there() {
    let error = DEMO.read(Some(Path::new("/nowhere/demo.toml"))).unwrap_err().to_string();
    assert_eq!(error, "cannot read /nowhere/demo.toml: No such file or directory (os error 2)");
    assert!(Program { file: "/nowhere/demo.toml" }.read(None).unwrap().is_empty());
}

#[test]
fn what_cannot_be_read_is_named_with_its_line() {
    let unknown = refused(&[file("demo.toml", "\n[door]\nfloor = 1\n")]);
    let expected = "demo.toml:3: unknown setting \"floor\", expected one of \"path\", \"group\", \"check\"; the shipped \
                    demo.toml explains each";
    assert_eq!(unknown, expected);
    assert!(refused(&[file("10.toml", "\nnames = 1\n")]).starts_with("10.toml:2: invalid type: integer"));
}

#[test]
fn the_layer_that_won_is_the_one_that_is_named() {
    let first = || file("demo.toml", "# ours\nfolder = \"a\"");
    assert_eq!(refused(&[first()]), "demo.toml:2: folder: it is not absolute");
    let second = || file("demo.toml.d/10.toml", "folder = \"b\"");
    assert_eq!(refused(&[first(), second()]), "demo.toml.d/10.toml:1: folder: it is not absolute");
    let environment = || Layer::Environment(given(FOLDER, "c"));
    let expected = "environment variable DEMO_FOLDER: folder: it is not absolute";
    assert_eq!(refused(&[first(), environment()]), expected);
    let command_line = Layer::CommandLine(given(FOLDER, "d"));
    assert_eq!(refused(&[first(), environment(), command_line]), "command line: folder: it is not absolute");
    let level = refused(&[Layer::Environment(given(LEVEL, "loud"))]);
    assert!(level.starts_with("environment variable DEMO_LEVEL: log.level: unknown variant \"loud\""), "{level}");
}

#[test]
fn a_value_of_the_wrong_kind_is_blamed_on_the_variable_that_won() {
    let names = || given(NAMES, "a text, where a list belongs");
    let wrong = refused(&[file("demo.toml", "names = []"), Layer::Environment(names())]);
    assert!(wrong.starts_with("environment variable DEMO_NAMES: names: invalid type: string"), "{wrong}");
    let both = [given(LEVEL, "loud"), names()].concat();
    let wrong = refused(&[Layer::Environment(both), Layer::CommandLine(given(LEVEL, "debug"))]);
    assert!(wrong.starts_with("environment variable DEMO_NAMES: names: "), "{wrong}");
    let wrong = refused(&[Layer::Environment(given(LEVEL, "debug")), Layer::CommandLine(given(LEVEL, "loud"))]);
    assert!(wrong.starts_with("command line: log.level: unknown variant \"loud\""), "{wrong}");
    let repaired = [Layer::Environment(given(LEVEL, "loud")), Layer::CommandLine(given(LEVEL, "debug"))];
    assert_eq!(settle(&repaired).unwrap().log.level, Level::Debug);
}

#[test]
fn a_problem_of_a_named_entry_is_found_where_that_entry_stands() {
    let text = "[[door.check]]\nname = \"a\"\n\n[[door.check]]\nname = \"b\"\nport = 1\n";
    let place = |key: &[&str]| {
        let layers = [file("demo.toml", text)];
        DEMO.settle(&layers, |_: File| Err::<(), _>(Problem::new(key, "no"))).unwrap_err().to_string()
    };
    assert_eq!(place(&["door", "check", "b", "port"]), "demo.toml:6: door.check.b.port: no");
    assert_eq!(place(&["door", "check", "b"]), "demo.toml:4: door.check.b: no");
    assert_eq!(place(&["door", "check", "c"]), "demo.toml:1: door.check.c: no");
    assert_eq!(place(&["folder"]), "default settings: folder: no");
}
