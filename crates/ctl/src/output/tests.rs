use serde_json::{Value, json};

use super::harmless;

#[test]
fn json_moves_no_terminal_and_says_the_same() {
    let said = json!({"name": "pi\u{9b}2J\u{7f}\u{1b}]0;x\u{7} \u{e9}"});
    let text = serde_json::to_string(&said).unwrap();
    let shown = harmless(&text);
    assert!(!shown.contains(char::is_control), "{shown:?}");
    assert_eq!(serde_json::from_str::<Value>(&shown).unwrap(), said);
    assert_eq!(harmless("{\n  \"a\": 1\n}"), "{\n  \"a\": 1\n}");
}
