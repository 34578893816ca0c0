//! What the tests of state and drawing are made of: a state at noon, keys, devices.

use belay_protocol::PackageList;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::app::chooser::Folder;
use super::app::{App, Command, Event};
use super::keys::{Key, Move};
use crate::lan::{End, Host, Kind, News, Outcome};

/// A state to which things happen.
pub(super) struct Stage {
    /// The state.
    pub(super) app: App,
    seconds: i64,
}

impl Stage {
    /// A person who starts it, with these devices in the site file.
    pub(super) fn with(hosts: Vec<Host>) -> Self {
        Self { app: App::new(hosts, "/lists".into(), at(0), TimeZone::UTC), seconds: 0 }
    }

    /// Three agents, of which the last wants a token, and the old program.
    pub(super) fn four() -> Self {
        let named =
            Host { name: Some("bench-1".to_owned()), version: Some("0.1.0".to_owned()), ..host(7, Kind::Agent) };
        let mut stage = Self::with(Vec::new());
        stage.press("s");
        for host in [host(30, Kind::Flask), named, host(8, Kind::Agent), host(9, Kind::Locked)] {
            stage.on(Event::Found(host));
        }
        stage.on(Event::Scanned);
        stage
    }

    /// The same, with a list chosen.
    pub(super) fn with_list() -> Self {
        let mut stage = Self::four();
        stage.press("l");
        stage.open_folder(&["packages.txt"]);
        stage.read("packages.txt", PACKAGES);
        stage.key(Key::Enter);
        stage
    }

    /// Something happens.
    pub(super) fn on(&mut self, event: Event) -> Vec<Command> {
        self.app.on(event, at(self.seconds))
    }

    /// Time passes.
    pub(super) fn later(&mut self, seconds: i64) {
        self.seconds += seconds;
        self.on(Event::Tick);
    }

    /// A key is pressed.
    pub(super) fn key(&mut self, key: Key) -> Vec<Command> {
        self.on(Event::Key(key))
    }

    /// Keys that write characters are pressed, one by one; what the last one led to.
    pub(super) fn press(&mut self, keys: &str) -> Vec<Command> {
        keys.chars().map(|character| self.key(Key::Char(character))).last().unwrap_or_default()
    }

    /// The cursor goes down.
    pub(super) fn down(&mut self) -> Vec<Command> {
        self.key(Key::Go(Move::Down))
    }

    /// The folder that the chooser asked for is there.
    pub(super) fn open_folder(&mut self, files: &[&str]) -> Vec<Command> {
        self.on(Event::Folder(Ok(Folder {
            path: "/lists".into(),
            folders: vec!["old".to_owned()],
            files: files.iter().map(|name| (*name).to_owned()).collect(),
            omitted: 2,
        })))
    }

    /// A file below it was read.
    pub(super) fn read(&mut self, name: &str, text: &str) -> Vec<Command> {
        self.on(Event::File(format!("/lists/{name}").into(), Ok(text.to_owned())))
    }

    /// A device says at what it is.
    pub(super) fn works(&mut self, last: u8, step: &str, percent: Option<u8>) {
        self.on(Event::News(host(last, Kind::Agent).address, News::Working { step: step.to_owned(), percent }));
    }

    /// A device says how it ended.
    pub(super) fn ends(&mut self, last: u8, outcome: Outcome, message: &str) {
        let end = End { outcome, message: message.to_owned(), reason: None, seconds: 12 };
        self.on(Event::News(host(last, Kind::Agent).address, News::Ended(end)));
    }
}

/// A device at 192.0.2.`last`.
pub(super) fn host(last: u8, kind: Kind) -> Host {
    Host::new(([192, 0, 2, last], 5000).into(), kind)
}

/// The list of [`PACKAGES`].
pub(super) fn packages() -> PackageList {
    PACKAGES.parse().expect("it is a list")
}

/// A list of three packages.
pub(super) const PACKAGES: &str = "demo-app\n# the tools\ndemo-lib=1.2\n\njq\n";

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + seconds).expect("it is an instant")
}
