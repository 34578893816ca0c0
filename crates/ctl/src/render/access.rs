//! Tokens.

use belay_protocol::admin::{EnrolmentTokenView, TokenView, WhoAmI};
use belay_terminal::quantity::{ago, when};
use belay_terminal::{Cell, Page, Tone, plain, table};
use jiff::Timestamp;

/// Whose token it is.
pub(crate) fn who(who: &WhoAmI, page: &Page) -> String {
    let permissions: Vec<_> = who.permissions.iter().map(|permission| permission.word()).collect();
    let end = who.expires_at.map_or_else(|| "never".to_owned(), |at| when(at, page));
    let row = |name: &str, text: String| vec![(Tone::Quiet, name.to_owned()), plain(text)];
    let rows = [row("may", permissions.join(", ")), row("expires", end)];
    format!("{}\n{}", page.paint.tone(Tone::Strong, &who.name), table(&rows, 0, page.paint))
}

/// A table of operators' tokens.
pub(crate) fn tokens(tokens: &[TokenView], page: &Page) -> String {
    let rows = tokens.iter().map(|token| {
        let permissions: Vec<_> = token.permissions.iter().map(|permission| permission.word()).collect();
        vec![
            plain(token.id.clone()),
            plain(token.name.clone()),
            plain(permissions.join(", ")),
            plain(ago(token.created_at, page.now)),
            end(token.revoked_at, token.expires_at, page),
        ]
    });
    super::table(&["id", "name", "may", "made", "ends"], rows, page)
}

/// A table of the tokens that devices enrol with.
pub(crate) fn enrolment_tokens(tokens: &[EnrolmentTokenView], page: &Page) -> String {
    if tokens.is_empty() {
        return "no token; `belayctl enrolment-token create` makes one".to_owned();
    }
    let any = |name: Option<String>| plain(name.unwrap_or_else(|| "any".to_owned()));
    let rows = tokens.iter().map(|token| {
        let terms = &token.terms;
        vec![
            plain(token.id.clone()),
            plain(terms.name.clone()),
            any(terms.device_type.as_ref().map(ToString::to_string)),
            any(terms.distribution.as_ref().map(ToString::to_string)),
            plain(terms.uses.map_or_else(|| token.used.to_string(), |uses| format!("{} of {uses}", token.used))),
            plain(ago(token.created_at, page.now)),
            end(token.revoked_at, terms.expires_at, page),
        ]
    });
    super::table(&["id", "name", "type", "ring", "used", "made", "ends"], rows, page)
}

fn end(revoked_at: Option<Timestamp>, expires_at: Option<Timestamp>, page: &Page) -> Cell {
    match (revoked_at, expires_at) {
        (Some(at), _) => (Tone::Quiet, format!("revoked {}", ago(at, page.now))),
        (None, Some(at)) if at <= page.now => (Tone::Quiet, format!("ended {}", ago(at, page.now))),
        (None, Some(at)) => plain(ago(at, page.now)),
        (None, None) => plain("never"),
    }
}
