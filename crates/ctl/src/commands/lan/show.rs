//! Showing how far each device is: a bar each where a person looks on, a line per change elsewhere.

use belay_terminal::printable;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::sync::mpsc::Receiver;

use crate::lan::{End, Host, News};
use crate::output::Output;
use crate::render::lan::{address, outcome};

use super::unheard;

/// Follows news to their end, and returns how it ended for each device.
pub(super) async fn follow(output: &Output, hosts: &[Host], mut news: Receiver<(usize, News)>) -> Vec<End> {
    let mut show = Show::new(output, hosts);
    let mut ends: Vec<Option<End>> = vec![None; hosts.len()];
    while let Some((place, news)) = news.recv().await {
        show.news(place, &news);
        if let (News::Ended(end), Some(kept)) = (news, ends.get_mut(place)) {
            *kept = Some(end);
        }
    }
    show.clear();
    ends.into_iter().map(|end| end.unwrap_or_else(unheard)).collect()
}

/// How it is shown.
enum Show<'a> {
    Bars { all: MultiProgress, bars: Vec<ProgressBar> },
    Lines { output: &'a Output, names: Vec<String>, last: Vec<String> },
}

impl<'a> Show<'a> {
    fn new(output: &'a Output, hosts: &[Host]) -> Self {
        let names: Vec<String> = hosts.iter().map(label).collect();
        if !output.is_watched() {
            return Self::Lines { output, last: vec![String::new(); names.len()], names };
        }
        let width = names.iter().map(|name| name.chars().count()).max().unwrap_or(0);
        let all = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
        let template = format!("{{prefix:{width}}} [{{bar:24}}] {{pos:>3}} % {{wide_msg}}");
        let style = ProgressStyle::with_template(&template).unwrap_or_else(|_| ProgressStyle::default_bar());
        let bars = names.into_iter().map(|name| {
            let bar = all.add(ProgressBar::new(100).with_style(style.clone().progress_chars("=> ")));
            bar.set_prefix(name);
            bar.set_message("waits");
            bar
        });
        Self::Bars { bars: bars.collect(), all }
    }

    fn news(&mut self, place: usize, news: &News) {
        let line = match news {
            News::Working { step, .. } => step.clone(),
            News::Ended(end) => format!("{}: {}", outcome(end.outcome).1, end.message.replace('\n', " ")),
        };
        // It is the device's own text.
        let line = printable(&line).into_owned();
        match self {
            Self::Bars { bars, .. } => {
                let Some(bar) = bars.get(place) else { return };
                match news {
                    News::Working { percent, .. } => {
                        bar.set_message(line);
                        bar.set_position(percent.unwrap_or(0).into());
                    }
                    News::Ended(_) => {
                        bar.set_message(line);
                        bar.set_position(100);
                        bar.abandon();
                    }
                }
            }
            Self::Lines { output, names, last } => {
                if let (Some(name), Some(last)) = (names.get(place), last.get_mut(place))
                    && *last != line
                {
                    output.tell(&format!("{name}: {line}"));
                    *last = line;
                }
            }
        }
    }

    fn clear(&self) {
        match self {
            // The table that follows says it all.
            Self::Bars { all, .. } => {
                let _ = all.clear();
            }
            Self::Lines { .. } => {}
        }
    }
}

fn label(host: &Host) -> String {
    match &host.name {
        Some(name) => format!("{} {name}", address(host.address)),
        None => address(host.address),
    }
}
