//! Programs that tests need and a machine may lack, or may keep where the ordinary user cannot reach them.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use sha2::{Digest, Sha256};

use crate::command::{command, ordinary_user, output, transcript};
use crate::deb::hex;
use crate::ownership::{base_dir, create_dir, temp_dir_in, write, write_with_mode};

/// Returns the folder that holds a `dpkg-repack` program, `None` (with the reason printed) when it cannot be had.
///
/// It is taken from PATH, else downloaded once per boot from the machine's own apt sources on a private apt state;
/// nothing is installed. dpkg-repack is a Perl script and needs `perl`, `dpkg` and `dpkg-deb`.
///
/// What version 1.52 does on a sandbox, as an ordinary user and without fakeroot:
///
/// - `dpkg-repack -d-Zgzip -d-z1 --root=ROOT NAME` works and writes `./NAME_VERSION_ARCH.deb` into the current
///   directory, the version without its epoch. `-d` passes one option to `dpkg-deb`, so compression can be chosen
///   (xz otherwise); add `-d--root-owner-group`, or the files belong to the ordinary user.
/// - An edited conffile is packed as edited, still listed in `conffiles`, and also in `md5sums`.
/// - **Every failure exits with code 0 and leaves no file**: a deleted conffile, an unreadable file, a package in state
///   `rc`, an unknown name. Look for the file, never at the exit code.
/// - The description gets a line "(Repackaged on DATE by dpkg-repack.)"; `--tag=none` leaves it out, `--tag=version`
///   would change the version. `NAME:ARCH` is accepted as well.
/// - `--generate` only lays out `./dpkg-repack.NAME.XXXXXX/` with its `DEBIAN` folder, to be set right before building.
pub fn dpkg_repack() -> Option<PathBuf> {
    let installed = ["/usr/bin", "/bin"].map(PathBuf::from).into_iter().find(|dir| dir.join("dpkg-repack").is_file());
    if installed.is_some() {
        return installed;
    }
    let cache = cache_dir().join(format!("dpkg-repack-{}", boot_id()));
    let program_dir = cache.join("usr/bin");
    if program_dir.join("dpkg-repack").is_file() {
        return Some(program_dir);
    }
    match download(&["dpkg-repack"], &cache) {
        Ok(()) => Some(program_dir),
        Err(reason) => {
            report(&format!("no dpkg-repack: {reason}"));
            None
        }
    }
}

/// Returns a folder in which Debian packages lie unpacked, `None` (with the reason printed) when they cannot be had.
///
/// They are downloaded once per boot from the machine's own apt sources on a private apt state; nothing is installed, no
/// maintainer script runs, and what they depend on has to be named as well.
pub fn unpacked(packages: &[&str]) -> Option<PathBuf> {
    let digest = short_digest(packages.join(" ").as_bytes());
    let cache = cache_dir().join(format!("{}-{digest}-{}", packages.first()?, boot_id()));
    if cache.is_dir() {
        return Some(cache);
    }
    match download(packages, &cache) {
        Ok(()) => Some(cache),
        Err(reason) => {
            report(&format!("no {}: {reason}", packages.join(" ")));
            None
        }
    }
}

/// Returns a path at which the ordinary user can run a program: its own, or a copy's when that is out of reach.
///
/// One copy per program is kept; a rebuilt program replaces it.
///
/// # Panics
/// When there is no such program.
pub fn reachable_copy(program: &Path) -> PathBuf {
    let program =
        program.canonicalize().unwrap_or_else(|error| panic!("there is no program {}: {error}", program.display()));
    if ordinary_user().is_none() || is_reachable(&program) {
        return program;
    }
    let metadata = fs::metadata(&program).expect("a canonical path has metadata");
    let modified = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
    let name = program.file_name().expect("a program has a file name");
    let place = cache_dir().join(format!("program-{}", short_digest(program.as_os_str().as_encoded_bytes())));
    let version = place.join(format!("{}-{}", modified.as_nanos(), metadata.len()));
    if !version.join(name).is_file() {
        create_dir(&place);
        let outdated = folders_in(&place);
        let fresh = temp_dir_in(&cache_dir(), "copying-");
        let contents = fs::read(&program).unwrap_or_else(|error| panic!("cannot read {}: {error}", program.display()));
        write_with_mode(&fresh.path().join(name), contents, 0o755);
        settle(&fresh.keep(), &version).unwrap_or_else(|reason| panic!("{reason}"));
        for folder in outdated.iter().filter(|folder| **folder != version) {
            let _ = fs::remove_dir_all(folder);
        }
    }
    version.join(name)
}

/// Downloads packages from the machine's own sources, without installing them, and unpacks them to `target`.
fn download(packages: &[&str], target: &Path) -> Result<(), String> {
    let state = temp_dir_in(&base_dir(), "belay-apt-");
    let dir = state.path();
    for folder in ["state/lists/partial", "cache/archives/partial", "etc/apt.conf.d", "etc/preferences.d", "unpacked"] {
        create_dir(&dir.join(folder));
    }
    write(&dir.join("status"), "");
    let config = dir.join("apt.conf");
    let at = dir.display();
    write(
        &config,
        format!(
            "Dir::State \"{at}/state\";\nDir::State::status \"{at}/status\";\nDir::Cache \"{at}/cache\";\n\
             Dir::Etc::parts \"{at}/etc/apt.conf.d\";\nDir::Etc::preferencesparts \"{at}/etc/preferences.d\";\n\
             APT::Sandbox::User \"\";\nAcquire::Languages \"none\";\nAcquire::Retries \"2\";\n"
        ),
    );
    let run = |program: &str, args: &[&str]| {
        let output = output(command(program).env("APT_CONFIG", &config).current_dir(dir).args(args));
        if output.status.success() { Ok(()) } else { Err(format!("{program} {args:?}: {}", transcript(&output))) }
    };
    // One unreachable source among several must not matter: what counts is whether the package can be had.
    let _ = run("apt-get", &["-q", "update"]);
    run("apt-get", &[&["-q", "download"], packages].concat())?;
    let files = fs::read_dir(dir).map_err(|error| error.to_string())?.flatten().map(|entry| entry.path());
    let debs: Vec<PathBuf> =
        files.filter(|path| path.extension().is_some_and(|extension| extension == "deb")).collect();
    if debs.len() != packages.len() {
        return Err(format!("apt-get download left {} files for {packages:?}", debs.len()));
    }
    for deb in debs {
        let deb = deb.to_str().ok_or("the temporary folder's path is not text")?;
        run("dpkg", &["-x", deb, "unpacked"])?;
    }
    settle(&dir.join("unpacked"), target)
}

/// Moves a finished folder to its place; a faster competitor's is as good as ours.
pub(crate) fn settle(finished: &Path, place: &Path) -> Result<(), String> {
    match fs::rename(finished, place) {
        Ok(()) => Ok(()),
        Err(_) if place.is_dir() => {
            let _ = fs::remove_dir_all(finished);
            Ok(())
        }
        Err(error) => Err(format!("cannot rename {} to {}: {error}", finished.display(), place.display())),
    }
}

/// Returns the kit's cache folder, one per user who runs tests.
///
/// # Panics
/// When another user made it before: what lies in it would be run by tests.
pub(crate) fn cache_dir() -> PathBuf {
    let user = nix::unistd::geteuid();
    let dir = base_dir().join(format!("belay-testkit-{user}"));
    create_dir(&dir);
    let owner = fs::symlink_metadata(&dir).expect("a folder just made has metadata").uid();
    let expected = ordinary_user().map_or(user.as_raw(), |(uid, _)| uid);
    assert!(owner == expected, "{} belongs to user {owner}, not to {expected}", dir.display());
    dir
}

/// Tells whether any user may run the program and search all folders on the way to it.
fn is_reachable(program: &Path) -> bool {
    let mode = |path: &Path| fs::metadata(path).map_or(0, |metadata| metadata.permissions().mode());
    mode(program) & 0o5 == 0o5 && program.ancestors().skip(1).all(|folder| mode(folder) & 0o1 == 0o1)
}

fn folders_in(dir: &Path) -> Vec<PathBuf> {
    fs::read_dir(dir).map_or_else(|_| Vec::new(), |entries| entries.flatten().map(|entry| entry.path()).collect())
}

pub(crate) fn boot_id() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id")
        .map_or_else(|_| "unknown".to_owned(), |id| id.trim().to_owned())
}

fn short_digest(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes)[..8])
}

#[expect(clippy::print_stderr, reason = "a test's reader needs to know why it is skipped")]
fn report(message: &str) {
    eprintln!("belay-testkit: {message}");
}
