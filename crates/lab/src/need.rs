//! What the machine must have for a lab, and where the lab keeps what it makes.

use std::path::{Path, PathBuf};

/// Says in one sentence what the machine lacks for roots and containers; nothing where nothing is lacking.
pub fn missing() -> Option<String> {
    if !nix::unistd::geteuid().is_root() {
        return Some("needs root: roots and containers are made of mounts".to_owned());
    }
    let programs = [
        ("systemd-nspawn", "systemd-container"),
        ("mmdebstrap", "mmdebstrap"),
        ("nsenter", "util-linux"),
        ("dpkg-deb", "dpkg"),
        ("gpg", "gnupg"),
        ("ip", "iproute2"),
    ];
    let absent = programs.iter().find(|(program, _)| !is_installed(program))?;
    Some(format!("needs {}: apt-get install {}", absent.0, absent.1))
}

/// The folder that cargo builds into: `CARGO_TARGET_DIR`, else `target` in the workspace.
pub fn target_folder() -> PathBuf {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let folder = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| PathBuf::from("target"), PathBuf::from);
    let folder = workspace.join(folder);
    folder.canonicalize().unwrap_or(folder)
}

/// The folder for what the lab keeps between runs.
pub fn lab_folder() -> PathBuf {
    target_folder().join("lab")
}

fn is_installed(program: &str) -> bool {
    ["/usr/sbin", "/usr/bin", "/sbin", "/bin"].iter().any(|folder| Path::new(folder).join(program).is_file())
}
