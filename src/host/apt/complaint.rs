//! What apt and dpkg complain of, as reasons: pure functions over their texts, spoken in the C locale.

use belay_protocol::{Failure, PackageId, Reason};

/// The failure that apt's planning ended in.
pub(crate) fn of_planning(stdout: &str, stderr: &str) -> Failure {
    let errors = errors(stderr);
    if let Some(failure) = common(&errors, stdout) {
        return failure;
    }
    let find = |mark: &str| errors.iter().any(|line| line.contains(mark));
    if find("Unable to locate package") || find("has no installation candidate") || find("find any package by") {
        let message = format!("{}; check the name and the device's package sources", say(&errors));
        return Failure::new(Reason::UnknownPackage, message);
    }
    if find("was not found") && find("Version '") {
        return Failure::new(Reason::VersionUnavailable, format!("{}; no source offers it", say(&errors)));
    }
    if find("Unmet dependencies") {
        let message =
            format!("the device's own packages do not fit together ({}); run apt-get -f install", say(&errors));
        return Failure::new(Reason::DeviceBroken, message);
    }
    if let Some(unmet) = unmet(stdout) {
        return Failure::new(Reason::UnmetDependency, format!("dependencies cannot be met: {unmet}"));
    }
    if find("unmet dependencies") || find("held broken packages") {
        return Failure::new(Reason::UnmetDependency, say(&errors));
    }
    Failure::new(Reason::AptFailed, format!("apt-get cannot plan this: {}", say(&errors)))
}

/// The failure that reading or fetching from the sources ended in.
pub(crate) fn of_sources(stderr: &str) -> Failure {
    let lines: Vec<&str> = stderr.lines().filter(|line| line.starts_with("E: ") || line.starts_with("W: ")).collect();
    let told: Vec<&str> = lines
        .iter()
        .map(|line| line[3..].trim())
        .filter(|line| {
            !line.starts_with("Some index files failed") && !line.starts_with("Download is performed unsandboxed")
        })
        .collect();
    if told.iter().any(|line| line.contains("No space left on device")) {
        let message =
            format!("the disk is full, so nothing can be fetched: {}; free some space, then ask again", say(&told));
        return Failure::new(Reason::NoSpace, message);
    }
    let message = format!("the package sources did not answer or are not trusted: {}", say(&told));
    Failure::new(Reason::SourcesUnavailable, message)
}

/// The failure that a transaction ended in.
pub(crate) fn of_transaction(stdout: &str, stderr: &str) -> Failure {
    let errors = errors(stderr);
    if let Some(failure) = common(&errors, stdout) {
        return failure;
    }
    if let Some(unmet) = unmet(stdout) {
        return Failure::new(Reason::UnmetDependency, format!("apt-get finds the transaction impossible: {unmet}"));
    }
    if errors.iter().any(|line| line.contains("remove is disabled")) {
        let message = format!("apt-get would have to remove packages that are no part of this: {}", removals(stdout));
        return Failure::new(Reason::UnmetDependency, message);
    }
    let dpkg = dpkg_errors(stderr);
    let told = if dpkg.is_empty() { say(&errors) } else { dpkg.join("; ") };
    Failure::new(Reason::ApplyFailed, format!("the packages could not be installed: {told}"))
}

/// The maintainer script that stopped dpkg, where one did: package and script.
pub(crate) fn script(stderr: &str) -> Option<(PackageId, String)> {
    let mut found = None;
    for line in stderr.lines() {
        let Some((subject, rest)) = line.split_once(" package ") else { continue };
        let (slot, outcome) = match rest.split_once(" script subprocess ") {
            Some(parts) => parts,
            None => continue,
        };
        if !(outcome.starts_with("returned error")
            || outcome.starts_with("was killed")
            || outcome.starts_with("failed"))
        {
            continue;
        }
        let script = match slot {
            "pre-installation" => "preinst",
            "post-installation" => "postinst",
            "pre-removal" => "prerm",
            "post-removal" => "postrm",
            _ => continue,
        };
        let package = subject.rsplit(' ').next().and_then(|name| name.parse().ok());
        // The first one is the cause; those after it fail while dpkg unwinds.
        if let (None, Some(package)) = (&found, package) {
            found = Some((package, script.to_owned()));
        }
    }
    found
}

/// The file names of archives whose content apt found to differ from the index.
pub(crate) fn mismatches(stderr: &str) -> Vec<String> {
    let failed = stderr.lines().filter_map(|line| line.strip_prefix("E: Failed to fetch "));
    let mismatch = |line: &&str| line.contains("Hash Sum mismatch") || line.contains("unexpected size");
    let uri = |line: &str| line.split(' ').next().and_then(|uri| uri.rsplit('/').next()).map(str::to_owned);
    failed.filter(mismatch).filter_map(uri).collect()
}

/// What goes wrong in planning and in applying alike.
fn common(errors: &[&str], stdout: &str) -> Option<Failure> {
    let find = |mark: &str| errors.iter().any(|line| line.contains(mark));
    if find("Could not get lock") || find("Unable to acquire the dpkg frontend lock") || find("lock was locked by") {
        let holder = stdout.lines().find_map(|line| line.split_once("It is held by ")).map(|(_, holder)| holder);
        let holder = holder.map_or("another package manager", |holder| holder.trim_end_matches('.'));
        let message = format!("{holder} is at work; wait for it to end or look at what it is doing ({})", say(errors));
        return Some(Failure::new(Reason::LockTimeout, message));
    }
    let broken =
        ["dpkg was interrupted", "needs to be reinstalled", "package lists or status file could not be parsed"];
    if broken.iter().any(|mark| find(mark)) {
        let message = format!("the device's package database is damaged: {}", say(errors));
        return Some(Failure::new(Reason::DeviceBroken, message));
    }
    None
}

/// apt's explanation of dependencies that cannot be met, in one line.
fn unmet(stdout: &str) -> Option<String> {
    let (_, after) = stdout.split_once("The following packages have unmet dependencies:\n")?;
    let lines: Vec<&str> = after.lines().take_while(|line| line.starts_with(' ')).map(str::trim).collect();
    Some(lines.join("; "))
}

/// The packages that apt announces to remove.
fn removals(stdout: &str) -> String {
    let after = stdout.split_once("The following packages will be REMOVED:\n").map_or("", |(_, after)| after);
    let names: Vec<&str> =
        after.lines().take_while(|line| line.starts_with(' ')).flat_map(str::split_whitespace).collect();
    names.join(", ")
}

/// Each error of dpkg with the line that explains it.
fn dpkg_errors(stderr: &str) -> Vec<String> {
    let mut lines = stderr.lines().peekable();
    let mut found = Vec::new();
    while let Some(line) = lines.next() {
        if !line.starts_with("dpkg: error") {
            continue;
        }
        let mut sentence = line.trim_end().to_owned();
        while let Some(detail) = lines.next_if(|next| next.starts_with(' ')) {
            sentence.push(' ');
            sentence.push_str(detail.trim());
        }
        found.push(sentence);
    }
    found.truncate(SENTENCES);
    found
}

fn errors(stderr: &str) -> Vec<&str> {
    stderr.lines().filter_map(|line| line.strip_prefix("E: ").or_else(|| line.strip_prefix("dpkg: error: "))).collect()
}

fn say(lines: &[&str]) -> String {
    let mut told: Vec<&str> = Vec::new();
    for line in lines.iter().map(|line| line.trim().trim_end_matches('.')) {
        if !told.contains(&line) && told.len() < SENTENCES {
            told.push(line);
        }
    }
    if told.is_empty() { "it did not say why; see /var/log/apt/term.log".to_owned() } else { told.join("; ") }
}

/// How many of a tool's sentences a message repeats.
const SENTENCES: usize = 5;
