//! Collects what commands answer, and the types that the answers are made of.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use utoipa::ToSchema;
use utoipa::openapi::{RefOr, Schema};

/// Commands and types, by name.
#[derive(Debug, Default)]
pub(super) struct Book {
    answers: BTreeMap<String, Vec<Value>>,
    types: BTreeMap<String, Value>,
}

impl Book {
    /// This command answers one such thing. Said again of the same command, it answers the one or the other.
    pub(super) fn one<T: ToSchema>(&mut self, command: &str) -> &mut Self {
        let answer = self.reference::<T>();
        self.answers.entry(command.replace(' ', "-")).or_default().push(answer);
        self
    }

    /// This command answers a list of such things.
    pub(super) fn many<T: ToSchema>(&mut self, command: &str) -> &mut Self {
        let items = self.reference::<T>();
        let list = json!({"type": "array", "items": items});
        self.answers.entry(command.replace(' ', "-")).or_default().push(list);
        self
    }

    /// The whole document.
    pub(super) fn finish(self) -> Value {
        let any = |mut shapes: Vec<Value>| match shapes.len() {
            1 => shapes.remove(0),
            _ => json!({"anyOf": shapes}),
        };
        let commands: Vec<Value> = self.answers.keys().map(|name| json!({"$ref": format!("{PLACE}{name}")})).collect();
        let answers = self.answers.into_iter().map(|(name, shapes)| (name, any(shapes)));
        let definitions: Map<String, Value> = self.types.into_iter().chain(answers).collect();
        json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": "What belayctl answers with --json",
            "description": "$defs has an entry for each command, its words joined by -, such as release-publish; \
                            refusal is answered where a command was not carried out.",
            "anyOf": commands,
            "$defs": definitions,
        })
    }

    /// The type's name, as a reference; it is explained once.
    fn reference<T: ToSchema>(&mut self) -> Value {
        let mut types = vec![(T::name().into_owned(), T::schema())];
        T::schemas(&mut types);
        for (name, schema) in types {
            let schema = self::schema(&schema);
            // Two types of one name would hide each other.
            let known = self.types.entry(name.clone()).or_insert_with(|| schema.clone());
            debug_assert_eq!(*known, schema, "two types are called {name}");
        }
        json!({"$ref": format!("{PLACE}{}", T::name())})
    }
}

/// A type as JSON schema: in the OpenAPI document references point elsewhere.
fn schema(schema: &RefOr<Schema>) -> Value {
    let mut value = serde_json::to_value(schema).expect("a schema has only text keys and finite numbers");
    point_here(&mut value);
    value
}

fn point_here(value: &mut Value) {
    match value {
        Value::Object(object) => {
            if let Some(Value::String(reference)) = object.get_mut("$ref") {
                *reference = reference.replace("#/components/schemas/", PLACE);
            }
            object.values_mut().for_each(point_here);
        }
        Value::Array(items) => items.iter_mut().for_each(point_here),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Where everything is explained.
const PLACE: &str = "#/$defs/";
