//! Showing how far each device is: a bar each where a person looks on, a line per change elsewhere.

use belay_terminal::printable;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::sync::mpsc::Receiver;

use crate::commands::ending::told_to_end;
use crate::lan::{ASKING, End, Host, News, Outcome};
use crate::output::Output;
use crate::render::lan::{address, outcome};

/// Follows news to their end, or until the person has enough, and returns how it ended for each device.
pub(super) async fn follow(output: &Output, hosts: &[Host], mut news: Receiver<(usize, News)>) -> Vec<End> {
    let mut show = Show::new(output, hosts);
    let mut heard: Vec<Option<News>> = vec![None; hosts.len()];
    let mut told_to_end = std::pin::pin!(told_to_end());
    let mut ended = false;
    loop {
        let (place, news) = tokio::select! {
            next = news.recv() => match next {
                Some(next) => next,
                None => break,
            },
            // Nobody is told any more; what was said already still counts.
            () = &mut told_to_end, if !ended => {
                ended = true;
                news.close();
                continue;
            }
        };
        show.news(place, &news);
        if let Some(heard) = heard.get_mut(place) {
            *heard = Some(news);
        }
    }
    show.clear();
    heard.into_iter().map(|news| news.map_or_else(untold, end)).collect()
}

/// How it ended for a device, as far as it is known.
fn end(news: News) -> End {
    match news {
        News::Ended(end) => end,
        News::Working { step, .. } if step == ASKING => untold(),
        News::Working { step, .. } => End {
            outcome: Outcome::Silent,
            message: format!("belayctl was ended before it was done, at {step:?}; it may still be at work"),
            reason: None,
            seconds: 0,
        },
    }
}

fn untold() -> End {
    End {
        outcome: Outcome::Refused,
        message: "belayctl was ended before it was told; nothing was sent".to_owned(),
        reason: Some("ended".to_owned()),
        seconds: 0,
    }
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
