//! The file chooser: a folder to the left, what the file under the cursor holds to the right.

use belay_protocol::PackageList;
use belay_terminal::Tone;
use belay_terminal::quantity::counted;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Margin, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, List, ListState, Paragraph, Wrap};

use super::Look;
use crate::ui::app::chooser::{Chooser, Entry, Fault, Preview, name_of};

/// Draws it.
pub(super) fn draw(chooser: &Chooser, look: Look, area: Rect, frame: &mut Frame<'_>) {
    let [left, right] = Layout::horizontal([Constraint::Percentage(45), Constraint::Fill(1)]).areas(area);
    entries(chooser, look, left, frame);
    preview(chooser, look, right, frame);
}

/// The line below: what was typed, or what is wrong, or what to do.
pub(super) fn advice(chooser: &Chooser, look: Look) -> Line<'static> {
    let (tone, text) = match &chooser.problem {
        Some(problem) => (Tone::Bad, format!(" {problem}")),
        None if !chooser.typed.is_empty() => {
            let what = if chooser.is_path() { "path" } else { "find" };
            (Tone::Strong, format!(" {what}: {}▏", chooser.typed))
        }
        None => (Tone::Strong, " → choose the file that names the packages, one in each line".to_owned()),
    };
    Line::styled(text, look.tone(tone))
}

fn entries(chooser: &Chooser, look: Look, area: Rect, frame: &mut Frame<'_>) {
    let shown = chooser.shown();
    let items = shown.iter().map(|entry| match entry {
        Entry::Parent => Line::styled("../", look.tone(Tone::Strong)),
        Entry::Folder(name) => Line::styled(format!("{name}/"), look.tone(Tone::Strong)),
        Entry::File(name) => Line::raw(name.clone()),
    });
    let mut block = Block::bordered().border_style(look.frame()).title(format!(" {} ", chooser.folder.display()));
    if chooser.omitted > 0 {
        block = block.title_bottom(format!(" {} not shown ", counted(chooser.omitted as u64, "other file")));
    }
    let list = List::new(items).highlight_style(look.cursor()).highlight_symbol("> ").block(block);
    let mut state = ListState::default().with_selected(Some(chooser.cursor));
    frame.render_stateful_widget(list, area, &mut state);
}

fn preview(chooser: &Chooser, look: Look, area: Rect, frame: &mut Frame<'_>) {
    let block = Block::bordered();
    let inner = block.inner(area).inner(Margin::new(1, 0));
    let Some(preview) = &chooser.preview else { return frame.render_widget(block, area) };
    frame.render_widget(block.title(format!(" {} ", name_of(&preview.path))), area);
    let room = if preview.verdict.is_ok() { 2 } else { 5 };
    let [above, below] = Layout::vertical([Constraint::Length(room), Constraint::Min(0)]).areas(inner);
    let verdict = verdict(&preview.verdict, look);
    frame.render_widget(Paragraph::new(verdict).wrap(Wrap { trim: true }), above);
    frame.render_widget(Paragraph::new(lines(preview, look, usize::from(below.height))), below);
}

fn verdict(verdict: &Result<PackageList, Fault>, look: Look) -> Line<'static> {
    match verdict {
        Ok(list) => {
            let text = format!("✔ {}", counted(list.specs().len() as u64, "package"));
            Line::styled(text, look.tone(Tone::Good))
        }
        Err(fault) => Line::styled(format!("✘ {fault}"), look.tone(Tone::Bad)),
    }
}

/// The lines of the file that fit, the one at fault among them.
fn lines(preview: &Preview, look: Look, height: usize) -> Vec<Line<'_>> {
    let fault = preview.verdict.as_ref().err().and_then(|fault| fault.line);
    let first = fault.map_or(0, |line| line.saturating_sub(height / 2 + 1));
    let numbered = preview.lines.iter().zip(1..).skip(first).take(height);
    let shown = numbered.map(|(text, number)| {
        let (sign, tone) = if fault == Some(number) { ("✘", Tone::Bad) } else { (" ", Tone::Plain) };
        Line::from(vec![
            Span::styled(format!("{sign}{number:>4} "), look.tone(if tone == Tone::Bad { tone } else { Tone::Quiet })),
            Span::styled(text.as_str(), look.tone(tone)),
        ])
    });
    shown.collect()
}
