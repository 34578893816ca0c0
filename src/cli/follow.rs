//! Following a job to its end: a bar on a terminal, a line per step elsewhere. The agent may restart meanwhile.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use belay_protocol::job::{Job, Progress};
use belay_protocol::local::Event;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::client::{Client, ClientError};
use belay_terminal::job::step;

/// An agent that updates itself is away for a moment.
const RETRY: Duration = Duration::from_millis(500);

/// How often it is looked for again.
const RETRIES: u32 = 120;

/// Follows a job and returns it as it ended. Shows how far it has come on standard error, where `shown`.
pub(super) async fn to_the_end(client: &Client, mut job: Job, shown: bool) -> Result<Job, ClientError> {
    let mut show = Show::new(shown);
    let mut missed = 0;
    show.job(&job);
    while !job.state.is_end() {
        let before = job.state;
        match listen(client, &mut job, &mut show).await {
            Ok(()) if job.state != before => missed = 0,
            Err(error @ (ClientError::Refused { .. } | ClientError::Unreadable(_))) if !is_stopping(&error) => {
                show.end();
                return Err(error);
            }
            Ok(()) | Err(_) => missed += 1,
        }
        if missed > RETRIES {
            show.end();
            return Err(ClientError::Lost(job.id));
        }
        if !job.state.is_end() {
            tokio::time::sleep(RETRY).await;
        }
    }
    show.end();
    Ok(job)
}

/// Listens to the job's events until they end.
async fn listen(client: &Client, job: &mut Job, show: &mut Show) -> Result<(), ClientError> {
    let mut events = client.events(job.id).await?;
    while let Some(event) = events.next().await? {
        match event {
            Event::Progress(progress) => show.progress(&progress),
            Event::State(now) => {
                *job = *now;
                show.job(job);
            }
        }
    }
    Ok(())
}

fn is_stopping(error: &ClientError) -> bool {
    matches!(error, ClientError::Refused { status, .. } if status.as_u16() == 503)
}

/// How a job's life is shown.
enum Show {
    Nothing,
    Lines { last: String },
    Bar(ProgressBar),
}

impl Show {
    fn new(shown: bool) -> Self {
        if !shown {
            Self::Nothing
        } else if io::stderr().is_terminal() {
            let style = ProgressStyle::with_template("{prefix:>14} [{bar:30}] {pos:>3} % {wide_msg}");
            let bar = ProgressBar::with_draw_target(Some(100), ProgressDrawTarget::stderr());
            Self::Bar(bar.with_style(style.expect("a fixed template").progress_chars("=> ")))
        } else {
            Self::Lines { last: String::new() }
        }
    }

    fn job(&mut self, job: &Job) {
        match self {
            Self::Nothing => {}
            Self::Lines { last } => {
                let line = format!("job {}: {}", job.id, step(job.state));
                if *last != line {
                    let _ = writeln!(io::stderr().lock(), "{line}");
                    *last = line;
                }
            }
            Self::Bar(bar) => {
                bar.set_prefix(step(job.state));
                bar.set_message("");
                bar.set_position(0);
            }
        }
    }

    fn progress(&mut self, progress: &Progress) {
        if let Self::Bar(bar) = self {
            bar.set_prefix(step(progress.phase));
            bar.set_position(whole_percent(progress.percent));
            bar.set_message(progress.detail.clone());
        }
    }

    fn end(&mut self) {
        if let Self::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 0..=100 first")]
fn whole_percent(percent: f32) -> u64 {
    percent.clamp(0.0, 100.0) as u64
}

#[cfg(test)]
mod tests {
    use super::whole_percent;

    #[test]
    fn any_percent_fits_the_bar() {
        for (percent, whole) in [(0.0, 0), (99.9, 99), (150.0, 100), (-3.0, 0), (f32::NAN, 0)] {
            assert_eq!(whole_percent(percent), whole, "{percent}");
        }
    }
}
