//! Counts as a sentence says them.

/// `1 device`, `2 devices`.
pub(crate) fn counted(count: u64, thing: &str) -> String {
    format!("{count} {thing}{}", if count == 1 { "" } else { "s" })
}

/// The one word after one, the other after all other counts: `1 has`, `2 have`.
pub(crate) fn by_count<'a>(count: u64, one: &'a str, more: &'a str) -> &'a str {
    if count == 1 { one } else { more }
}

/// `its device`, `all 2 devices`: everything that a deployment has.
pub(crate) fn all_of(devices: u64) -> String {
    if devices == 1 { "its device".to_owned() } else { format!("all {devices} devices") }
}
