//! Which key does what, written once: the help line, the help page and the deeds all come from these tables.

/// A key of the keyboard, as far as this interface knows keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Key {
    /// One that writes a character.
    Char(char),
    /// Enter.
    Enter,
    /// Escape.
    Escape,
    /// Backspace.
    Backspace,
    /// Tab.
    Tab,
    /// An arrow, or another key that moves.
    Go(Move),
    /// Arrow to the left.
    Left,
    /// Arrow to the right.
    Right,
    /// Control and C.
    Interrupt,
}

/// A step in a list or a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Move {
    /// One line up.
    Up,
    /// One line down.
    Down,
    /// A screen up.
    PageUp,
    /// A screen down.
    PageDown,
    /// To the first line.
    First,
    /// To the last line.
    Last,
}

impl Move {
    /// Where it leads from `at` in a list of `count` lines.
    pub(crate) fn apply(self, at: usize, count: usize) -> usize {
        let last = count.saturating_sub(1);
        match self {
            Self::Up => at.saturating_sub(1),
            Self::Down => (at + 1).min(last),
            Self::PageUp => at.saturating_sub(PAGE),
            Self::PageDown => (at + PAGE).min(last),
            Self::First => 0,
            Self::Last => last,
        }
    }
}

/// What can be done where the devices are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// Look for devices.
    Scan,
    /// Choose a package list.
    Choose,
    /// Update the selected devices.
    Update,
    /// Take the selected devices back.
    RollBack,
    /// Select the device under the cursor, or no longer.
    Toggle,
    /// Select every device that is shown.
    SelectAll,
    /// Select no device.
    SelectNone,
    /// Show some devices only.
    Filter,
    /// Show everything about the device under the cursor.
    Details,
    /// Show all news.
    News,
    /// Show what the keys do.
    Help,
    /// Leave.
    Quit,
    /// Give up what was begun last: the filter, then the selection.
    Back,
    /// Move the cursor.
    Go(Move),
}

/// A key and what it does.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Binding {
    /// What it does.
    pub(crate) action: Action,
    keys: &'static [Key],
    /// The key as it is shown.
    pub(crate) key: &'static str,
    /// What it does, in a word, for the help line; only the help page names it where there is none.
    pub(crate) word: Option<&'static str>,
    /// What it does, in a sentence.
    pub(crate) sentence: &'static str,
}

/// What a key does where the devices are shown.
pub(crate) fn action_of(key: Key) -> Option<Action> {
    if let Key::Go(step) = key {
        return Some(Action::Go(step));
    }
    BINDINGS.iter().find(|binding| binding.keys.contains(&key)).map(|binding| binding.action)
}

/// The keys where the devices are shown, in the order of the help page.
pub(crate) const BINDINGS: &[Binding] = &[
    shown(Action::Scan, &[Key::Char('s')], "s", "scan", "look for devices on the network"),
    shown(Action::Choose, &[Key::Char('l')], "l", "list", "choose the file that names the packages to install"),
    shown(Action::Update, &[Key::Char('u')], "u", "update", "install the list on the selected devices; asks first"),
    shown(
        Action::RollBack,
        &[Key::Char('r')],
        "r",
        "roll back",
        "take the selected devices back by one update; asks first",
    ),
    shown(Action::Toggle, &[Key::Char(' ')], "Space", "select", "select the device under the cursor, or no longer"),
    shown(Action::SelectAll, &[Key::Char('a')], "a", "all", "select all devices that are shown"),
    hidden(Action::SelectNone, &[Key::Char('n')], "n", "select none"),
    hidden(Action::Filter, &[Key::Char('/')], "/", "show only the devices of which address, name or kind holds a text"),
    hidden(Action::Details, &[Key::Enter], "Enter", "show everything about the device, errors in full"),
    hidden(Action::News, &[Key::Tab], "Tab", "show all news"),
    hidden(Action::Back, &[Key::Escape], "Esc", "drop the filter, else the selection; closes what lies above"),
    shown(Action::Help, &[Key::Char('?'), Key::Char('h')], "?", "help", "this page"),
    shown(Action::Quit, &[Key::Char('q'), Key::Interrupt], "q", "quit", "leave; devices at work go on"),
];

const fn shown(
    action: Action,
    keys: &'static [Key],
    key: &'static str,
    word: &'static str,
    sentence: &'static str,
) -> Binding {
    Binding { action, keys, key, word: Some(word), sentence }
}

const fn hidden(action: Action, keys: &'static [Key], key: &'static str, sentence: &'static str) -> Binding {
    Binding { action, keys, key, word: None, sentence }
}

/// How far a page key goes.
const PAGE: usize = 10;
