//! The table of devices.

use belay_terminal::Tone;
use ratatui::Frame;
use ratatui::layout::{Constraint, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Padding, Paragraph, Row, Table, TableState, Wrap};

use super::Look;
use crate::ui::app::device::{Device, Known, Standing};
use crate::ui::app::{App, Scan, Screen};

/// Draws it.
pub(super) fn draw(app: &App, look: Look, area: Rect, frame: &mut Frame<'_>) {
    let shown = app.devices.shown();
    let mut title = format!(" Devices: {} selected ", app.devices.selected());
    if !app.devices.filter.is_empty() {
        title += &format!("· {} of {} hold {:?} ", shown.len(), app.devices.all().len(), app.devices.filter);
    }
    let tally = app.tally().map(|(tone, text)| Span::styled(format!("· {text} "), look.tone(tone)));
    let title = Line::from_iter([Span::raw(title)].into_iter().chain(tally));
    let has_keys = matches!(app.screen, Screen::Devices | Screen::Filter);
    let block = Block::bordered().title(title);
    let block = if has_keys { block.border_style(look.frame()) } else { block };
    if shown.is_empty() {
        let text = Paragraph::new(nothing(app)).wrap(Wrap { trim: true }).block(block.padding(Padding::uniform(1)));
        return frame.render_widget(text, area);
    }
    let address = shown.iter().map(|device| device.address().len()).max().unwrap_or(0).max(ADDRESS);
    let widths = [
        Constraint::Length(4),
        Constraint::Length(u16::try_from(address).unwrap_or(u16::MAX)),
        Constraint::Fill(1),
        Constraint::Length(13),
        Constraint::Length(30),
    ];
    let rows = shown.iter().map(|device| row(device, app, look));
    let header = Row::new(["", "ADDRESS", "NAME", "WHAT", "STATE"]).style(look.tone(Tone::Quiet));
    let table =
        Table::new(rows, widths).header(header).row_highlight_style(look.cursor()).highlight_symbol(">").block(block);
    let mut state = TableState::new().with_selected(app.devices.row());
    frame.render_stateful_widget(table, area, &mut state);
}

fn nothing(app: &App) -> Vec<Line<'static>> {
    let text = match app.scan {
        Scan::Running(_) => "Looking for devices…".to_owned(),
        _ if !app.devices.filter.is_empty() => {
            format!("No device holds {:?}. Esc shows all again.", app.devices.filter)
        }
        Scan::Never => "No devices yet. Press s to look for them on this network.".to_owned(),
        Scan::Over => {
            "No device answered. Are they switched on, and on this network? Press s to look again.".to_owned()
        }
    };
    vec![Line::raw(text)]
}

fn row(device: &Device, app: &App, look: Look) -> Row<'static> {
    let (tone, state) = device.state(app.now);
    let mark = if device.selected { "[x]" } else { "[ ]" };
    let kind = match (&device.standing, device.known) {
        (Standing::Idle, Known::Missing) => look.tone(Tone::Quiet),
        (Standing::Idle | Standing::Told { .. } | Standing::Working { .. } | Standing::Ended { .. }, _) => {
            look.tone(Tone::Plain)
        }
    };
    let bar = device.share().map(|share| Span::styled(format!("{} ", gauge(share)), look.tone(Tone::Good)));
    let state = bar.into_iter().chain([Span::styled(state, look.tone(tone))]).collect::<Vec<_>>();
    Row::new([
        Line::raw(mark),
        Line::raw(device.address()),
        Line::raw(device.host.name.clone().unwrap_or_default()),
        Line::raw(device.what()),
        Line::from(state),
    ])
    .style(kind)
}

/// A bar of eight cells.
fn gauge(share: u8) -> String {
    let full = usize::from(share.min(100)) * CELLS / 100;
    "█".repeat(full) + &"░".repeat(CELLS - full)
}

const CELLS: usize = 8;

/// The columns of an IPv4 address.
const ADDRESS: usize = 15;
