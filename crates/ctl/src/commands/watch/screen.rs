//! What a person sees of a deployment meanwhile; on standard error, so that the answer can be piped.

use std::collections::BTreeSet;
use std::time::Duration;

use belay_protocol::DeviceId;
use belay_protocol::admin::DeploymentView;
use belay_terminal::{Page, printable};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::time::Instant;

use super::{Look, finished, wrong};
use crate::clock;
use crate::output::Output;
use crate::render::watch;

/// How often the numbers are told where there is no terminal.
const PACE: Duration = Duration::from_secs(10);

/// What a person sees meanwhile.
#[derive(Debug)]
pub(super) struct Screen {
    output: Output,
    /// Colours for standard error.
    page: Page,
    /// The lines that change, from top to bottom; none without a terminal.
    lines: Option<Lines>,
    /// The newest decision that was told.
    told: String,
    /// The devices that were told to have gone wrong, at which attempt.
    told_wrong: BTreeSet<(DeviceId, u32)>,
    /// How many had gone wrong at the last look.
    wrong: u64,
    /// How many had finished when the numbers were told last, and when that was; a short watch needs none.
    numbers: (u64, Instant),
}

impl Screen {
    pub(super) fn new(output: &Output) -> Self {
        let lines = output.is_watched().then(Lines::new);
        Self {
            output: output.clone(),
            page: output.page_of_news(),
            lines,
            told: String::new(),
            told_wrong: BTreeSet::new(),
            wrong: 0,
            numbers: (0, Instant::now()),
        }
    }

    /// How many had gone wrong at the last look.
    pub(super) fn wrong(&self) -> u64 {
        self.wrong
    }

    pub(super) fn show(&mut self, look: &Look) {
        self.page.now = clock::now();
        // Newest first on the wire, oldest first for a reader; later ones have greater names.
        for decision in look.decisions.iter().rev().filter(|decision| decision.id > self.told) {
            self.say(&crate::render::deployment::decision(decision, &self.page));
        }
        if let Some(newest) = look.decisions.first() {
            self.told.clone_from(&newest.id);
        }
        for device in &look.wrong {
            if self.told_wrong.insert((device.device.clone(), device.attempt)) {
                self.say(&watch::device(device, &self.page));
            }
        }
        self.wrong = wrong(&look.deployment.buckets);
        match &mut self.lines {
            Some(lines) => lines.show(&watch::standing(&look.deployment, &look.at_work, &self.page)),
            None => self.pace(&look.deployment),
        }
    }

    /// Where lines cannot change, the numbers are told when they did, and not too often.
    fn pace(&mut self, deployment: &DeploymentView) {
        let finished = finished(&deployment.buckets);
        let (before, at) = self.numbers;
        if before != finished && at.elapsed() >= PACE {
            self.numbers = (finished, Instant::now());
            self.say(&watch::numbers(deployment, &self.page));
        }
    }

    /// A line that stays.
    pub(super) fn say(&self, line: &str) {
        match &self.lines {
            Some(lines) => {
                let _ = lines.all.println(printable(line));
            }
            None => self.output.tell(line),
        }
    }

    /// Takes away what changes.
    pub(super) fn end(&mut self) {
        if let Some(lines) = &mut self.lines {
            lines.show(&[]);
        }
    }
}

/// Lines at the bottom of a terminal that are written anew each time: as many as there are, each cut at its edge.
#[derive(Debug)]
struct Lines {
    all: MultiProgress,
    each: Vec<ProgressBar>,
}

impl Lines {
    fn new() -> Self {
        Self { all: MultiProgress::with_draw_target(ProgressDrawTarget::stderr()), each: Vec::new() }
    }

    fn show(&mut self, lines: &[String]) {
        while self.each.len() > lines.len() {
            // One that only went away would come back once more when it is dropped.
            if let Some(line) = self.each.pop() {
                line.finish_and_clear();
                self.all.remove(&line);
            }
        }
        while self.each.len() < lines.len() {
            let style = ProgressStyle::with_template("{wide_msg}").unwrap_or_else(|_| ProgressStyle::default_bar());
            self.each.push(self.all.add(ProgressBar::new(0).with_style(style)));
        }
        for (line, text) in self.each.iter().zip(lines) {
            line.set_message(printable(text).into_owned());
        }
    }
}
