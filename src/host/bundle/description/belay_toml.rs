//! `belay.toml`: what a bundle says of itself, judged before anything is done.

use std::time::Duration;

use belay_protocol::Version;
use serde::Deserialize;

use super::place::{in_archive, on_device, packages, units};
use super::{BELAY_TOML, Content, Description, Mode, source};
use crate::config::{self, Check};

/// The file as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Written {
    version: Option<String>,
    mode: Option<WrittenMode>,
    paths: Vec<String>,
    health: Vec<Check>,
    stop: Vec<String>,
    restart: Vec<String>,
    reboot: bool,
    packages: Vec<String>,
    minimum_agent: Option<String>,
    from: Vec<String>,
    setuid: Vec<String>,
    timeout_s: Option<f64>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum WrittenMode {
    Captured,
    Direct,
}

/// Reads the file's text. The error names the place and says what to write.
pub(super) fn parse(text: &str) -> Result<Description, String> {
    let written: Written = toml::from_str(text).map_err(|error| {
        let start = error.span().map_or(0, |at| at.start);
        let line = 1 + text.bytes().take(start).filter(|byte| *byte == b'\n').count();
        let message = error.message().trim().replace('\n', ", ").replace('`', "\"");
        let message = message.replace("unknown field", "unknown key").replace("missing field", "missing key");
        format!("{BELAY_TOML}:{line}: {message}")
    })?;
    let wrong = |key: &'static str| move |problem: String| format!("{BELAY_TOML}: {key}: {problem}");
    let version = written.version.map(|version| version.parse()).transpose();
    for range in &written.from {
        source::check(range).map_err(wrong("from"))?;
    }
    Ok(Description {
        version: version.map_err(|error: belay_protocol::ReleaseVersionError| wrong("version")(error.to_string()))?,
        mode: written.mode.map(|mode| match mode {
            WrittenMode::Captured => Mode::Captured,
            WrittenMode::Direct => Mode::Direct,
        }),
        paths: written.paths.iter().map(|path| on_device(path)).collect::<Result<_, _>>().map_err(wrong("paths"))?,
        checks: config::checks(written.health).map_err(wrong("health"))?,
        stop: units(written.stop).map_err(wrong("stop"))?,
        restart: units(written.restart).map_err(wrong("restart"))?,
        reboot: written.reboot,
        packages: packages(&written.packages).map_err(wrong("packages"))?,
        minimum_agent: written.minimum_agent.map(agent).transpose().map_err(wrong("minimum_agent"))?,
        from: written.from,
        setuid: written
            .setuid
            .iter()
            .map(|path| in_archive(path))
            .collect::<Result<_, _>>()
            .map_err(wrong("setuid"))?,
        timeout: written.timeout_s.map(timeout).transpose().map_err(wrong("timeout_s"))?,
        content: Content::Script,
    })
}

fn agent(version: String) -> Result<String, String> {
    let begins = version.starts_with(|first: char| first.is_ascii_digit());
    if begins && version.parse::<Version>().is_ok() {
        return Ok(version);
    }
    Err(format!("{version:?} is no version of belay-agent; write it like \"0.1.0\""))
}

fn timeout(seconds: f64) -> Result<Duration, String> {
    let duration = Duration::try_from_secs_f64(seconds).ok();
    let duration = duration.filter(|duration| (SHORTEST..=LONGEST).contains(duration));
    duration.ok_or_else(|| {
        let (shortest, longest) = (SHORTEST.as_secs(), LONGEST.as_secs());
        format!("{seconds} is no time from {shortest} s to {longest} s (a day)")
    })
}

const SHORTEST: Duration = Duration::from_secs(1);

const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);
