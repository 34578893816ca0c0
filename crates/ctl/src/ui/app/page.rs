//! The pages of text that lie above the devices: help, a device, the news, a summary.

use std::net::SocketAddr;

use belay_terminal::Tone;
use belay_terminal::quantity::duration;
use jiff::Timestamp;

use super::device::{Device, Known, Standing, seconds};
use super::news::Line;
use super::{App, Screen, Topic};
use crate::lan::{Kind, Outcome};
use crate::render::lan::address;
use crate::ui::keys::BINDINGS;

/// A line of a page: how it looks, and its text.
pub(crate) type Row = (Tone, String);

impl App {
    /// What a page is called.
    pub(crate) fn title(&self, topic: Topic) -> String {
        match topic {
            Topic::Help => "Help".to_owned(),
            Topic::Device(whom) => address(whom),
            Topic::News => "News".to_owned(),
            Topic::Summary => "Summary".to_owned(),
        }
    }

    /// What a page says, in lines that fit it.
    pub(crate) fn page(&self, topic: Topic) -> Vec<Row> {
        let rows = match topic {
            Topic::Help => help(),
            Topic::Device(whom) => self.about(whom),
            Topic::News => self.log.lines().iter().map(|line| (line.tone, self.news(line))).collect(),
            Topic::Summary => self.summary(),
        };
        let width = usize::from(self.page_size().0);
        rows.iter().flat_map(|(tone, text)| wrap(text, width).into_iter().map(|line| (*tone, line))).collect()
    }

    /// The columns and lines of a page's text: the window without title, hint and keys, and without a frame and a margin.
    pub(crate) fn page_size(&self) -> (u16, u16) {
        (self.window.0.saturating_sub(4), self.window.1.saturating_sub(5))
    }

    /// How far down a page can be scrolled.
    pub(super) fn last_line(&self, topic: Topic) -> usize {
        self.page(topic).len().saturating_sub(usize::from(self.page_size().1))
    }

    /// The page of news, at its end.
    pub(super) fn last_news(&self) -> Screen {
        Screen::Page(Topic::News, self.last_line(Topic::News))
    }

    /// Whether the end of the news is being looked at.
    pub(super) fn is_at_the_last_news(&self) -> bool {
        matches!(self.screen, Screen::Page(Topic::News, at) if at >= self.last_line(Topic::News))
    }

    /// `22:30:04  192.0.2.7  applying`
    pub(crate) fn news(&self, line: &Line) -> String {
        let whom = line.whom.map(|whom| format!("{}  ", address(whom))).unwrap_or_default();
        format!("{}  {whom}{}", self.clock(line.at), line.text)
    }

    /// An instant of today.
    pub(crate) fn clock(&self, at: Timestamp) -> String {
        at.to_zoned(self.zone.clone()).strftime("%H:%M:%S").to_string()
    }

    fn about(&self, whom: SocketAddr) -> Vec<Row> {
        let Some(device) = self.devices.all().iter().find(|device| device.host.address == whom) else {
            return Vec::new();
        };
        let mut rows = vec![plain(format!("address   {whom}"))];
        rows.extend(device.host.name.iter().map(|name| plain(format!("name      {name}"))));
        rows.push(plain(format!("what      {}", nature(device))));
        rows.extend(device.host.last.iter().map(|last| plain(format!("last      {last}"))));
        let generation = device.host.generation.map(|generation| plain(format!("state     generation {generation}")));
        rows.extend(generation);
        rows.push(plain(String::new()));
        rows.extend(self.progress(device));
        let mut news = self.log.of(whom).peekable();
        if news.peek().is_some() {
            rows.extend([plain(String::new()), (Tone::Strong, "What happened".to_owned())]);
            rows.extend(news.map(|line| (line.tone, format!("{}  {}", self.clock(line.at), line.text))));
        }
        rows
    }

    fn progress(&self, device: &Device) -> Vec<Row> {
        let (tone, state) = device.state(self.now);
        let mut rows = vec![(tone, state)];
        if let Standing::Ended { end, .. } = &device.standing {
            rows.push(plain(end.message.clone()));
            rows.extend(end.reason.iter().map(|reason| plain(format!("reason: {reason}"))));
            rows.extend(advice(device, end.outcome).map(|text| plain(text.to_owned())));
        }
        if let (Some(deed), Some(since)) = (device.at_work(), device.since()) {
            rows.push(plain(format!("{}, told {} ago", deed.name(), duration(seconds(since, self.now)))));
        }
        rows
    }

    /// Everything that is not proven to be as asked comes first, with its sentence.
    fn summary(&self) -> Vec<Row> {
        let mut rows: Vec<Row> = self.tally().into_iter().collect();
        rows.push(plain(String::new()));
        let mut done = Vec::new();
        for device in self.told() {
            let Standing::Ended { end } = &device.standing else { continue };
            let (tone, word) = device.ended(end);
            if tone == Tone::Good {
                done.push(device.address());
            } else {
                rows.push((tone, format!("{}  {word}", device.address())));
                rows.push(plain(format!("    {}", end.message)));
            }
        }
        if !done.is_empty() {
            rows.push((Tone::Good, format!("done: {}", done.join(", "))));
        }
        rows
    }
}

fn nature(device: &Device) -> String {
    let seen = match device.known {
        Known::Saved => "; not looked for yet",
        Known::Answered => "",
        Known::Missing => "; did not answer the last scan",
    };
    let what = match device.host.kind {
        Kind::Agent => device.what(),
        Kind::Locked => "agent that wants a token: keep it by `lan scan --save`, and name its token there".to_owned(),
        Kind::Flask => "old Flask program: it cannot undo, and shows no progress".to_owned(),
    };
    format!("{what}{seen}")
}

/// What to do about an end, where that is not plain.
fn advice(device: &Device, outcome: Outcome) -> Option<&'static str> {
    match (outcome, device.host.kind) {
        (Outcome::Done | Outcome::Undone, _) => None,
        (Outcome::Refused, Kind::Locked) => {
            Some("name its token in the site file, or start with --token-file for all that are there")
        }
        (Outcome::Refused, Kind::Agent | Kind::Flask) => None,
        (Outcome::NeedsAttention, Kind::Flask) => Some("look at the device: nobody knows what it has installed"),
        (Outcome::NeedsAttention, Kind::Agent | Kind::Locked) => {
            Some("on the device: belay-agent status, belay-agent verify")
        }
        (Outcome::Unreachable, _) => Some("nothing was changed; is it switched on, and on this network?"),
        (Outcome::Silent, _) => Some("it may still be at work; scan again, then look at it"),
    }
}

fn help() -> Vec<Row> {
    let steps = [
        "1  s       look for the devices of this network",
        "2  l       choose the file that names the packages, one in each line",
        "3  Space   select devices",
        "4  u or r  update them or take them back; you are asked first",
    ];
    let mut rows: Vec<Row> = steps.iter().map(|step| plain((*step).to_owned())).collect();
    rows.push(plain("An agent undoes an update that fails; the old Flask program cannot.".to_owned()));
    rows.push(plain(String::new()));
    rows.extend(BINDINGS.iter().map(|binding| plain(format!("{:<6} {}", binding.key, binding.sentence))));
    rows
}

fn plain(text: String) -> Row {
    (Tone::Plain, text)
}

/// The text in lines of at most `width` characters, broken between words where that can be. What follows a break is
/// indented as the beginning.
pub(crate) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for line in text.split('\n') {
        let indent: String = line.chars().take_while(|c| *c == ' ').take(width / 2).collect();
        let mut rest = line.trim_end().to_owned();
        while let Some((end, next)) = rest.char_indices().nth(width.max(1)) {
            let (head, tail) = match rest[..end + next.len_utf8()].rfind(' ').filter(|at| *at > indent.len()) {
                Some(space) => (&rest[..space], &rest[space..]),
                None => rest.split_at(end),
            };
            lines.push(head.trim_end().to_owned());
            rest = format!("{indent}{}", tail.trim_start());
        }
        lines.push(rest);
    }
    lines
}

#[cfg(test)]
mod tests;
