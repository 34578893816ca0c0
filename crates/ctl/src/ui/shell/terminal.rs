//! The terminal: taken over as a whole, and given back as it was, whatever happens.

use std::io;

use ratatui::{DefaultTerminal, Frame};

/// The terminal while it is ours. Dropped, it is as before; a panic gives it back first, so that its words can be read.
#[derive(Debug)]
pub(super) struct Screen(DefaultTerminal);

impl Screen {
    /// Takes the terminal over.
    pub(super) fn open() -> io::Result<Self> {
        ratatui::try_init().map(Self)
    }

    /// Its columns and lines.
    pub(super) fn size(&self) -> (u16, u16) {
        self.0.size().map_or((80, 24), |size| (size.width, size.height))
    }

    /// Draws what has changed.
    pub(super) fn draw(&mut self, draw: impl FnOnce(&mut Frame<'_>)) -> io::Result<()> {
        self.0.draw(draw).map(|_| ())
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // A terminal that is gone needs nothing back.
        let _ = ratatui::try_restore();
    }
}

#[cfg(test)]
mod tests;
