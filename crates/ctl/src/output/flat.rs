//! Answers as lines of comma-separated values, from their JSON. Pure.

use serde_json::Value;

/// A line for each thing of a list, or one line for what is no list, under a line with the names of all fields. Fields
/// within a field get its name before theirs: `profile.facts.hostname`; lists within are JSON.
pub(super) fn csv(answer: &Value) -> String {
    let things: &[Value] = match answer {
        Value::Array(things) => things,
        one => std::slice::from_ref(one),
    };
    let rows: Vec<Vec<(String, String)>> = things.iter().map(fields).collect();
    let mut names: Vec<&str> = Vec::new();
    for (name, _) in rows.iter().flatten() {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    let mut writer = csv::Writer::from_writer(Vec::new());
    let written = writer.write_record(&names).and_then(|()| {
        rows.iter().try_for_each(|row| {
            let cell = |name: &&str| row.iter().find(|(of, _)| of == name).map_or("", |(_, text)| text.as_str());
            writer.write_record(names.iter().map(cell))
        })
    });
    let bytes = written.ok().and_then(|()| writer.into_inner().ok()).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

fn fields(thing: &Value) -> Vec<(String, String)> {
    let mut found = Vec::new();
    collect("", thing, &mut found);
    found
}

fn collect(name: &str, value: &Value, found: &mut Vec<(String, String)>) {
    let text = match value {
        Value::Object(inner) => {
            for (key, value) in inner {
                collect(&if name.is_empty() { key.clone() } else { format!("{name}.{key}") }, value, found);
            }
            return;
        }
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(_) | Value::Bool(_) | Value::Number(_) => value.to_string(),
    };
    found.push((if name.is_empty() { "value" } else { name }.to_owned(), text));
}

#[cfg(test)]
mod tests;
