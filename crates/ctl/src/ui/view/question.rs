//! A question, in a box above the devices.

use belay_terminal::Tone;
use ratatui::Frame;
use ratatui::layout::{Constraint, Flex, Layout, Margin, Rect};
use ratatui::text::Line;
use ratatui::widgets::{Block, Clear, Paragraph};

use super::Look;
use crate::ui::app::App;
use crate::ui::app::page::wrap;
use crate::ui::app::question::Question;

/// Draws it in the middle.
pub(super) fn draw(question: &Question, app: &App, look: Look, area: Rect, frame: &mut Frame<'_>) {
    let width = area.width.saturating_sub(8).min(76);
    let mut lines: Vec<Line<'static>> = Vec::new();
    for (tone, text) in question.paragraphs(app) {
        lines.extend(wrap(&text, usize::from(width) - 4).into_iter().map(|line| Line::styled(line, look.tone(tone))));
        lines.push(Line::default());
    }
    lines.push(Line::styled("y  yes      n  no", look.tone(Tone::Strong)));
    let height = u16::try_from(lines.len() + 2).unwrap_or(u16::MAX);
    let [row] = Layout::vertical([Constraint::Length(height)]).flex(Flex::Center).areas(area);
    let [place] = Layout::horizontal([Constraint::Length(width)]).flex(Flex::Center).areas(row);
    let block = Block::bordered().border_style(look.frame()).title(format!(" {} ", question.title()));
    let inner = block.inner(place).inner(Margin::new(1, 0));
    frame.render_widget(Clear, place);
    frame.render_widget(block, place);
    frame.render_widget(Paragraph::new(lines), inner);
}
