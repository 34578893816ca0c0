//! Reads Rust as far as the walls need it: code without comments and texts, and the paths that it names.

/// The code without its comments, and with every text literal emptied.
pub(crate) fn code_of(source: &str) -> String {
    let mut code = String::new();
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let skipped = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if rest.starts_with("'\"'") || rest.starts_with("'\\\"'") {
            // A quote as a character opens no text.
            rest[1..].find("'").map_or(rest.len(), |end| end + 2).max(3)
        } else if first == 'r' && raw_text(rest).is_some() && !code.ends_with(is_word) {
            raw_text(rest).unwrap_or(rest.len())
        } else if first == '"' {
            text(rest)
        } else {
            code.push(first);
            first.len_utf8()
        };
        if first == '"' {
            code.push_str("\"\"");
        }
        rest = &rest[skipped.min(rest.len())..];
    }
    code
}

/// Every path that the code names, `use` trees spelt out: `use std::{fs, io::Read};` gives `std::fs`, `std::io::Read`.
pub(crate) fn paths_of(code: &str) -> Vec<String> {
    let mut paths = Vec::new();
    for statement in code.split(';') {
        if let Some(at) = find_word(statement, "use") {
            spell_out("", &statement[at + 3..], &mut paths);
        }
    }
    let inline = code.split(|c: char| !is_word(c) && c != ':').map(|path| path.trim_matches(':'));
    paths.extend(inline.filter(|path| path.contains("::")).map(str::to_owned));
    paths
}

/// Whether the code has that word.
pub(crate) fn has_word(code: &str, word: &str) -> bool {
    find_word(code, word).is_some()
}

fn find_word(code: &str, word: &str) -> Option<usize> {
    code.match_indices(word)
        .map(|(at, _)| at)
        .find(|at| !code[..*at].ends_with(is_word) && !code[at + word.len()..].starts_with(is_word))
}

fn spell_out(prefix: &str, tree: &str, paths: &mut Vec<String>) {
    let tree = tree.trim();
    let Some((stem, branches)) = tree.split_once('{') else {
        let path = tree.split(" as ").next().unwrap_or_default();
        paths.push(format!("{prefix}{}", path.split_whitespace().collect::<String>()));
        return;
    };
    let prefix = format!("{prefix}{}", stem.split_whitespace().collect::<String>());
    let branches = branches.rsplit_once('}').map_or(branches, |(inner, _)| inner);
    let (mut depth, mut start) = (0, 0);
    for (at, c) in branches.char_indices().chain([(branches.len(), ',')]) {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                if !branches[start..at].trim().is_empty() {
                    spell_out(&prefix, &branches[start..at], paths);
                }
                start = at + 1;
            }
            _ => {}
        }
    }
}

/// How long the text literal is that begins here.
fn text(rest: &str) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            '"' if !escaped => return at + 1,
            '\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    rest.len()
}

/// How long the raw text literal is that begins here, if one does.
fn raw_text(rest: &str) -> Option<usize> {
    let hashes = rest[1..].chars().take_while(|c| *c == '#').count();
    let body = rest[1 + hashes..].strip_prefix('"')?;
    let close = format!("\"{}", "#".repeat(hashes));
    Some(body.find(&close).map_or(rest.len(), |at| 1 + hashes + 1 + at + close.len()))
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

#[test]
fn comments_and_texts_are_no_code() {
    for (source, code) in [
        ("a // tokio\nb", "a \nb"),
        ("//! async\nc", "\nc"),
        ("a /* std::fs\n */ b", "a  b"),
        (r#"f("tokio // \" x") + 1"#, r#"f("") + 1"#),
        ("r#\"std::fs \" x\"# + for_r\"y\"", " + for_r\"\""),
        ("c == '\"' || tokio", "c ==  || tokio"),
        ("c == '\\\"' || tokio", "c ==  || tokio"),
        ("'a' + &'static x", "'a' + &'static x"),
    ] {
        assert_eq!(code_of(source), code, "{source}");
    }
}

#[test]
fn use_trees_are_spelt_out() {
    let paths = paths_of("use a::{b, c::{self, d as e}};\nuse f::g;\nfn h() { std::fs::read(x); y.z() }");
    for path in ["a::b", "a::c::self", "a::c::d", "f::g", "std::fs::read"] {
        assert!(paths.iter().any(|found| found == path), "{path} is not in {paths:?}");
    }
}
