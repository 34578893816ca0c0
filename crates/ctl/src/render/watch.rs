//! A deployment while it goes on: a bar of its devices, how many stand where, who is at work.

use belay_protocol::admin::{Buckets, DeploymentStatus, DeploymentView, DeviceProgress};
use belay_terminal::quantity::duration;
use belay_terminal::{Page, Tone, one_line};

use super::deployment::device_tone;

/// The lines that change: the bar, the numbers, and the devices at work.
pub(crate) fn standing(deployment: &DeploymentView, at_work: &[DeviceProgress], page: &Page) -> Vec<String> {
    let buckets = &deployment.buckets;
    let open =
        if deployment.allowed < deployment.total { format!(", open to {}", deployment.allowed) } else { String::new() };
    let (done, total) = (buckets.completed, deployment.total);
    let mut lines =
        vec![format!("[{}] {done}/{total}{open}", bar(buckets, page)), format!("  {}", numbers(deployment, page))];
    lines.extend(at_work.iter().take(SHOWN).map(|device| format!("  {}", self::device(device, page))));
    let shown = at_work.len().min(SHOWN) as u64;
    let more = (buckets.downloading + buckets.installing + buckets.verifying).saturating_sub(shown);
    if more > 0 {
        lines.push(format!("  and {more} more at work"));
    }
    lines
}

/// How many devices stand where, each with its mark in the bar: what is none is not said.
pub(crate) fn numbers(deployment: &DeploymentView, page: &Page) -> String {
    let said =
        marks(&deployment.buckets).into_iter().filter(|(.., number)| *number > 0).map(|(mark, tone, word, number)| {
            let mark =
                if mark == ' ' { String::new() } else { format!("{} ", page.paint.tone(tone, &mark.to_string())) };
            format!("{mark}{number} {word}")
        });
    let said: Vec<String> = said.collect();
    if said.is_empty() { "no device".to_owned() } else { said.join(", ") }
}

/// One device in one line.
pub(crate) fn device(device: &DeviceProgress, page: &Page) -> String {
    let status = page.paint.tone(device_tone(&device.status), &format!("{:<12}", device.status.replace('_', " ")));
    let name = if device.hostname.is_empty() { device.device.to_string() } else { one_line(&device.hostname) };
    let end = device.ended_at.unwrap_or(page.now);
    let lasts = device.started_at.map(|start| end.as_second().saturating_sub(start.as_second()));
    let lasts = lasts.and_then(|seconds| u64::try_from(seconds).ok()).map(|seconds| format!("  {}", duration(seconds)));
    let reason = device.reason.as_ref().map(|reason| format!("  {}", one_line(reason))).unwrap_or_default();
    let message = device.message.lines().next().filter(|line| !line.is_empty());
    let message = message.map(|line| format!(": {}", one_line(line))).unwrap_or_default();
    format!("{status} {name}{}{reason}{message}", lasts.unwrap_or_default())
}

/// Where a deployment has no end of its own, that it has none.
pub(crate) fn endless(deployment: &DeploymentView) -> Option<String> {
    let channel = deployment.channel.filter(|_| deployment.status == DeploymentStatus::InProgress)?;
    Some(format!(
        "channel {channel} brings its release to devices as they come, and has no end: this goes on until you leave it \
         by Ctrl-C, or by --timeout"
    ))
}

/// Why a watch ends before its deployment does.
pub(crate) fn over(buckets: &Buckets, limit: u8) -> String {
    let Buckets { completed, failed, rolled_back, silent, .. } = buckets;
    let wrong = failed + rolled_back + silent;
    let finished = wrong + completed;
    format!(
        "{wrong} of {finished} failed, more than {limit} %: not watched any longer; the deployment goes on by its own limit"
    )
}

/// A bar in which each kind of device has its share, and is never invisible.
fn bar(buckets: &Buckets, page: &Page) -> String {
    let marks = marks(buckets);
    let numbers: Vec<u64> = marks.iter().map(|(.., number)| *number).collect();
    let cells = cells(&numbers, WIDTH);
    let parts = marks
        .iter()
        .zip(cells)
        .map(|((mark, tone, ..), cells)| page.paint.tone(*tone, &mark.to_string().repeat(cells)));
    let bar: String = parts.collect();
    if numbers.iter().sum::<u64>() == 0 { " ".repeat(WIDTH) } else { bar }
}

/// Shares a width out by numbers: whatever is not zero gets something, and the sum is the width.
fn cells(numbers: &[u64], width: usize) -> Vec<usize> {
    let total: u64 = numbers.iter().sum();
    if total == 0 {
        return vec![0; numbers.len()];
    }
    let share = |number: u64| {
        let exact = u128::from(number) * width as u128 / u128::from(total);
        usize::try_from(exact).unwrap_or(width).max(usize::from(number > 0))
    };
    let mut cells: Vec<usize> = numbers.iter().map(|number| share(*number)).collect();
    // What rounding left, or took too much, is the largest one's to give and take.
    let largest = (0..cells.len()).max_by_key(|at| (numbers[*at], std::cmp::Reverse(*at))).unwrap_or(0);
    let others: usize = cells.iter().sum::<usize>() - cells[largest];
    cells[largest] = width.saturating_sub(others);
    cells
}

/// Where devices stand, in the order of the bar: a mark, its tone, the word, how many.
fn marks(buckets: &Buckets) -> [(char, Tone, &'static str, u64); 12] {
    let Buckets {
        waiting,
        offline,
        deferred,
        offered,
        downloading,
        installing,
        verifying,
        completed,
        failed,
        rolled_back,
        silent,
        skipped,
    } = *buckets;
    [
        ('=', Tone::Good, "completed", completed),
        ('x', Tone::Bad, "failed", failed),
        ('<', Tone::Careful, "rolled back", rolled_back),
        ('?', Tone::Bad, "silent", silent),
        ('-', Tone::Quiet, "skipped", skipped),
        ('v', Tone::Strong, "verifying", verifying),
        ('>', Tone::Strong, "installing", installing),
        ('.', Tone::Strong, "downloading", downloading),
        ('o', Tone::Plain, "offered", offered),
        (' ', Tone::Plain, "deferred", deferred),
        (' ', Tone::Plain, "offline", offline),
        (' ', Tone::Plain, "waiting", waiting),
    ]
}

/// The letters of the bar.
const WIDTH: usize = 40;

/// How many devices at work are shown.
const SHOWN: usize = 8;

#[cfg(test)]
pub(crate) mod tests;
