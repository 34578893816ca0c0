//! The whole state of the interface, and how it changes. Pure: what happened comes in as an event with its time, what is
//! to be done goes out as a command; `shell` carries both, `view` draws.

pub(crate) mod chooser;
pub(crate) mod device;
mod devices;
mod hint;
mod keyboard;
mod news;
mod order;
pub(crate) mod page;
pub(crate) mod question;

use std::net::SocketAddr;
use std::path::PathBuf;

use belay_terminal::Tone;
use belay_terminal::quantity::counted;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use self::chooser::{Choice, Chooser, Chosen, Folder};
use self::devices::Devices;
use self::news::{Line, Log};
use self::question::Question;
use super::keys::Key;
use crate::lan::{Host, News, Order};

/// What happened.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Event {
    /// A key was pressed.
    Key(Key),
    /// Time has passed.
    Tick,
    /// The window has this many columns and lines.
    Window(u16, u16),
    /// A scan found a device.
    Found(Host),
    /// A scan has something to say.
    Remark(String),
    /// A scan is over.
    Scanned,
    /// A device that was told something has news.
    News(SocketAddr, News),
    /// These devices were told something, and nothing more will be heard of them.
    Closed(Vec<SocketAddr>),
    /// A folder was looked into.
    Folder(Result<Folder, String>),
    /// A file was read.
    File(PathBuf, Result<String, String>),
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Command {
    /// Look for devices.
    Scan,
    /// Tell these devices this.
    CarryOut(Vec<Host>, Order),
    /// Look into this folder, or read this file.
    Look(PathBuf),
    /// End.
    Leave,
}

/// What lies above the devices.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Screen {
    /// Nothing.
    Devices,
    /// The line in which a filter is typed.
    Filter,
    /// The file chooser.
    Chooser(Chooser),
    /// A question.
    Question(Question),
    /// Text to read, scrolled down by some lines.
    Page(Topic, usize),
}

/// What a page of text is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Topic {
    /// What the keys do.
    Help,
    /// Everything about a device.
    Device(SocketAddr),
    /// All news.
    News,
    /// How the last orders ended.
    Summary,
}

/// Whether devices are being looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scan {
    /// Nobody looked so far.
    Never,
    /// Since this instant.
    Running(Timestamp),
    /// It is over.
    Over,
}

/// The whole state.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct App {
    /// The devices.
    pub(crate) devices: Devices,
    /// The package list that an update installs.
    pub(crate) list: Option<Chosen>,
    /// Whether devices are being looked for.
    pub(crate) scan: Scan,
    /// What happened.
    pub(crate) log: Log,
    /// What lies above the devices.
    pub(crate) screen: Screen,
    /// Who was told something since nobody was at work.
    pub(crate) batch: Vec<SocketAddr>,
    /// What the person should be told about the last key, until the next one.
    pub(crate) notice: Option<String>,
    /// The present.
    pub(crate) now: Timestamp,
    /// The time zone that the person lives in.
    pub(crate) zone: TimeZone,
    /// The columns and lines of the window.
    pub(crate) window: (u16, u16),
    /// The folder in which the next choice of a list begins.
    folder: PathBuf,
}

impl App {
    /// The state at the start: the devices of a site file, and the folder in which lists are looked for first.
    pub(crate) fn new(saved: Vec<Host>, folder: PathBuf, now: Timestamp, zone: TimeZone) -> Self {
        Self {
            devices: Devices::saved(saved),
            list: None,
            scan: Scan::Never,
            log: Log::default(),
            screen: Screen::Devices,
            batch: Vec::new(),
            notice: None,
            now,
            zone,
            window: LEAST,
            folder,
        }
    }

    /// Whether the window is too small to show anything useful.
    pub(crate) fn is_cramped(&self) -> bool {
        self.window.0 < LEAST.0 || self.window.1 < LEAST.1
    }

    /// What follows from an event.
    pub(crate) fn on(&mut self, event: Event, now: Timestamp) -> Vec<Command> {
        self.now = now;
        match event {
            Event::Key(key) => return self.press(key),
            Event::Tick => {}
            Event::Window(width, height) => self.window = (width, height),
            Event::Found(host) => self.devices.found(host),
            Event::Remark(text) => self.note(None, Tone::Quiet, text),
            Event::Scanned => self.scanned(),
            Event::News(whom, news) => self.hear(whom, news),
            Event::Closed(whom) => self.lose(&whom),
            Event::Folder(folder) => return self.looked(folder),
            Event::File(path, text) => return self.read(path, text),
        }
        Vec::new()
    }

    fn start_scan(&mut self) -> Vec<Command> {
        if let Scan::Running(_) = self.scan {
            self.notice = Some("a scan is running already".to_owned());
            return Vec::new();
        }
        self.scan = Scan::Running(self.now);
        self.devices.forget_answers();
        vec![Command::Scan]
    }

    fn scanned(&mut self) {
        self.scan = Scan::Over;
        self.devices.miss_the_others();
        let answered = self.devices.all().iter().filter(|device| device.known == device::Known::Answered).count();
        let missing = self.devices.all().len() - answered;
        let mut text = format!("scan: {} answered", counted(answered as u64, "device"));
        if missing > 0 {
            text += &format!(", {missing} did not");
        }
        self.note(None, Tone::Plain, text);
    }

    fn looked(&mut self, folder: Result<Folder, String>) -> Vec<Command> {
        let Screen::Chooser(chooser) = &mut self.screen else { return Vec::new() };
        match folder {
            Ok(folder) => match chooser.enter(folder) {
                Choice::Look(path) => vec![Command::Look(path)],
                Choice::Open | Choice::Dropped | Choice::Made(_) => Vec::new(),
            },
            Err(problem) => {
                chooser.refuse(problem);
                Vec::new()
            }
        }
    }

    fn read(&mut self, path: PathBuf, text: Result<String, String>) -> Vec<Command> {
        let Screen::Chooser(chooser) = &mut self.screen else { return Vec::new() };
        match chooser.read(path, text) {
            Choice::Made(chosen) => self.take(chosen),
            Choice::Open | Choice::Dropped | Choice::Look(_) => {}
        }
        Vec::new()
    }

    fn note(&mut self, whom: Option<SocketAddr>, tone: Tone, text: String) {
        let follows = self.is_at_the_last_news();
        self.log.note(Line { at: self.now, whom, tone, text });
        if follows {
            self.screen = self.last_news();
        }
    }
}

/// The columns and lines below which nothing useful can be shown.
pub(crate) const LEAST: (u16, u16) = (80, 24);

#[cfg(test)]
mod tests;
