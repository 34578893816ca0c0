//! Tokens.

use belay_protocol::admin::WhoAmI;

/// Whose token it is.
pub(crate) fn who(who: &WhoAmI) -> String {
    let permissions: Vec<_> = who.permissions.iter().map(|permission| permission.word()).collect();
    let end = who.expires_at.map_or_else(|| "never".to_owned(), |at| format!("{at:.0}"));
    format!("{}\nmay:     {}\nexpires: {end}", who.name, permissions.join(", "))
}
