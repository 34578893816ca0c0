//! Answers as lines of comma-separated values, from their JSON. Pure.

use serde_json::Value;

/// A line for each thing of a list, or one line for what is no list, under a line with the names of all fields. Fields
/// within a field get its name before theirs: `profile.facts.hostname`; lists within are JSON. Texts come from devices and
/// people, so none of them is a formula where a spreadsheet opens it, or moves a terminal.
pub(super) fn csv(answer: &Value) -> String {
    let things = answer.as_array().map_or(std::slice::from_ref(answer), Vec::as_slice);
    let rows: Vec<Vec<(String, String)>> = things.iter().map(fields).collect();
    let mut names: Vec<&str> = Vec::new();
    for (name, _) in rows.iter().flatten() {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    if names.is_empty() {
        return String::new();
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
    let cell = match value {
        Value::Object(inner) => {
            for (key, value) in inner {
                collect(&if name.is_empty() { key.clone() } else { format!("{name}.{key}") }, value, found);
            }
            return;
        }
        Value::Null => String::new(),
        Value::String(text) => plain(text),
        Value::Array(_) => plain(&value.to_string()),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
    };
    // What a field is called may come from a device as well.
    found.push((if name.is_empty() { "value".to_owned() } else { plain(name) }, cell));
}

/// The text in one line without orders to a terminal. What a spreadsheet would take for a formula begins with the
/// apostrophe by which it knows a text.
fn plain(text: &str) -> String {
    let blank = |letter: char| if matches!(letter, '\n' | '\r' | '\t') { ' ' } else { letter };
    let clean: String = text.chars().map(blank).filter(|letter| !letter.is_control()).collect();
    let clean = clean.trim();
    if clean.starts_with(['=', '+', '-', '@']) { format!("'{clean}") } else { clean.to_owned() }
}

#[cfg(test)]
mod tests;
