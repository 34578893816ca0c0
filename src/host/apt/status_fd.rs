//! Parser of what apt writes to its status descriptor.

/// One line of apt's progress.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Report {
    /// Something is being downloaded; 0 to 100.
    Download(f32, String),
    /// dpkg is at work; 0 to 100.
    Package(f32, String),
}

/// Reads one line; none for a line that says nothing about progress.
pub(crate) fn parse(line: &str) -> Option<Report> {
    let (kind, rest) = line.split_once(':')?;
    // Package names may hold colons (`libdemo:armhf`), so the number is looked for from the left.
    let fields: Vec<&str> = rest.split(':').collect();
    let (at, percent) = fields.iter().enumerate().skip(1).find_map(|(at, field)| Some((at, field.parse().ok()?)))?;
    let text = fields[at + 1..].join(":").trim().to_owned();
    let percent = f32::clamp(percent, 0.0, 100.0);
    match kind {
        "dlstatus" => Some(Report::Download(percent, text)),
        "pmstatus" => Some(Report::Package(percent, text)),
        _ => None,
    }
}
