//! Draws the state: title, devices, news, what to do next, keys; above them what lies above.

mod chooser;
mod devices;
mod question;
mod style;

use belay_terminal::Tone;
use belay_terminal::quantity::counted;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Margin, Rect};
use ratatui::style::Modifier;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Clear, Paragraph, Wrap};

pub(crate) use self::style::Look;
use super::app::{App, LEAST, Scan, Screen, Topic};
use super::keys::BINDINGS;

/// Draws the whole window.
pub(crate) fn draw(app: &App, look: Look, frame: &mut Frame<'_>) {
    let window = frame.area();
    if app.is_cramped() {
        return too_small(window, frame);
    }
    let [title, middle, hint, keys] =
        Layout::vertical([Constraint::Length(1), Constraint::Min(0), Constraint::Length(1), Constraint::Length(1)])
            .areas(window);
    frame.render_widget(headline(app, look), title);
    match &app.screen {
        Screen::Devices | Screen::Filter => body(app, look, middle, frame),
        Screen::Question(question) => {
            body(app, look, middle, frame);
            question::draw(question, app, look, middle, frame);
        }
        Screen::Chooser(chooser) => chooser::draw(chooser, look, middle, frame),
        Screen::Page(topic, at) => page(app, *topic, *at, look, middle, frame),
    }
    frame.render_widget(advice(app, look), hint);
    frame.render_widget(key_line(app, look), keys);
}

/// Says that the window is too small, for the devices would not be seen.
fn too_small(window: Rect, frame: &mut Frame<'_>) {
    let (width, height) = LEAST;
    let text = format!(
        "This needs a window of {width} columns and {height} lines; it has {} and {}. Make it larger, or press q to leave. \
         Devices at work go on.",
        window.width, window.height
    );
    frame.render_widget(Paragraph::new(text).wrap(Wrap { trim: true }), window);
}

fn headline(app: &App, look: Look) -> Line<'static> {
    let devices = app.devices.all().len() as u64;
    let mut parts = vec![Span::styled(" belayctl lan", look.tone(Tone::Strong))];
    parts.push(Span::raw(format!("  {}", counted(devices, "device"))));
    let list = app
        .list
        .as_ref()
        .map(|chosen| format!("  list: {}, {}", chosen.name(), counted(chosen.list.specs().len() as u64, "package")));
    parts.push(list.map_or(Span::styled("  no list chosen", look.tone(Tone::Quiet)), Span::raw));
    if let Scan::Running(_) = app.scan {
        parts.push(Span::styled("  scanning…", look.tone(Tone::Careful)));
    }
    Line::from(parts)
}

fn body(app: &App, look: Look, area: Rect, frame: &mut Frame<'_>) {
    let news = (area.height / 3).clamp(5, 12);
    let [above, below] = Layout::vertical([Constraint::Min(0), Constraint::Length(news)]).areas(area);
    devices::draw(app, look, above, frame);
    let block = Block::bordered().title(" News (Tab: all) ");
    let inner = block.inner(below).inner(Margin::new(1, 0));
    frame.render_widget(block, below);
    let lines = app.log.lines();
    let last = &lines[lines.len().saturating_sub(usize::from(inner.height))..];
    let shown: Vec<Line<'_>> = last.iter().map(|line| Line::styled(app.news(line), look.tone(line.tone))).collect();
    frame.render_widget(Paragraph::new(shown), inner);
}

fn page(app: &App, topic: Topic, at: usize, look: Look, area: Rect, frame: &mut Frame<'_>) {
    let lines = app.page(topic);
    let block = Block::bordered().border_style(look.frame()).title(format!(" {} ", app.title(topic)));
    let inner = block.inner(area).inner(Margin::new(1, 0));
    let more = lines.len().saturating_sub(at + usize::from(inner.height));
    let block = if more > 0 { block.title_bottom(format!(" {more} more lines: ↓ ")) } else { block };
    frame.render_widget(Clear, area);
    frame.render_widget(block, area);
    let shown: Vec<Line<'_>> = lines
        .iter()
        .skip(at)
        .take(usize::from(inner.height))
        .map(|(tone, text)| Line::styled(text.as_str(), look.tone(*tone)))
        .collect();
    frame.render_widget(Paragraph::new(shown), inner);
}

fn advice(app: &App, look: Look) -> Line<'static> {
    match &app.screen {
        Screen::Devices => Line::styled(format!(" → {}", app.hint()), look.tone(Tone::Strong)),
        Screen::Filter => Line::styled(format!(" show only: {}▏", app.devices.filter), look.tone(Tone::Strong)),
        Screen::Chooser(chooser) => chooser::advice(chooser, look),
        Screen::Question(_) | Screen::Page(..) => Line::default(),
    }
}

fn key_line(app: &App, look: Look) -> Line<'static> {
    let keys = match &app.screen {
        Screen::Devices => {
            let named = BINDINGS.iter().filter_map(|binding| Some((binding.key, binding.word?)));
            let spans = named.flat_map(|(key, word)| {
                [Span::raw(" "), Span::styled(key, look.cursor()), Span::raw(format!(" {word} "))]
            });
            return Line::from(spans.collect::<Vec<_>>());
        }
        Screen::Filter => "Enter: keep   Esc: show all",
        Screen::Question(_) => "y: yes   n: no",
        Screen::Chooser(_) => "Enter: take   ←: folder above   ↑ ↓: move   letters: find, / a path   Esc: back",
        Screen::Page(..) => "Enter or Esc: back   ↑ ↓: scroll",
    };
    Line::styled(format!(" {keys}"), look.tone(Tone::Plain).add_modifier(Modifier::REVERSED))
}

#[cfg(test)]
mod tests;
