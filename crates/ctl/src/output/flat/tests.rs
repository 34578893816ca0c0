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
