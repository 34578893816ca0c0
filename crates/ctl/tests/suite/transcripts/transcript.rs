//! One transcript: commands, what they said, how they ended.

use serde_json::Value;

use crate::support::*;

/// What an operator did, written down while it is done.
#[derive(Debug)]
pub(super) struct Transcript {
    operator: Operator,
    text: String,
}

impl Transcript {
    /// Begins to write down what this operator does.
    pub(super) fn of(operator: Operator) -> Self {
        Self { operator, text: String::new() }
    }

    /// Who does it.
    pub(super) fn operator(&self) -> &Operator {
        &self.operator
    }

    /// Somebody else goes on, in another folder.
    pub(super) fn as_somebody_else(&mut self, operator: Operator) -> &mut Self {
        self.operator = operator;
        self
    }

    /// A remark for the reader.
    pub(super) fn remark(&mut self, words: &str) -> &mut Self {
        self.text.push_str(&format!("# {words}\n"));
        self
    }

    /// Runs `belayctl WORDS`, which are split at blanks; quotes hold a word together.
    #[track_caller]
    pub(super) fn run(&mut self, words: &str) -> Ran {
        let ran = self.operator.run(&split(words).iter().map(String::as_str).collect::<Vec<_>>());
        self.write_down(words, &ran);
        ran
    }

    /// Runs it with `--json` and returns the answer.
    #[track_caller]
    pub(super) fn json(&mut self, words: &str) -> Value {
        let words = format!("{words} --json");
        let ran = self.run(&words);
        let answer = ran.json();
        assert_eq!(ran.stderr, "", "a program reads the answer alone: {ran}");
        answer
    }

    /// The same, of an answer too long to be read: what lies deeper than its first level is left out.
    #[track_caller]
    pub(super) fn json_outline(&mut self, words: &str) -> Value {
        let before = self.text.len();
        let answer = self.json(words);
        let ended = self.text[before..].lines().find(|line| line.starts_with("(exit code")).map(str::to_owned);
        self.text.truncate(before);
        self.text.push_str(&format!("$ belayctl {words} --json\n{}\n", outline(&answer)));
        self.text.extend(ended.map(|ended| ended + "\n"));
        self.text.push('\n');
        answer
    }

    /// Runs it and writes down only how it ended: what is told on the way depends on how fast this machine is.
    #[track_caller]
    pub(super) fn run_quietly(&mut self, words: &str) -> Ran {
        let before = self.text.len();
        let ran = self.run(words);
        self.text.truncate(before);
        self.write_down(words, &Ran { stderr: String::new(), ..ran.clone() });
        ran
    }

    /// Takes words out again that are not always said.
    pub(super) fn leave_out(&mut self, words: &str) {
        self.text = self.text.replace(words, "");
    }

    /// Compares it with what was written down before.
    #[track_caller]
    pub(super) fn compare(&self, name: &str) {
        let home = self.operator.home().to_str().expect("a home folder's path is text");
        let text = redacted(&self.text.replace(&format!("{home}/work/"), "").replace(home, "~"));
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/suite/transcripts"));
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.bind(|| insta::assert_snapshot!(name, text));
    }

    fn write_down(&mut self, words: &str, ran: &Ran) {
        let both = format!("{}{}", ran.stdout, ran.stderr);
        assert!(!both.contains('\x1b'), "there is no terminal, so nothing may be coloured or moved: {both:?}");
        let errors = ran.stderr.lines().map(|line| format!("! {line}\n"));
        let ended = match ran.code {
            Some(0) => String::new(),
            Some(code) => format!("(exit code {code})\n"),
            None => "(ended by a signal)\n".to_owned(),
        };
        self.text.push_str(&format!("$ belayctl {words}\n{}", ran.stdout));
        self.text.extend(errors);
        self.text.push_str(&ended);
        self.text.push('\n');
    }
}

/// The first level of a document.
fn outline(answer: &Value) -> String {
    let inner = |value: &Value| match value {
        Value::Object(_) => "{…}".to_owned(),
        Value::Array(_) => "[…]".to_owned(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.to_string(),
    };
    let lines = |lines: Vec<String>| lines.join(",\n");
    match answer {
        Value::Object(object) => {
            format!(
                "{{\n{}\n}}",
                lines(object.iter().map(|(key, value)| format!("  {key:?}: {}", inner(value))).collect())
            )
        }
        Value::Array(items) => {
            format!("[\n{}\n]", lines(items.iter().map(|item| format!("  {}", inner(item))).collect()))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => answer.to_string(),
    }
}

/// Words as a shell splits them; only quotes are known.
pub(super) fn split(words: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for c in words.chars() {
        match (quote, c) {
            (Some(end), c) if c == end => quote = None,
            (None, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, ' ') => found.extend(word.take()),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    found.extend(word);
    found
}
