use super::*;
use crate::commands::{Became, WatchedFile};
use crate::output::flat::csv;

#[test]
fn an_answer_about_several_things_is_a_line_for_each() {
    let file = |name: &str| WatchedFile {
        file: name.to_owned(),
        became: Became::Published,
        release: None,
        message: "it is there".to_owned(),
    };
    let watched = Watched { files: vec![file("a.tar.gz"), file("b.tar.gz")] };
    let lines = "became,file,message,release\npublished,a.tar.gz,it is there,\npublished,b.tar.gz,it is there,\n";
    assert_eq!(csv(&watched.things()), lines);
    assert_eq!(csv(&Watched::default().things()), "");
    let carried = Carried { devices: Vec::new(), done: 0 };
    assert_eq!(carried.things(), serde_json::json!([]));
}

#[test]
fn an_answer_about_one_thing_is_one_line() {
    assert_eq!(csv(&SignatureGood { valid: true }.things()), "valid\ntrue\n");
    assert_eq!(
        csv(&vec![SignatureGood { valid: true }, SignatureGood { valid: false }].things()),
        "valid\ntrue\nfalse\n"
    );
}
