//! Orders: given, followed, ended, summed up.

use std::net::SocketAddr;

use belay_terminal::Tone;
use belay_terminal::quantity::counted;

use super::device::{Deed, Device, Standing, seconds};
use super::{App, Command, Screen, Topic};
use crate::lan::{End, Host, News, Order, Outcome};

impl App {
    /// Tells devices something. Who began to work meanwhile is left alone.
    pub(super) fn order(&mut self, deed: Deed, whom: &[SocketAddr]) -> Vec<Command> {
        let order = match (deed, &self.list) {
            (Deed::Rollback, _) => Order::Rollback,
            (Deed::Update, Some(chosen)) => Order::Update { name: chosen.name(), list: chosen.list.clone() },
            (Deed::Update, None) => return Vec::new(),
        };
        if self.devices.at_work() == 0 {
            self.batch.clear();
        }
        let now = self.now;
        let mut hosts: Vec<Host> = Vec::new();
        for address in whom {
            let Some(device) = self.devices.find(*address).filter(|device| device.at_work().is_none()) else {
                continue;
            };
            device.standing = Standing::Told { deed, since: now };
            device.selected = false;
            hosts.push(device.host.clone());
            if !self.batch.contains(address) {
                self.batch.push(*address);
            }
        }
        let what = match &order {
            Order::Update { name, .. } => format!("update by {name}"),
            Order::Rollback => "rollback".to_owned(),
        };
        self.note(None, Tone::Strong, format!("{what}: told {}", counted(hosts.len() as u64, "device")));
        vec![Command::CarryOut(hosts, order)]
    }

    /// A device has news. What it says after its end, or without having been told anything, is no news.
    pub(super) fn hear(&mut self, whom: SocketAddr, news: News) {
        let Some(device) = self.devices.find(whom) else { return };
        let (Some(deed), Some(since)) = (device.at_work(), device.since()) else { return };
        match news {
            News::Working { step, percent } => {
                let is_new = !matches!(&device.standing, Standing::Working { step: before, .. } if *before == step);
                device.standing = Standing::Working { deed, since, step: step.clone(), percent };
                if is_new {
                    self.note(Some(whom), Tone::Plain, step);
                }
            }
            News::Ended(end) => {
                let (tone, word) = device.ended(&end);
                let message = end.message.replace('\n', " ");
                // Who says it in a sentence need not say it in a word, too.
                let text = if tone == Tone::Good {
                    word
                } else if message.contains(&word) {
                    message
                } else {
                    format!("{word}: {message}")
                };
                device.standing = Standing::Ended { end };
                self.note(Some(whom), tone, text);
                self.sum_up();
            }
        }
    }

    /// Of these devices nothing more will be heard.
    pub(super) fn lose(&mut self, whom: &[SocketAddr]) {
        for address in whom {
            let Some(since) = self.devices.find(*address).and_then(|device| device.since()) else { continue };
            let message = "belayctl no longer follows it: look at the device".to_owned();
            let end = End { outcome: Outcome::Silent, message, reason: None, seconds: seconds(since, self.now) };
            self.hear(*address, News::Ended(end));
        }
    }

    /// Those that were told something since nobody was at work.
    pub(crate) fn told(&self) -> impl Iterator<Item = &Device> {
        self.devices.all().iter().filter(|device| self.batch.contains(&device.host.address))
    }

    /// `3 of 4 done, 1 at work`; nothing before the first order.
    pub(crate) fn tally(&self) -> Option<(Tone, String)> {
        let ends = |wanted: fn(Outcome) -> bool| {
            self.told()
                .filter(|device| matches!(&device.standing, Standing::Ended { end, .. } if wanted(end.outcome)))
                .count()
        };
        let (told, done) = (self.told().count(), ends(|outcome| outcome == Outcome::Done));
        let failed = ends(|outcome| outcome != Outcome::Done);
        let at_work = self.told().filter(|device| device.at_work().is_some()).count();
        let mut text = format!("{done} of {told} done");
        for (count, word) in [(failed, "failed"), (at_work, "at work")] {
            if count > 0 {
                text += &format!(", {count} {word}");
            }
        }
        let tone = match (failed, at_work) {
            (0, 0) => Tone::Good,
            (0, _) => Tone::Strong,
            _ => Tone::Bad,
        };
        (told > 0).then_some((tone, text))
    }

    /// The last one has ended: says how it went.
    fn sum_up(&mut self) {
        if self.devices.at_work() > 0 {
            return;
        }
        if let Some((tone, text)) = self.tally() {
            self.note(None, tone, text);
        }
        if self.screen == Screen::Devices {
            self.screen = Screen::Page(Topic::Summary, 0);
        }
    }
}
