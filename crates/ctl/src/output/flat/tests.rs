use serde_json::json;

use super::csv;

#[test]
fn a_list_is_a_line_a_thing() {
    let list = json!([
        {"id": 1, "name": "a, \"b\"", "facts": {"host": "pi-1", "tags": ["x"]}},
        {"id": 2, "name": null, "more": true},
    ]);
    let lines = "facts.host,facts.tags,id,name,more\npi-1,\"[\"\"x\"\"]\",1,\"a, \"\"b\"\"\",\n,,2,,true\n";
    assert_eq!(csv(&list), lines);
}

#[test]
fn what_is_no_list_is_one_line() {
    assert_eq!(csv(&json!({"name": "me"})), "name\nme\n");
    assert_eq!(csv(&json!("dep_1")), "value\ndep_1\n");
}

#[test]
fn a_text_is_no_formula_for_a_spreadsheet_and_a_number_stays_one() {
    for formula in ["=HYPERLINK(1)", "+1", "-1", "@SUM(1)", "\t=1", "\r\n=1"] {
        let lines = csv(&json!([{"name": formula}]));
        let cell = lines.lines().nth(1).unwrap();
        assert_eq!(cell, format!("'{}", formula.trim_start()), "{formula:?}");
    }
    assert_eq!(csv(&json!({"id": -1, "rate": -0.5, "name": "a=b"})), "id,name,rate\n-1,a=b,-0.5\n");
    assert_eq!(csv(&json!({"=1+1": {"@x": "y"}})), "'=1+1.@x\ny\n", "names of fields may come from a device as well");
}

#[test]
fn nothing_in_a_cell_moves_a_terminal_or_begins_another_line() {
    let evil = json!([{"name": "\u{1b}]0;x\u{7}pi\u{9b}2J\n10.0.0.9\u{7f}", "tags": ["\u{9d}", "\u{1b}"]}]);
    let lines = csv(&evil);
    assert_eq!(lines, "name,tags\n]0;xpi2J 10.0.0.9,\"[\"\"\"\",\"\"\\u001b\"\"]\"\n");
    assert!(!lines.replace('\n', "").contains(char::is_control), "{lines:?}");
}

#[test]
fn where_nothing_is_there_is_no_line() {
    assert_eq!(csv(&json!([])), "");
}
