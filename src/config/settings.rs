//! Settings: valid and typed. Everything after start-up reads these and nothing else.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use belay_protocol::{DeviceType, Distribution};
use ipnet::IpNet;

use crate::machine::rules::{CheckSpec, Rules};
use crate::remote::url::ServerUrl;

/// Everything that can be set.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Where Belay keeps its state: `daemon/`, `host/`, `rollbackFile`.
    pub state_dir: PathBuf,
    /// The root that packages are installed on.
    pub root: Root,
    /// The local API's doors.
    pub control: Control,
    /// How the daemon reaches the host.
    pub host: HostSettings,
    /// The words that start the device again.
    pub reboot_command: Vec<String>,
    /// How packages are installed.
    pub packages: Packages,
    /// What the vault keeps.
    pub vault: VaultSettings,
    /// Bundles.
    pub bundle: BundleSettings,
    /// The health gate.
    pub health: HealthSettings,
    /// What guard and policy allow.
    pub rules: Rules,
    /// The server that this device polls.
    pub server: ServerSettings,
    /// The time zone of the maintenance windows; the system's own where there is none.
    pub time_zone: Option<String>,
    /// The least severe level that is logged.
    pub log_level: tracing::Level,
}

/// The root that packages are installed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Root {
    /// `/` on a device.
    pub path: PathBuf,
    /// How maintainer scripts find that root.
    pub scripts: Scripts,
}

/// How maintainer scripts find an alternative root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scripts {
    /// They run inside it, by chroot; needs root rights and a userland in it.
    Chroot,
    /// They run outside with `DPKG_ROOT` set; never as root, where they would change the machine itself.
    Chrootless,
}

/// The local API's doors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Control {
    /// The Unix socket; always open.
    pub socket: PathBuf,
    /// The group whose members may use the socket, beside root and the daemon's own user.
    pub group: String,
    /// TCP addresses to listen on; none by default.
    pub listen: Vec<SocketAddr>,
    /// The file that holds the token for TCP, one line.
    pub token_file: Option<PathBuf>,
    /// Networks from which the old controller's format is served without a credential. Loud.
    pub legacy: Vec<IpNet>,
    /// Names by which clients may call this device in `Host`, beside its addresses and `localhost`.
    pub names: Vec<String>,
    /// Tokens are accepted over plain TCP from beyond loopback. Loud.
    pub plain_tokens: bool,
}

/// How the daemon reaches the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostSettings {
    /// In the daemon's own process.
    InProcess,
    /// As a process of its own behind this Unix socket.
    Socket {
        /// The socket.
        path: PathBuf,
        /// The user that may speak to it beside root; the host's own user where there is none.
        daemon_user: Option<String>,
        /// The host ends when nothing was asked of it for this long, where its socket is systemd's; never where it is zero.
        idle: Duration,
    },
}

/// How packages are installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packages {
    /// Whether recommended packages are installed too.
    pub install_recommends: bool,
    /// What happens where the .deb of an installed version cannot be had.
    pub undo: Undo,
    /// How long to wait for another package manager's lock.
    pub lock_timeout: Duration,
    /// How long a package source may be silent.
    pub fetch_timeout: Duration,
    /// How long one apt or dpkg run may take.
    pub apt_timeout: Duration,
}

/// What happens where the .deb of an installed version cannot be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Undo {
    /// The update is refused.
    Required,
    /// The update goes on, and says loudly what could not be undone.
    BestEffort,
}

/// What the vault keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VaultSettings {
    /// Bytes that the vault may take.
    pub max_bytes: u64,
    /// Restore points that are kept whatever their age.
    pub keep: u64,
    /// Restore points beyond `keep` go when they are older than this.
    pub max_age: Duration,
}

/// How bundles are fetched, vouched for, unpacked, run and kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BundleSettings {
    /// The folder with the public keys, `*.pub` in minisign's format; unsigned is refused where there is any.
    pub keys: PathBuf,
    /// The file with the key that the device had in an older system; sent where that system's server is polled.
    pub device_key: PathBuf,
    /// Hosts that bundles may be fetched from unencrypted, beside loopback.
    pub plain_http: Vec<String>,
    /// Bytes a second that fetching may take; any where there is none.
    pub rate: Option<u64>,
    /// How long nothing may arrive before the connection is given up and made again.
    pub stall: Duration,
    /// How often in a row a connection may bring nothing before fetching fails.
    pub retries: u32,
    /// Bytes that a bundle may unpack to.
    pub max_bytes: u64,
    /// Entries that a bundle may have.
    pub max_entries: u64,
    /// How many times its own size a bundle may unpack to.
    pub max_ratio: u64,
    /// Bytes that bundles kept for going back may take.
    pub keep_bytes: u64,
    /// How long an install script may run.
    pub script_timeout: Duration,
    /// Bytes of memory that an install script may take where systemd limits it; any where there is none.
    pub script_memory: Option<u64>,
    /// Bytes of a script's output that are kept.
    pub log_bytes: u64,
}

/// The health gate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthSettings {
    /// The folder with `required.d/` and `wanted.d/`.
    pub scripts: PathBuf,
    /// How long one script may take.
    pub script_timeout: Duration,
    /// How long the default check watches units and restart counters.
    pub settle: Duration,
    /// The configured checks.
    pub checks: Vec<CheckSpec>,
}

/// The server that this device polls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerSettings {
    /// Its address; none leaves it to `belay-agent enrol`.
    pub url: Option<ServerUrl>,
    /// The file with the enrolment token: with it and `url` the device enrols by itself.
    pub token_file: Option<PathBuf>,
    /// What kind of device this is.
    pub device_type: DeviceType,
    /// Its ring.
    pub distribution: Distribution,
    /// Certificates, in PEM, that are trusted beside the system's.
    pub ca_file: Option<PathBuf>,
    /// How the server is reached.
    pub proxy: Proxy,
    /// Keys and reports may cross the network unencrypted. Loud.
    pub plain_http: bool,
    /// Time between two polls until the server has named its own.
    pub poll: Duration,
}

/// How the server is reached.
#[derive(Clone, PartialEq, Eq)]
pub enum Proxy {
    /// As `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` say.
    Environment,
    /// Straight, whatever the environment says.
    Direct,
    /// Through this one, `http://host:port`.
    Through(String),
}

impl std::fmt::Debug for Proxy {
    /// Without the user and the password that the address may hold.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Environment => f.write_str("Environment"),
            Self::Direct => f.write_str("Direct"),
            Self::Through(url) => {
                let open = url.rsplit_once('@').map_or(url.as_str(), |(_, place)| place);
                f.debug_tuple("Through").field(&open).finish()
            }
        }
    }
}

impl Settings {
    /// The folder that only the daemon writes.
    pub fn daemon_dir(&self) -> PathBuf {
        self.state_dir.join("daemon")
    }

    /// The folder with bundles that are on their way, in the daemon's own.
    pub fn incoming_dir(&self) -> PathBuf {
        self.daemon_dir().join("incoming")
    }

    /// The folder that only the host writes.
    pub fn host_dir(&self) -> PathBuf {
        self.state_dir.join("host")
    }

    /// The rollback file.
    pub fn rollback_file(&self) -> PathBuf {
        self.state_dir.join("rollbackFile")
    }
}
