//! The schema of all answers, and whether an answer fits it.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::OnceLock;

use belay_testkit::command::{command, output};
use clap::CommandFactory;
use serde_json::{Value, json};

use super::Ran;

/// Asserts that an answer is as the schema says of that command, or as it says of a refusal where the command was not
/// carried out. Nothing may be in an answer that the schema does not know.
#[track_caller]
pub(super) fn assert_fits(words: &[String], answer: &Value, code: Option<i32>) {
    let command = command_in(words);
    let refused = answer.get("error").is_some() && answer.get("message").is_some();
    assert!(!(refused && code == Some(0)), "{words:?} is refused and exits with 0: {answer:#}");
    let name = if refused { "refusal".to_owned() } else { command.join("-") };
    let problems = problems(strict_schema(), &name, answer);
    assert!(problems.is_empty(), "{words:?} answers\n{answer:#}\nwhich is not as {name} in the schema:\n{problems:#?}");
}

/// The command that these words are, such as `release publish`.
pub(crate) fn command_in(words: &[String]) -> Vec<String> {
    let mut command = belayctl::Arguments::command();
    let mut found = Vec::new();
    for word in words {
        let Some(next) = command.find_subcommand(word).cloned() else { continue };
        found.push(next.get_name().to_owned());
        command = next;
    }
    found
}

/// Made once: many tests ask.
fn strict_schema() -> &'static Value {
    static SCHEMA: OnceLock<Value> = OnceLock::new();
    SCHEMA.get_or_init(|| strict(belayctl::schema()))
}

/// What is wrong with an answer.
fn problems(schema: &Value, name: &str, answer: &Value) -> Vec<String> {
    assert!(schema["$defs"].get(name).is_some(), "the schema says nothing of {name}");
    let one = json!({"$schema": schema["$schema"], "$ref": format!("#/$defs/{name}"), "$defs": schema["$defs"]});
    let validator = jsonschema::validator_for(&one).unwrap_or_else(|error| panic!("the schema is no schema: {error}"));
    validator.iter_errors(answer).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

/// The schema, with nothing allowed beside what it names.
fn strict(mut schema: Value) -> Value {
    let mut parts = BTreeSet::new();
    collect_parts(&schema, &mut parts);
    let definitions = schema["$defs"].as_object_mut().expect("the schema explains types");
    for (name, definition) in definitions {
        close(definition, parts.contains(name));
    }
    schema
}

/// Types that are parts of others: what the others have beside them is not theirs to refuse.
fn collect_parts(value: &Value, parts: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) => {
            for part in object.get("allOf").and_then(Value::as_array).into_iter().flatten() {
                let name = part["$ref"].as_str().and_then(|reference| reference.rsplit('/').next());
                parts.extend(name.map(str::to_owned));
            }
            object.values().for_each(|value| collect_parts(value, parts));
        }
        Value::Array(items) => items.iter().for_each(|value| collect_parts(value, parts)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn close(value: &mut Value, is_part: bool) {
    match value {
        Value::Object(object) => {
            if let Some(all) = object.get_mut("allOf").and_then(Value::as_array_mut) {
                all.iter_mut().for_each(|part| close(part, true));
                if !is_part {
                    object.insert("unevaluatedProperties".to_owned(), json!(false));
                }
                return;
            }
            let closes = object.contains_key("properties") && !object.contains_key("additionalProperties");
            if closes && !is_part {
                object.insert("additionalProperties".to_owned(), json!(false));
            }
            for (key, value) in object.iter_mut() {
                // What a property holds is no part, whatever holds the property; one of several shapes is as they are.
                let inherits = is_part && matches!(key.as_str(), "oneOf" | "anyOf");
                close(value, inherits);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|value| close(value, is_part)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn what_the_schema_does_not_know_is_found() {
    let schema = strict_schema();
    let refusal = json!({"error": "usage", "message": "it is wrong"});
    assert_eq!(problems(schema, "refusal", &refusal), [""; 0]);
    for wrong in
        [json!({"error": "usage"}), json!({"error": 1, "message": ""}), json!({"error": "", "message": "", "x": 1})]
    {
        assert_eq!(problems(schema, "refusal", &wrong).len(), 1, "{wrong}");
    }
}

#[test]
fn an_answer_is_held_against_the_schema_of_the_command_that_gave_it() {
    let gave = |words: &[&str], answer: Value, code: i32| {
        let ran = Ran { code: Some(code), ..Ran::of(words, output(&mut command(Path::new("/bin/true")))) };
        let ran = Ran { stdout: answer.to_string(), ..ran };
        std::panic::catch_unwind(move || ran.json()).is_ok()
    };
    let gone = json!({"deleted": 7});
    assert!(gave(&["--json", "channel", "delete", "debian/stable"], gone.clone(), 0));
    assert!(!gave(&["channel", "list", "--json"], gone.clone(), 0), "it is no list");
    assert!(!gave(&[], gone, 0), "nobody knows what it answers");
    let refusal = json!({"error": "usage", "message": "it is wrong"});
    assert!(gave(&["channel", "list", "--json"], refusal.clone(), 1));
    assert!(!gave(&["channel", "list", "--json"], refusal, 0), "it says that all went well");
}

#[test]
fn every_type_that_is_named_is_explained() {
    let schema = belayctl::schema();
    let mut named = BTreeSet::new();
    references(&schema, &mut named);
    let known: BTreeSet<&str> = schema["$defs"].as_object().unwrap().keys().map(String::as_str).collect();
    let unknown: Vec<_> = named.iter().filter(|name| !known.contains(name.as_str())).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
    assert!(jsonschema::meta::is_valid(&schema), "it is no JSON schema");
}

fn references(value: &Value, named: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) => {
            let reference = object.get("$ref").and_then(Value::as_str);
            named.extend(reference.map(|reference| reference.trim_start_matches("#/$defs/").to_owned()));
            object.values().for_each(|value| references(value, named));
        }
        Value::Array(items) => items.iter().for_each(|value| references(value, named)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
