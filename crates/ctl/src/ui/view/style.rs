//! How text looks, by what it means.

use belay_terminal::Tone;
use ratatui::style::{Color, Modifier, Style};

/// Whether there are colours. Without them, what stands out is bold or reversed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Look {
    /// Whether there are colours.
    pub(crate) colour: bool,
}

impl Look {
    /// The style of a tone.
    pub(crate) fn tone(self, tone: Tone) -> Style {
        let (colour, modifier) = match tone {
            Tone::Plain => return Style::new(),
            Tone::Strong => return Style::new().add_modifier(Modifier::BOLD),
            Tone::Quiet => return Style::new().add_modifier(Modifier::DIM),
            Tone::Good => (Color::Green, Modifier::empty()),
            Tone::Careful => (Color::Yellow, Modifier::empty()),
            Tone::Bad => (Color::Red, Modifier::BOLD),
        };
        let style = Style::new().add_modifier(modifier);
        if self.colour { style.fg(colour) } else { style }
    }

    /// The line under the cursor.
    pub(crate) fn cursor(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }

    /// The frame of what has the keys.
    pub(crate) fn frame(self) -> Style {
        if self.colour { Style::new().fg(Color::Cyan) } else { Style::new() }
    }
}
