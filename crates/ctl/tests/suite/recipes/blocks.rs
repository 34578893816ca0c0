//! Finds the blocks of shell in a recipe, as the pipeline would hand them to a shell.

/// A block of shell.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Block {
    /// What it stands under: `script`, `run`, or a stage's name.
    pub(super) key: String,
    pub(super) script: String,
}

/// Items of `script` and `before_script`, and every `run`, of a YAML file in which they are written plainly.
pub(super) fn of_yaml(text: &str) -> Vec<Block> {
    let lines: Vec<&str> = text.lines().collect();
    let (mut blocks, mut list) = (Vec::new(), None);
    for (number, line) in lines.iter().enumerate() {
        let indent = indent(line);
        let words = line.trim();
        if list.as_ref().is_some_and(|(_, outer)| !words.is_empty() && indent <= *outer) {
            list = None;
        }
        if let Some(key) = words.strip_suffix(':').filter(|key| key.ends_with("script")) {
            list = Some((key.to_owned(), indent));
            continue;
        }
        let item = list.as_ref().and_then(|(key, outer)| {
            let item = words.strip_prefix("- ").filter(|_| indent == outer + 2)?;
            Some((key.clone(), item))
        });
        let item = item.or_else(|| words.strip_prefix("run: ").map(|item| ("run".to_owned(), item)));
        let Some((key, item)) = item else { continue };
        let script = if item == "|" { below(&lines[number + 1..], indent) } else { item.to_owned() };
        blocks.push(Block { key, script });
    }
    blocks
}

/// Every `sh '''…'''` of a Jenkinsfile, under the stage or the condition that it stands in, as Groovy reads such a text.
pub(super) fn of_jenkins(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut pieces = text.split("'''");
    let mut key = String::new();
    while let (Some(before), Some(inside)) = (pieces.next(), pieces.next()) {
        for line in before.lines().map(str::trim) {
            let stage = line.strip_prefix("stage('").and_then(|rest| rest.split('\'').next());
            let post = line.strip_suffix(" {").filter(|word| ["always", "aborted"].contains(word));
            if let Some(found) = stage.or(post) {
                found.clone_into(&mut key);
            }
        }
        assert!(before.trim_end().ends_with("sh"), "three quotes without `sh` before them: {before}");
        blocks.push(Block { key: key.clone(), script: groovy(inside) });
    }
    blocks
}

/// The text of a literal between three quotes.
fn groovy(literal: &str) -> String {
    let mut text = String::new();
    let mut letters = literal.chars();
    while let Some(letter) = letters.next() {
        match (letter, if letter == '\\' { letters.next() } else { None }) {
            ('\\', Some('\n')) => {}
            ('\\', Some('\\')) => text.push('\\'),
            ('\\', Some('n')) => text.push('\n'),
            ('\\', other) => panic!("what does Groovy make of \\{other:?}?"),
            (letter, _) => text.push(letter),
        }
    }
    text
}

/// The lines that are indented further, without that.
fn below(lines: &[&str], outer: usize) -> String {
    let inner = lines.iter().take_while(|line| line.trim().is_empty() || indent(line) > outer);
    let inner: Vec<&str> = inner.copied().collect();
    let least = inner.iter().filter(|line| !line.trim().is_empty()).map(|line| indent(line)).min().unwrap_or_default();
    let lines: Vec<&str> = inner.iter().map(|line| line.get(least..).unwrap_or_default()).collect();
    lines.join("\n") + "\n"
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}
