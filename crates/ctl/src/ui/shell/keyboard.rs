//! Reads the keyboard, in a thread of its own: reading waits.

use std::thread;

use ratatui::crossterm::event::{self, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use tokio::sync::mpsc::Sender;

use crate::ui::app::Event;
use crate::ui::keys::{Key, Move};

/// Sends what is pressed, until nobody listens or the terminal is gone.
pub(super) fn read(told: Sender<Event>) {
    thread::spawn(move || {
        while let Ok(event) = event::read() {
            let event = match event {
                event::Event::Key(pressed) if pressed.kind != KeyEventKind::Release => key_of(pressed).map(Event::Key),
                event::Event::Resize(width, height) => Some(Event::Window(width, height)),
                event::Event::Key(_)
                | event::Event::FocusGained
                | event::Event::FocusLost
                | event::Event::Mouse(_)
                | event::Event::Paste(_) => None,
            };
            if event.is_some_and(|event| told.blocking_send(event).is_err()) {
                break;
            }
        }
    });
}

fn key_of(pressed: KeyEvent) -> Option<Key> {
    if pressed.modifiers.intersects(KeyModifiers::CONTROL | KeyModifiers::ALT) {
        return (pressed.code == KeyCode::Char('c') && pressed.modifiers == KeyModifiers::CONTROL)
            .then_some(Key::Interrupt);
    }
    let moves = [
        (KeyCode::Up, Move::Up),
        (KeyCode::Down, Move::Down),
        (KeyCode::PageUp, Move::PageUp),
        (KeyCode::PageDown, Move::PageDown),
        (KeyCode::Home, Move::First),
        (KeyCode::End, Move::Last),
    ];
    let others = [
        (KeyCode::Enter, Key::Enter),
        (KeyCode::Esc, Key::Escape),
        (KeyCode::Backspace, Key::Backspace),
        (KeyCode::Tab, Key::Tab),
        (KeyCode::Left, Key::Left),
        (KeyCode::Right, Key::Right),
    ];
    if let KeyCode::Char(character) = pressed.code {
        return Some(Key::Char(character));
    }
    let moved = moves.iter().find(|(code, _)| *code == pressed.code).map(|(_, step)| Key::Go(*step));
    moved.or_else(|| others.iter().find(|(code, _)| *code == pressed.code).map(|(_, key)| *key))
}
