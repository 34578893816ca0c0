use super::*;
use crate::program;

#[test]
fn every_setting_of_the_shipped_file_stands_on_its_page() {
    for program in program::all() {
        let Some(file) = program.settings else { continue };
        let page = page(&file);
        let settings = file.text.lines().filter(|line| line.starts_with('#') && !line.starts_with("# "));
        let keys: Vec<&str> = settings.filter_map(|line| line[1..].split_once(" = ").map(|(key, _)| key)).collect();
        assert!(keys.len() > 10, "{keys:?}");
        for key in keys {
            assert!(page.contains(&format!("\\fB{key}\\fR")), "{key} is missing in\n{page}");
        }
    }
}

#[test]
fn comments_belong_to_what_stands_below_them() {
    let text = "# About\n# all.\n\n# Why.\n#a = 1\n[t]\n# List.\n#b = [\n#    \"x\", \"y\",\n#    \"z\",\n#]\n\n# Once more.\n#[[u]]\n";
    let setting = |key: &str, value: &str, words: &str| Part::Setting {
        key: key.to_owned(),
        value: value.to_owned(),
        words: words.to_owned(),
    };
    let table = |name: &str, words: &str| Part::Table { name: name.to_owned(), words: words.to_owned() };
    let expected = [
        Part::Words("About all.".to_owned()),
        setting("a", "1", "Why."),
        table("[t]", ""),
        setting("b", "[\"x\", \"y\", \"z\"]", "List."),
        table("[[u]]", "Once more."),
    ];
    assert_eq!(parts(text), expected);
}
