//! Bundles: where they may come from, what they may take, which paths they must leave alone.

use belay_settings::Problem;

use super::super::file;
use super::super::settings::BundleSettings;
use super::{absolute, megabytes, some_seconds};

pub(super) fn bundle(bundle: file::Bundle) -> Result<BundleSettings, Problem> {
    if let Some(host) = bundle.plain_http.iter().find(|host| !is_host(host)) {
        let message = format!("{host:?} is no host; write it without scheme, port and path, like \"cdn.example\"");
        return Err(Problem::new(&["bundle", "plain_http"], message));
    }
    let kib = |key, value: u64| {
        value.checked_mul(1024).ok_or_else(|| Problem::new(&["bundle", key], format!("{value} KiB is too much")))
    };
    let some = |key: &'static str, value: u64| match value {
        0 => Err(Problem::new(&["bundle", key], "it must be at least 1")),
        value => Ok(value),
    };
    Ok(BundleSettings {
        keys: absolute(&["bundle", "keys"], bundle.keys)?,
        device_key: absolute(&["bundle", "device_key"], bundle.device_key)?,
        plain_http: bundle.plain_http,
        rate: Some(kib("rate_kib_s", bundle.rate_kib_s)?).filter(|rate| *rate > 0),
        stall: some_seconds(&["bundle", "stall_s"], bundle.stall_s)?,
        retries: bundle.retries,
        max_bytes: megabytes(&["bundle", "max_mb"], some("max_mb", bundle.max_mb)?)?,
        max_entries: some("max_entries", bundle.max_entries)?,
        max_ratio: some("max_ratio", bundle.max_ratio)?,
        keep_bytes: megabytes(&["bundle", "keep_mb"], bundle.keep_mb)?,
        script_timeout: some_seconds(&["bundle", "script_timeout_s"], bundle.script_timeout_s)?,
        script_memory: Some(megabytes(&["bundle", "script_memory_mb"], bundle.script_memory_mb)?)
            .filter(|bytes| *bytes > 0),
        log_bytes: kib("log_kib", some("log_kib", bundle.log_kib)?)?,
    })
}

pub(super) fn reboot_command(host: &file::Host) -> Result<Vec<String>, Problem> {
    if host.reboot_command.first().is_some_and(|program| !program.is_empty()) {
        return Ok(host.reboot_command.clone());
    }
    let message = "it is empty; write program and arguments, like [\"systemctl\", \"reboot\"]";
    Err(Problem::new(&["host", "reboot_command"], message))
}

/// Patterns of paths below the root, written from / on.
pub(super) fn paths(paths: Vec<String>) -> Result<Vec<String>, Problem> {
    match paths.iter().find(|path| !path.starts_with('/') || path.split('/').any(|part| part == "..")) {
        None => Ok(paths),
        Some(wrong) => {
            let message = format!("{wrong:?} is no absolute path; write it from / on, with * for any text");
            Err(Problem::new(&["guard", "paths"], message))
        }
    }
}

fn is_host(host: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte);
    !host.is_empty() && !host.contains("://") && host.bytes().all(fits)
}
