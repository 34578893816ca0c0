//! First stage: settings as they are written. Numbers and texts here may still be wrong; [`super::valid`] judges them.

use std::path::PathBuf;

use belay_settings::{Level, tables, words};
use serde::{Deserialize, Serialize};

use crate::machine::rules::defaults;

tables! {
    /// The whole file. An empty path or text stands for none.
    File {
        state_dir: PathBuf = "/var/lib/belay".into(),
        root: Root = Root::default(),
        control: Control = Control::default(),
        host: Host = Host::default(),
        packages: Packages = Packages::default(),
        guard: Guard = Guard::default(),
        policy: Policy = Policy::default(),
        server: Server = Server::default(),
        vault: Vault = Vault::default(),
        bundle: Bundle = Bundle::default(),
        health: Health = Health::default(),
        log: Log = Log::default(),
    }
    Root {
        path: PathBuf = "/".into(),
        scripts: Scripts = Scripts::Chroot,
    }
    Control {
        socket: PathBuf = "/run/belay/agent.sock".into(),
        group: String = "belay".to_owned(),
        listen: Vec<String> = Vec::new(),
        token_file: PathBuf = PathBuf::new(),
        legacy: Vec<String> = Vec::new(),
        names: Vec<String> = Vec::new(),
        plain_tokens: bool = false,
    }
    Host {
        mode: Mode = Mode::Socket,
        socket: PathBuf = "/run/belay-host/host.sock".into(),
        daemon_user: String = "belay".to_owned(),
        idle_s: f64 = 30.0,
        reboot_command: Vec<String> = texts(&["systemctl", "reboot"]),
    }
    Packages {
        install_recommends: bool = false,
        undo: Undo = Undo::Required,
        lock_timeout_s: f64 = 60.0,
        fetch_timeout_s: f64 = 30.0,
        apt_timeout_s: f64 = 3600.0,
    }
    Guard {
        allowed_origins: Vec<String> = Vec::new(),
        allow_boot: bool = false,
        protected: Vec<String> = texts(defaults::PROTECTED),
        one_way: Vec<String> = texts(defaults::ONE_WAY),
        boot: Vec<String> = texts(defaults::BOOT),
        paths: Vec<String> = texts(defaults::PATHS),
        reserve_mb: u64 = 64,
    }
    Policy {
        lockdown: bool = false,
        windows: Vec<String> = Vec::new(),
        time_zone: String = String::new(),
        server_rollback_days: f64 = 30.0,
        server_may_approve: Vec<String> = Vec::new(),
    }
    Server {
        url: String = String::new(),
        token_file: PathBuf = PathBuf::new(),
        device_type: String = "debian".to_owned(),
        distribution: String = "stable".to_owned(),
        ca_file: PathBuf = PathBuf::new(),
        proxy: String = String::new(),
        plain_http: bool = false,
        poll_s: f64 = 60.0,
    }
    Vault {
        max_mb: u64 = 1024,
        keep: u64 = 5,
        max_age_days: f64 = 90.0,
    }
    Bundle {
        keys: PathBuf = "/etc/belay/keys".into(),
        device_key: PathBuf = "/opt/updates/device_key".into(),
        plain_http: Vec<String> = Vec::new(),
        rate_kib_s: u64 = 0,
        stall_s: f64 = 60.0,
        retries: u32 = 10,
        max_mb: u64 = 4096,
        max_entries: u64 = 100_000,
        max_ratio: u64 = 200,
        keep_mb: u64 = 1024,
        script_timeout_s: f64 = 1800.0,
        script_memory_mb: u64 = 0,
        log_kib: u64 = 1024,
    }
    Health {
        scripts: PathBuf = "/etc/belay/health".into(),
        script_timeout_s: f64 = 60.0,
        settle_s: f64 = 10.0,
        check: Vec<Check> = Vec::new(),
    }
    Log {
        level: Level = Level::Info,
    }
}

/// One `[[health.check]]`. Exactly one of `unit`, `http`, `tcp` and `command` is written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Check {
    pub(super) name: String,
    #[serde(default)]
    pub(super) unit: Option<String>,
    #[serde(default)]
    pub(super) http: Option<String>,
    #[serde(default)]
    pub(super) tcp: Option<String>,
    #[serde(default)]
    pub(super) command: Option<Vec<String>>,
    #[serde(default)]
    pub(super) status: Option<u16>,
    #[serde(default = "yes")]
    pub(super) required: bool,
    #[serde(default = "ten")]
    pub(super) grace_s: f64,
    #[serde(default = "two")]
    pub(super) interval_s: f64,
    #[serde(default = "two_times")]
    pub(super) retries: u32,
    #[serde(default = "five")]
    pub(super) timeout_s: f64,
    #[serde(default = "ten")]
    pub(super) settle_s: f64,
}

words! {
    Scripts { Chroot, Chrootless, }
    Mode { InProcess, Socket, }
    Undo { Required, BestEffort, }
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(ToString::to_string).collect()
}

fn yes() -> bool {
    true
}

fn two() -> f64 {
    2.0
}

fn two_times() -> u32 {
    2
}

fn five() -> f64 {
    5.0
}

fn ten() -> f64 {
    10.0
}
