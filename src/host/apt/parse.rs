//! Pure parsers of what `apt-get` prints: the simulation of a transaction, and the addresses of its archives.

use belay_protocol::{Architecture, Sha256, Version};

/// One step of a simulated transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// A package is unpacked.
    Install {
        /// As apt names it: `name`, or `name:arch` for a foreign one.
        package: String,
        /// The version that it replaces.
        old: Option<Version>,
        /// The new version.
        new: Version,
        /// The new architecture.
        architecture: Architecture,
        /// Who offers it, `Label:version/archive`.
        origins: Vec<String>,
    },
    /// A package is configured.
    Configure {
        /// As apt names it.
        package: String,
    },
    /// A package goes.
    Remove {
        /// As apt names it.
        package: String,
        /// Whether its configuration goes too.
        purge: bool,
    },
}

/// Where an archive is fetched from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    /// The address.
    pub(crate) uri: String,
    /// The file name that apt gives it.
    pub(crate) file_name: String,
    /// Its size in bytes.
    pub(crate) size: u64,
    /// Its digest; none where the index has no SHA-256.
    pub(crate) sha256: Option<Sha256>,
}

/// Reads the output of `apt-get -s -V install`. The error is the line that could not be understood.
pub(crate) fn simulation(text: &str) -> Result<Vec<Step>, String> {
    let mut steps = Vec::new();
    for line in text.lines() {
        let Some((verb, rest)) = line.split_once(' ') else { continue };
        let step = match verb {
            "Inst" => install(rest),
            "Conf" => package(rest).map(|package| Step::Configure { package }),
            "Remv" => package(rest).map(|package| Step::Remove { package, purge: false }),
            "Purg" => package(rest).map(|package| Step::Remove { package, purge: true }),
            _ => continue,
        };
        steps.push(step.ok_or_else(|| line.to_owned())?);
    }
    Ok(steps)
}

/// Reads the output of `apt-get --print-uris`. The error is the line that could not be understood.
pub(crate) fn addresses(text: &str) -> Result<Vec<Address>, String> {
    let lines = text.lines().filter(|line| line.starts_with('\''));
    lines.map(|line| address(line).ok_or_else(|| line.to_owned())).collect()
}

/// The file name that apt gives to an archive.
pub(crate) fn file_name(name: &str, version: &Version, architecture: &Architecture) -> String {
    let version = version.as_str().replace('%', "%25").replace(':', "%3a").replace('_', "%5f");
    format!("{name}_{version}_{architecture}.deb")
}

/// The path behind a `file:` or `copy:` address; none for one that is not on this machine.
pub(crate) fn local_path(uri: &str) -> Option<std::path::PathBuf> {
    let path = uri.strip_prefix("file:").or_else(|| uri.strip_prefix("copy:"))?;
    let path = path.strip_prefix("//").unwrap_or(path);
    percent_decoded(path).map(Into::into)
}

/// `demo [1.0] (2.0 Demo:12/stable, Other:1/x [all]) [other:amd64 ]`
fn install(rest: &str) -> Option<Step> {
    let (before, after) = rest.split_once(" (")?;
    let inside = &after[..after.find("])").map(|at| at + 1)?];
    let mut words = before.split(' ');
    let package = words.next()?.to_owned();
    let old = match words.next() {
        None => None,
        Some(word) => Some(word.strip_prefix('[')?.strip_suffix(']')?.parse().ok()?),
    };
    let (version, inside) = inside.split_once(' ')?;
    let (origins, architecture) = inside.rsplit_once('[')?;
    let origins = origins.split(", ").map(str::trim).filter(|origin| !origin.is_empty()).map(str::to_owned).collect();
    let architecture = architecture.strip_suffix(']')?.parse().ok()?;
    Some(Step::Install { package, old, new: version.parse().ok()?, architecture, origins })
}

fn package(rest: &str) -> Option<String> {
    rest.split(' ').next().filter(|name| !name.is_empty()).map(str::to_owned)
}

/// `'file:/repo/./pool/dep_1.0_all.deb' dep_1.0_all.deb 724 SHA256:…`
fn address(line: &str) -> Option<Address> {
    let (uri, rest) = line.strip_prefix('\'')?.split_once("' ")?;
    let mut words = rest.split(' ');
    let (file_name, size) = (words.next()?.to_owned(), words.next()?.parse().ok()?);
    let sha256 = words.find_map(|word| word.strip_prefix("SHA256:")).and_then(|hex| hex.parse().ok());
    Some(Address { uri: uri.to_owned(), file_name, size, sha256 })
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        match (first, tail) {
            (b'%', [high, low, after @ ..]) => {
                let digit = |byte: u8| (byte as char).to_digit(16);
                bytes.push(u8::try_from(digit(*high)? * 16 + digit(*low)?).ok()?);
                rest = after;
            }
            (b'%', _) => return None,
            _ => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8(bytes).ok()
}
