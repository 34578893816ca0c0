//! Third stage: settings that are valid and typed, or the first problem with what to write instead.

mod bundle;
pub(crate) mod check;
mod control;
mod server;

use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::time::Duration;

use belay_protocol::Reason;
use belay_settings::{Problem, absolute};
use jiff::Timestamp;

use super::file::{self, File};
use super::settings::{HealthSettings, HostSettings, Packages, Root, Scripts, Settings, Undo, VaultSettings};
use crate::clock::Clock;
use crate::machine::rules::{GuardRules, MEGABYTE, PolicyRules, Rules, Window};

/// Judges what was written. `as_root` tells whether this process has root rights.
pub(super) fn valid(file: File, as_root: bool) -> Result<Settings, Problem> {
    Ok(Settings {
        state_dir: absolute(&["state_dir"], file.state_dir)?,
        root: root(file.root, as_root)?,
        control: control::control(file.control)?,
        reboot_command: bundle::reboot_command(&file.host)?,
        host: host(file.host)?,
        packages: packages(&file.packages)?,
        vault: vault(&file.vault)?,
        bundle: bundle::bundle(file.bundle)?,
        health: health(file.health)?,
        time_zone: time_zone(&file.policy)?,
        rules: Rules { guard: guard(file.guard)?, policy: policy(&file.policy)? },
        server: server::server(file.server)?,
        log_level: file.log.level.into(),
    })
}

fn root(root: file::Root, as_root: bool) -> Result<Root, Problem> {
    let scripts = match root.scripts {
        file::Scripts::Chroot => Scripts::Chroot,
        file::Scripts::Chrootless if as_root => {
            let message = "with root rights, \"chrootless\" would let maintainer scripts change the machine itself; \
                           run the agent as an ordinary user, or set \"chroot\"";
            return Err(Problem::new(&["root", "scripts"], message));
        }
        file::Scripts::Chrootless => Scripts::Chrootless,
    };
    Ok(Root { path: absolute(&["root", "path"], root.path)?, scripts })
}

fn host(host: file::Host) -> Result<HostSettings, Problem> {
    match host.mode {
        file::Mode::InProcess => Ok(HostSettings::InProcess),
        file::Mode::Socket => Ok(HostSettings::Socket {
            path: socket(&["host", "socket"], host.socket)?,
            daemon_user: (!host.daemon_user.is_empty()).then_some(host.daemon_user),
            idle: seconds(&["host", "idle_s"], host.idle_s)?,
        }),
    }
}

fn packages(packages: &file::Packages) -> Result<Packages, Problem> {
    let undo = match packages.undo {
        file::Undo::Required => Undo::Required,
        file::Undo::BestEffort => Undo::BestEffort,
    };
    Ok(Packages {
        install_recommends: packages.install_recommends,
        undo,
        lock_timeout: seconds(&["packages", "lock_timeout_s"], packages.lock_timeout_s)?,
        fetch_timeout: some_seconds(&["packages", "fetch_timeout_s"], packages.fetch_timeout_s)?,
        apt_timeout: some_seconds(&["packages", "apt_timeout_s"], packages.apt_timeout_s)?,
    })
}

fn guard(guard: file::Guard) -> Result<GuardRules, Problem> {
    if let Some(origin) = guard.allowed_origins.iter().find(|origin| origin.trim() != *origin || origin.is_empty()) {
        let message =
            format!("{origin:?} is no origin; write \"Label\" or \"Label:archive\" as `apt-cache policy` shows");
        return Err(Problem::new(&["guard", "allowed_origins"], message));
    }
    Ok(GuardRules {
        allowed_origins: guard.allowed_origins,
        allow_boot: guard.allow_boot,
        protected: patterns(&["guard", "protected"], guard.protected)?,
        one_way: patterns(&["guard", "one_way"], guard.one_way)?,
        boot: patterns(&["guard", "boot"], guard.boot)?,
        paths: bundle::paths(guard.paths)?,
        reserve_bytes: megabytes(&["guard", "reserve_mb"], guard.reserve_mb)?,
    })
}

fn patterns(key: &[&str], patterns: Vec<String>) -> Result<Vec<String>, Problem> {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"+-.*".contains(&byte);
    match patterns.iter().find(|pattern| pattern.is_empty() || !pattern.bytes().all(fits)) {
        None => Ok(patterns),
        Some(wrong) => {
            let message = format!("no package is called {wrong:?}; a pattern holds a-z 0-9 + - . and * for any text");
            Err(Problem::new(key, message))
        }
    }
}

fn policy(policy: &file::Policy) -> Result<PolicyRules, Problem> {
    let windows: Result<Vec<Window>, _> = policy.windows.iter().map(|text| text.parse()).collect();
    let windows = windows.map_err(|error| Problem::new(&["policy", "windows"], error.to_string()))?;
    let days = policy.server_rollback_days;
    let server_rollback_within = seconds(&["policy", "server_rollback_days"], days * DAY)?;
    Ok(PolicyRules {
        lockdown: policy.lockdown,
        windows,
        not_before: NOT_BEFORE,
        server_rollback_within,
        server_may_approve: reasons(&["policy", "server_may_approve"], &policy.server_may_approve)?,
    })
}

fn reasons(key: &[&str], codes: &[String]) -> Result<Vec<Reason>, Problem> {
    let known = || Reason::ALL.iter().copied().filter(|reason| reason.can_be_approved());
    let reason = |code: &String| {
        known().find(|reason| reason.code() == code).ok_or_else(|| {
            let codes: Vec<_> = known().map(Reason::code).collect();
            Problem::new(key, format!("{code:?} cannot be approved; these can: {}", codes.join(", ")))
        })
    };
    codes.iter().map(reason).collect()
}

fn time_zone(policy: &file::Policy) -> Result<Option<String>, Problem> {
    let zone = Some(policy.time_zone.clone()).filter(|zone| !zone.is_empty());
    Clock::new(zone.as_deref()).map_err(|error| {
        let message = format!("{:?} cannot be used: {error}; write it like \"Europe/Paris\"", policy.time_zone);
        Problem::new(&["policy", "time_zone"], message)
    })?;
    Ok(zone)
}

fn vault(vault: &file::Vault) -> Result<VaultSettings, Problem> {
    let key = &["vault", "keep"];
    if vault.keep == 0 {
        return Err(Problem::new(key, "at least 1 restore point is kept, or no update could be undone"));
    }
    Ok(VaultSettings {
        max_bytes: megabytes(&["vault", "max_mb"], vault.max_mb)?,
        keep: vault.keep,
        max_age: seconds(&["vault", "max_age_days"], vault.max_age_days * DAY)?,
    })
}

fn health(health: file::Health) -> Result<HealthSettings, Problem> {
    Ok(HealthSettings {
        scripts: absolute(&["health", "scripts"], health.scripts)?,
        script_timeout: some_seconds(&["health", "script_timeout_s"], health.script_timeout_s)?,
        settle: seconds(&["health", "settle_s"], health.settle_s)?,
        checks: check::checks(health.check)?,
    })
}

fn socket(key: &[&str], path: PathBuf) -> Result<PathBuf, Problem> {
    let length = path.as_os_str().as_bytes().len();
    if length > LONGEST_SOCKET {
        let message = format!("{path:?} has {length} bytes, and the path of a socket has at most {LONGEST_SOCKET}");
        return Err(Problem::new(key, message));
    }
    absolute(key, path)
}

fn seconds(key: &[&str], seconds: f64) -> Result<Duration, Problem> {
    let duration = Duration::try_from_secs_f64(seconds).ok().filter(|duration| *duration <= LONGEST);
    duration.ok_or_else(|| {
        Problem::new(key, format!("{seconds} is no time from 0 s to {} s (ten years)", LONGEST.as_secs()))
    })
}

fn some_seconds(key: &[&str], value: f64) -> Result<Duration, Problem> {
    let duration = seconds(key, value)?;
    if duration < SHORTEST {
        return Err(Problem::new(key, format!("{value} s is too short; at least {} s", SHORTEST.as_secs_f32())));
    }
    Ok(duration)
}

fn megabytes(key: &[&str], megabytes: u64) -> Result<u64, Problem> {
    let bytes = megabytes.checked_mul(MEGABYTE);
    bytes.ok_or_else(|| Problem::new(key, format!("{megabytes} MB is more than any disk has")))
}

/// No clock that is right shows a time before this program was written. A literal, so that builds can be repeated:
/// 2026-11-01 00:00 UTC.
const NOT_BEFORE: Timestamp = Timestamp::constant(1_793_491_200, 0);

/// Bytes of a Unix socket's path, one less than the kernel's field has.
const LONGEST_SOCKET: usize = 107;

const LONGEST: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);

const SHORTEST: Duration = Duration::from_millis(10);

const DAY: f64 = 24.0 * 60.0 * 60.0;
