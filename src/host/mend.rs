//! Maintenance steps of the recovery ladder: small repairs below apt, each safe to repeat.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use belay_protocol::{Failure, Reason};

use crate::durable;

use super::command::Command;
use super::device::{Archive, PackageRef};
use super::dpkg::{self, Dpkg, expect_success};
use super::hook;

/// Replaces an installed maintainer script by one that does nothing.
pub(crate) fn neutralise(dpkg: &Dpkg, package: &PackageRef, script: &str) -> Result<(), Failure> {
    if !["preinst", "postinst", "prerm", "postrm"].contains(&script) {
        return Err(Failure::new(Reason::UndoFailed, format!("{script:?} is no maintainer script")));
    }
    let path = script_path(dpkg, package, script).ok_or_else(|| {
        let message = format!("{} has no {script} on the disk, so it cannot be neutralised", package.package);
        Failure::new(Reason::UndoFailed, message)
    })?;
    let mode = std::fs::metadata(&path).map_or(0o755, |metadata| metadata.permissions().mode() & 0o777);
    durable::write_atomic(&path, DO_NOTHING, mode | 0o111)
        .map_err(|error| Failure::new(Reason::UndoFailed, format!("cannot neutralise {}: {error}", path.display())))
}

/// Unpacks an archive's files over the root without dpkg, conffiles included.
pub(crate) fn unpack(root: &Path, archive: &Archive) -> Result<(), Failure> {
    hook::check_archives(std::slice::from_ref(archive))?;
    let run = Command::new("/bin/bash").args(["-o", "pipefail", "-c", UNPACK, "unpack"]).arg(&archive.path).arg(root);
    expect_success(&format!("unpacking {} over {}", archive.package, root.display()), run.run()).map(drop)
}

/// Sets dpkg's selections; `locked` says that this process holds the frontend lock.
pub(crate) fn select(dpkg: &Dpkg, selections: &[(PackageRef, String)], locked: bool) -> Result<(), Failure> {
    let lines: String =
        selections.iter().map(|(package, want)| format!("{} {want}\n", dpkg::argument(package))).collect();
    let mut command = dpkg.command().arg("--set-selections").input(lines);
    if locked {
        command = command.env("DPKG_FRONTEND_LOCKED", "true");
    }
    expect_success("dpkg --set-selections", command.run()).map(drop)
}

/// The script's file: `demo.prerm`, or `demo:armhf.prerm` where several architectures may be installed.
fn script_path(dpkg: &Dpkg, package: &PackageRef, script: &str) -> Option<PathBuf> {
    let info = dpkg.database().join("info");
    let name = package.package.name();
    let candidates = [format!("{name}:{}.{script}", package.architecture), format!("{name}.{script}")];
    candidates.into_iter().map(|file| info.join(file)).find(|path| path.is_file())
}

/// Folders that are there stay as they are, also where they are links, as /bin is.
const UNPACK: &str = "dpkg-deb --fsys-tarfile \"$1\" | tar -x -p --keep-directory-symlink --no-overwrite-dir --warning=no-timestamp -C \"$2\"";

const DO_NOTHING: &[u8] =
    b"#!/bin/sh\n# Replaced by belay-agent: the package's own script stood in the way of undo.\nexit 0\n";
