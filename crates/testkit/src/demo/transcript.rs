//! What the reader sees: numbered acts, commands as typed, answers, and a mark for every claim that was checked.

use std::fmt;
use std::io::Write;
use std::time::{Duration, Instant};

/// Columns that text is wrapped at.
const WIDTH: usize = 80;

/// Whatever took less is not worth a word.
const WORTH_TELLING: Duration = Duration::from_millis(200);

/// A claim that was false, or a step that could not be taken: one sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken(pub String);

/// Writes the transcript and counts what it claims.
pub struct Transcript {
    out: Box<dyn Write>,
    colours: bool,
    acts: u32,
    claims: u32,
    began: Instant,
}

#[derive(Clone, Copy)]
enum Ink {
    Title,
    Command,
    Good,
    Bad,
    Faint,
}

impl Transcript {
    /// Begins a transcript; `colours` only for a terminal.
    #[expect(clippy::disallowed_methods, reason = "a person wants to know how long it took")]
    pub fn new(out: Box<dyn Write>, colours: bool) -> Self {
        Self { out, colours, acts: 0, claims: 0, began: Instant::now() }
    }

    /// Writes the title, with a line below it.
    pub fn title(&mut self, title: &str, below: &str) {
        let title = self.ink(Ink::Title, title);
        self.line(&format!("\n{title}"));
        self.paragraph("", below);
    }

    /// Begins the next act.
    pub fn act(&mut self, title: &str) {
        self.acts += 1;
        let number = self.acts;
        let rule = "─".repeat(WIDTH.saturating_sub(title.chars().count() + 7));
        let heading = self.ink(Ink::Title, &format!("── {number}  {title} {rule}"));
        self.line(&format!("\n{heading}"));
    }

    /// Writes a paragraph of the story.
    pub fn say(&mut self, text: &str) {
        self.line("");
        self.paragraph("  ", text);
    }

    /// Writes a command as it is typed.
    pub fn command(&mut self, line: &str) {
        self.prompted("$", line);
    }

    /// Writes a command as somebody types it somewhere.
    pub fn command_of(&mut self, who: &str, line: &str) {
        self.prompted(&format!("{who}$"), line);
    }

    fn prompted(&mut self, prompt: &str, line: &str) {
        self.line("");
        for (at, line) in line.lines().enumerate() {
            let before = if at == 0 { prompt.to_owned() } else { " ".repeat(prompt.len()) };
            let line = self.ink(Ink::Command, line);
            self.line(&format!("  {before} {line}"));
        }
    }

    /// Writes what a command answered.
    pub fn answer(&mut self, text: &str) {
        for line in text.trim_end().lines() {
            self.paragraph("    ", line);
        }
    }

    /// Writes how long something took, where that is worth a word.
    pub fn took(&mut self, time: Duration) {
        if time >= WORTH_TELLING {
            let text = self.ink(Ink::Faint, &format!("    {:.1} s", time.as_secs_f32()));
            self.line(&text);
        }
    }

    /// Writes a claim with its mark.
    ///
    /// # Errors
    /// It does not hold: `found` says what is so instead.
    pub fn claim(&mut self, sentence: &str, found: Result<(), String>) -> Result<(), Broken> {
        match found {
            Ok(()) => {
                self.claims += 1;
                self.mark(Ink::Good, "✓", sentence);
                Ok(())
            }
            Err(found) => {
                self.mark(Ink::Bad, "✗", sentence);
                Err(Broken(format!("it is not true that {sentence}: {found}")))
            }
        }
    }

    /// Writes the last line of a story that was true.
    pub fn end(&mut self) {
        let seconds = self.began.elapsed().as_secs_f32();
        let sentence =
            format!("{} claims in {} acts, each checked on the device itself. {seconds:.1} s", self.claims, self.acts);
        let sentence = self.ink(Ink::Good, &sentence);
        self.line(&format!("\n{sentence}\n"));
    }

    /// Writes why the story broke off.
    pub fn broke_off(&mut self, broken: &Broken) {
        let sentence = self.ink(Ink::Bad, &format!("The demo failed: {}", broken.0));
        self.line(&format!("\n{sentence}"));
    }

    fn mark(&mut self, ink: Ink, mark: &str, sentence: &str) {
        let mark = self.ink(ink, mark);
        for (at, line) in wrap(sentence, WIDTH - 4).iter().enumerate() {
            let before = if at == 0 { mark.as_str() } else { " " };
            self.line(&format!("  {before} {line}"));
        }
    }

    fn paragraph(&mut self, indent: &str, text: &str) {
        for line in text.split('\n').flat_map(|line| wrap(line, WIDTH - indent.len())) {
            self.line(format!("{indent}{line}").trim_end());
        }
    }

    fn line(&mut self, line: &str) {
        // A reader who closes the pipe early has seen enough.
        let _ = writeln!(self.out, "{line}").and_then(|()| self.out.flush());
    }

    fn ink(&self, ink: Ink, text: &str) -> String {
        let code = match ink {
            Ink::Title => "1;36",
            Ink::Command => "1",
            Ink::Good => "32",
            Ink::Bad => "1;31",
            Ink::Faint => "2",
        };
        if self.colours { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

impl fmt::Debug for Transcript {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transcript").field("acts", &self.acts).field("claims", &self.claims).finish_non_exhaustive()
    }
}

/// Breaks a line at spaces, and a word that is longer than a line where it must be. Spaces at its begin are kept, also
/// for what follows.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let indent: String = text.chars().take_while(|letter| *letter == ' ').collect();
    let width = width.saturating_sub(indent.len()).max(1);
    let mut lines = Vec::new();
    let mut rest: Vec<char> = text.trim_start_matches(' ').chars().collect();
    while rest.len() > width {
        let space = rest[..=width].iter().rposition(|letter| *letter == ' ').filter(|at| *at > 0);
        let tail = rest.split_off(space.unwrap_or(width));
        lines.push(rest);
        rest = tail.into_iter().skip(usize::from(space.is_some())).collect();
    }
    lines.push(rest);
    lines.into_iter().map(|line| format!("{indent}{}", line.into_iter().collect::<String>())).collect()
}

#[cfg(test)]
mod tests;
