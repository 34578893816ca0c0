//! Tokens.

use belay_protocol::admin::{EnrolmentTokenView, TokenView, WhoAmI};
use belay_terminal::quantity::when;
use belay_terminal::{Page, Tone, plain, table};

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
        vec![plain(token.id.clone()), plain(token.name.clone()), plain(permissions.join(", "))]
    });
    super::table(&["id", "name", "may"], rows, page)
}

/// A table of the tokens that devices enrol with.
pub(crate) fn enrolment_tokens(tokens: &[EnrolmentTokenView], page: &Page) -> String {
    let rows = tokens.iter().map(|token| vec![plain(token.id.clone()), plain(token.terms.name.clone())]);
    super::table(&["id", "name"], rows, page)
}
