//! Finds or rebuilds the archive of an installed package: apt's cache, the sources, at last the files on the disk.

use std::path::{Path, PathBuf};

use belay_protocol::{Failure, Reason, Version};

use crate::host::command::Command;
use crate::host::device::{ArchiveSource, PackageRecord};
use crate::host::dpkg::expect_success;

use super::{AptDevice, cannot_write, fetch, parse};

pub(super) fn archive_of(
    device: &AptDevice,
    package: &PackageRecord,
    scratch: &Path,
) -> Result<(PathBuf, ArchiveSource), Failure> {
    let Some(version) = &package.version else {
        let message = format!("{} was never installed, so there is nothing to keep", package.package);
        return Err(Failure::new(Reason::UndoUnavailable, message));
    };
    let file_name = parse::file_name(package.package.name().as_str(), version, &package.architecture);
    let cached = device.settings.root.join("var/cache/apt/archives").join(&file_name);
    if is_archive_of(&cached, package, version) {
        return Ok((cached, ArchiveSource::Cache));
    }
    let absent = match download(device, package, version, scratch, &file_name) {
        Ok(path) => return Ok((path, ArchiveSource::Archive)),
        Err(full) if full.reason == Reason::NoSpace => return Err(full),
        Err(why) => why.message,
    };
    match rebuild(device, package, version, scratch) {
        Ok(path) => Ok((path, ArchiveSource::Rebuilt)),
        Err(why) => {
            let message = format!(
                "the archive of the installed {} {version} cannot be had, so the update could not be undone: it is not in \
                 apt's cache, the sources do not give it ({absent}), and it could not be rebuilt ({why})",
                package.package
            );
            Err(Failure::new(Reason::UndoUnavailable, message))
        }
    }
}

/// Downloads where apt's own user may write, then takes the file away from it.
fn download(
    device: &AptDevice,
    package: &PackageRecord,
    version: &Version,
    scratch: &Path,
    file_name: &str,
) -> Result<PathBuf, Failure> {
    let spec = std::iter::once((&package.package, version.as_str()));
    let folder = fetch::fresh_folder(device)?;
    fetch::download(device, &folder, spec, &|_, _| ())?;
    let path = scratch.join(file_name);
    let moved = std::fs::rename(folder.join(file_name), &path);
    if moved.is_ok() && is_archive_of(&path, package, version) {
        return Ok(path);
    }
    Err(Failure::new(Reason::SourcesUnavailable, format!("apt-get download left no {file_name}")))
}

/// Packs the package from the files on the disk. An edited conffile is packed as edited; one that somebody deleted is
/// left out, because an archive cannot name a conffile that it does not hold.
fn rebuild(device: &AptDevice, package: &PackageRecord, version: &Version, scratch: &Path) -> Result<PathBuf, String> {
    let folder = scratch.join("repack");
    let fresh = match std::fs::remove_dir_all(&folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => std::fs::create_dir_all(&folder),
    };
    fresh.map_err(|error| cannot_write(&folder, &error).message)?;
    let mut laid_out = device.dpkg.on_root(Command::new("dpkg-repack")).folder(&folder);
    if device.settings.root != Path::new("/") {
        laid_out = laid_out.arg(format!("--root={}", device.settings.root.display()));
    }
    let name = crate::host::dpkg::argument(&crate::host::device::PackageRef {
        package: package.package.clone(),
        architecture: package.architecture.clone(),
    });
    let run = laid_out.args(["--generate", "--tag=none", &name]).run();
    let finished = run.map_err(|error| format!("{error}; install the package dpkg-repack"))?;
    // dpkg-repack succeeds even where it packed nothing.
    let tree = std::fs::read_dir(&folder)
        .ok()
        .and_then(|mut entries| entries.find_map(|entry| entry.ok().map(|entry| entry.path())))
        .ok_or_else(|| format!("dpkg-repack failed: {}", finished.stderr.trim().replace('\n', "; ")))?;
    let missing = missing_files(&finished.stderr, &device.settings.root, package);
    if !missing.is_empty() {
        return Err(format!("files of it are missing on the disk: {}", missing.join(", ")));
    }
    keep_present_conffiles(&tree).map_err(|error| cannot_write(&tree, &error).message)?;
    let file = folder.join("rebuilt.deb");
    let mut build = Command::new("dpkg-deb").args(["-Zgzip", "-z1"]);
    if !nix::unistd::geteuid().is_root() {
        build = build.arg("--root-owner-group");
    }
    let run = build.arg("--build").arg(&tree).arg(&file).run();
    expect_success("dpkg-deb", run).map_err(|failure| failure.message)?;
    if is_archive_of(&file, package, version) {
        return Ok(file);
    }
    Err("what dpkg-repack packed is not that package".to_owned())
}

/// Files that dpkg-repack did not find, but for conffiles, which a person may delete.
fn missing_files(stderr: &str, root: &Path, package: &PackageRecord) -> Vec<String> {
    let named = stderr.lines().filter_map(|line| line.split_once("cannot find file '")?.1.strip_suffix('\''));
    let on_root = named.map(|path| Path::new("/").join(Path::new(path).strip_prefix(root).unwrap_or(Path::new(path))));
    let on_root = on_root.map(|path| path.display().to_string());
    let is_conffile = |path: &String| package.conffiles.iter().any(|line| line.split(' ').next() == Some(path));
    on_root.filter(|path| !is_conffile(path)).collect()
}

/// Drops conffiles that are no longer on the disk from the list; dpkg-deb refuses to pack them.
fn keep_present_conffiles(tree: &Path) -> std::io::Result<()> {
    let list = tree.join("DEBIAN/conffiles");
    let Ok(text) = std::fs::read_to_string(&list) else { return Ok(()) };
    let present = |line: &&str| std::fs::symlink_metadata(tree.join(line.trim_start_matches('/'))).is_ok();
    let kept: String = text.lines().filter(present).map(|line| format!("{line}\n")).collect();
    if kept == text {
        return Ok(());
    }
    crate::durable::write_atomic(&list, kept.as_bytes(), 0o644)
}

/// Whether the file is a whole archive of exactly this package, version and architecture.
fn is_archive_of(path: &Path, package: &PackageRecord, version: &Version) -> bool {
    if !path.is_file() {
        return false;
    }
    let format = "${Package}\\n${Version}\\n${Architecture}\\n";
    let run = Command::new("dpkg-deb").args(["--show", &format!("--showformat={format}")]).arg(path).run();
    let expected = format!("{}\n{version}\n{}\n", package.package.name(), package.architecture);
    run.is_ok_and(|finished| finished.success() && finished.stdout == expected) && is_whole(path)
}

/// Whether every file in it can be unpacked: what names the package stands at its beginning, damage further on.
fn is_whole(archive: &Path) -> bool {
    // The shell only throws the content away; a device may have one of gigabytes.
    let script = "exec dpkg-deb --fsys-tarfile \"$1\" >/dev/null";
    Command::new("/bin/sh").args(["-c", script, "sh"]).arg(archive).run().is_ok_and(|finished| finished.success())
}
