//! Pure parsers of what dpkg's database holds.

use std::collections::{BTreeMap, BTreeSet};

use belay_protocol::{Architecture, PackageId};

use crate::host::device::{Inventory, PackageRecord};

/// The format in which `dpkg-query` is asked: fields by tabs, records by the record separator.
pub(crate) const FORMAT: &str = "${Package}\\t${Architecture}\\t${Version}\\t${db:Status-Want}\\t${db:Status-Eflag}\
    \\t${db:Status-Status}\\t${Installed-Size}\\t${Essential}\\t${Conffiles}\u{1e}";

/// Reads the answer and apt's `extended_states`. The error is the record that could not be understood.
pub(crate) fn parse(answer: &str, marks: &str, native: &Architecture) -> Result<Inventory, String> {
    let mut packages = BTreeMap::new();
    for text in answer.split('\u{1e}').filter(|text| !text.trim().is_empty()) {
        let record = record(text, native).ok_or_else(|| text.to_owned())?;
        packages.insert(record.package.clone(), record);
    }
    Ok(Inventory { packages, automatic: automatic(marks, native) })
}

/// Packages that came along with others, according to apt's `extended_states`.
pub(crate) fn automatic(marks: &str, native: &Architecture) -> BTreeSet<PackageId> {
    let paragraph = |text: &str| {
        let field =
            |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim);
        if field("Auto-Installed") != Some("1") {
            return None;
        }
        let architecture = field("Architecture").and_then(|text| text.parse().ok());
        let name = field("Package")?.parse().ok()?;
        Some(PackageId::new(name, architecture.as_ref().unwrap_or(native), native))
    };
    marks.split("\n\n").filter_map(paragraph).collect()
}

/// Reads what `dpkg --audit` prints: `demo-app is only half configured`.
pub(crate) fn audit(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut complaint = String::new();
    for line in text.lines() {
        if let Some(package) = line.strip_prefix(' ').and_then(|line| line.split_whitespace().next()) {
            found.push(format!("{package} {complaint}"));
        } else if let Some(rest) = line.strip_prefix("The following packages ") {
            let clause = rest.split([',', '.', ':']).next().unwrap_or(rest).trim_end();
            complaint = match clause.split_once(' ') {
                Some(("are", rest)) => format!("is {rest}"),
                Some(("have", rest)) => format!("has {rest}"),
                Some(("do", rest)) => format!("does {rest}"),
                Some(_) | None => clause.to_owned(),
            };
        }
    }
    found
}

fn record(text: &str, native: &Architecture) -> Option<PackageRecord> {
    let fields: Vec<&str> = text.splitn(9, '\t').collect();
    let [name, architecture, version, want, flag, status, size, essential, conffiles] = fields[..] else { return None };
    // Old entries that were never installed have no architecture.
    let architecture = if architecture.is_empty() { native.clone() } else { architecture.parse().ok()? };
    let version = if version.is_empty() { None } else { Some(version.parse().ok()?) };
    let lines = conffiles.lines().map(str::trim).filter(|line| !line.is_empty());
    Some(PackageRecord {
        package: PackageId::new(name.trim_start().parse().ok()?, &architecture, native),
        architecture,
        version,
        want: want.to_owned(),
        flag: flag.to_owned(),
        status: status.to_owned(),
        conffiles: lines.map(str::to_owned).collect(),
        installed_kib: size.parse().unwrap_or(0),
        essential: essential == "yes",
    })
}

#[cfg(test)]
mod tests;
