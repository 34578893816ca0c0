//! What keys do, by what lies above the devices.

use super::chooser::{Choice, Chooser, Chosen, Then};
use super::device::Deed;
use super::question::Question;
use super::{App, Command, Screen, Topic};
use crate::ui::keys::{Action, Key, Move, action_of};

impl App {
    /// A key was pressed.
    pub(super) fn press(&mut self, key: Key) -> Vec<Command> {
        self.notice = None;
        if self.is_cramped() {
            // Nobody sees what else a key would do.
            return if let Some(Action::Quit) = action_of(key) { vec![Command::Leave] } else { Vec::new() };
        }
        match &self.screen {
            Screen::Devices => action_of(key).map_or_else(Vec::new, |action| self.act(action)),
            Screen::Filter => self.type_filter(key),
            Screen::Chooser(_) => self.choose(key),
            Screen::Question(_) => self.answer(key),
            Screen::Page(..) => self.leaf(key),
        }
    }

    fn act(&mut self, action: Action) -> Vec<Command> {
        match action {
            Action::Scan => return self.start_scan(),
            Action::Choose => return self.open_chooser(Then::Nothing),
            Action::Update => return self.want(Deed::Update),
            Action::RollBack => return self.want(Deed::Rollback),
            Action::Toggle => self.devices.toggle(),
            Action::SelectAll => self.devices.select_all(),
            Action::SelectNone => self.devices.select_none(),
            Action::Filter => self.screen = Screen::Filter,
            Action::Details => {
                if let Some(device) = self.devices.current() {
                    self.screen = Screen::Page(Topic::Device(device.host.address), 0);
                }
            }
            Action::News => self.screen = self.last_news(),
            Action::Help => self.screen = Screen::Page(Topic::Help, 0),
            Action::Back if self.devices.filter.is_empty() => self.devices.select_none(),
            Action::Back => self.devices.filter.clear(),
            Action::Go(step) => self.devices.go(step),
            Action::Quit if self.devices.at_work() > 0 => self.screen = Screen::Question(Question::Leave),
            Action::Quit => return vec![Command::Leave],
        }
        Vec::new()
    }

    fn leaf(&mut self, key: Key) -> Vec<Command> {
        let Screen::Page(topic, at) = self.screen else { return Vec::new() };
        match key {
            Key::Go(step) => self.screen = Screen::Page(topic, step.apply(at, self.last_line(topic) + 1)),
            Key::Enter | Key::Escape | Key::Tab | Key::Interrupt | Key::Char('q' | '?' | ' ') => {
                self.screen = Screen::Devices;
            }
            Key::Char(_) | Key::Backspace | Key::Left | Key::Right => {}
        }
        Vec::new()
    }

    fn open_chooser(&mut self, then: Then) -> Vec<Command> {
        self.screen = Screen::Chooser(Chooser::new(self.folder.clone(), then));
        vec![Command::Look(self.folder.clone())]
    }

    fn want(&mut self, deed: Deed) -> Vec<Command> {
        let meant = self.devices.meant();
        if meant.is_empty() {
            let why = if self.devices.all().is_empty() {
                "there is no device: press s to scan"
            } else {
                "all of these are at work already"
            };
            self.notice = Some(why.to_owned());
        } else if deed == Deed::Update && self.list.is_none() {
            return self.open_chooser(Then::Update);
        } else {
            self.screen = Screen::Question(Question::Order(deed, meant));
        }
        Vec::new()
    }

    fn type_filter(&mut self, key: Key) -> Vec<Command> {
        match key {
            Key::Char(character) => self.devices.filter.push(character),
            Key::Backspace => drop(self.devices.filter.pop()),
            Key::Enter | Key::Tab => self.screen = Screen::Devices,
            Key::Escape | Key::Interrupt => {
                self.devices.filter.clear();
                self.screen = Screen::Devices;
            }
            Key::Go(step @ (Move::Up | Move::Down | Move::PageUp | Move::PageDown | Move::First | Move::Last)) => {
                self.screen = Screen::Devices;
                self.devices.go(step);
            }
            Key::Left | Key::Right => {}
        }
        Vec::new()
    }

    fn choose(&mut self, key: Key) -> Vec<Command> {
        let Screen::Chooser(chooser) = &mut self.screen else { return Vec::new() };
        match chooser.on(key) {
            Choice::Open => {}
            Choice::Look(path) => return vec![Command::Look(path)],
            Choice::Dropped => self.screen = Screen::Devices,
            Choice::Made(chosen) => self.take(chosen),
        }
        Vec::new()
    }

    /// A list was chosen.
    pub(super) fn take(&mut self, chosen: Chosen) {
        let then = match &self.screen {
            Screen::Chooser(chooser) => chooser.then,
            Screen::Devices | Screen::Filter | Screen::Question(_) | Screen::Page(..) => Then::Nothing,
        };
        if let Some(folder) = chosen.path.parent() {
            self.folder = folder.to_owned();
        }
        self.list = Some(chosen);
        self.screen = Screen::Devices;
        let meant = self.devices.meant();
        if then == Then::Update && !meant.is_empty() {
            self.screen = Screen::Question(Question::Order(Deed::Update, meant));
        }
    }

    fn answer(&mut self, key: Key) -> Vec<Command> {
        let Screen::Question(question) = &self.screen else { return Vec::new() };
        match key {
            Key::Char('y' | 'Y') => {
                let question = question.clone();
                self.screen = Screen::Devices;
                match question {
                    Question::Order(deed, whom) => self.order(deed, &whom),
                    Question::Leave => vec![Command::Leave],
                }
            }
            // Whoever insists leaves.
            Key::Interrupt if *question == Question::Leave => vec![Command::Leave],
            Key::Char('n' | 'N' | 'q') | Key::Escape | Key::Interrupt => {
                self.screen = Screen::Devices;
                Vec::new()
            }
            // Enter was pressed a moment ago to choose something: it must not start anything by being pressed twice.
            Key::Char(_) | Key::Enter | Key::Backspace | Key::Tab | Key::Go(_) | Key::Left | Key::Right => Vec::new(),
        }
    }
}
