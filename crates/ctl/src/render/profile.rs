//! Profiles: servers, and whether a token is kept for them.

use belay_terminal::{Page, Tone, plain};

use super::{access, table};
use crate::commands::{Forgotten, LoggedIn, ProfileView};

/// What `login` kept.
pub(crate) fn logged_in(kept: &LoggedIn, page: &Page) -> String {
    let done = page.paint.tone(Tone::Good, &format!("✔ profile {} is in use: {}", kept.profile, kept.server));
    format!("{done}\n{}\nthe token lies in {}", access::who(&kept.who, page), kept.keyring.display())
}

/// What `logout` forgot.
pub(crate) fn logged_out(forgotten: &Forgotten, _page: &Page) -> String {
    let Forgotten { profile, token } = forgotten;
    if *token {
        format!("the token of {profile} is forgotten here; the server takes it until it is revoked")
    } else {
        format!("no token was kept for {profile}")
    }
}

/// What `profile delete` forgot.
pub(crate) fn deleted(forgotten: &Forgotten, _page: &Page) -> String {
    let token = if forgotten.token { " with its token; the server takes that until it is revoked" } else { "" };
    format!("profile {} is forgotten{token}", forgotten.profile)
}

/// A table of profiles.
pub(crate) fn list(profiles: &[ProfileView], page: &Page) -> String {
    if profiles.is_empty() {
        return "no profile; `belayctl login --server URL` makes one".to_owned();
    }
    let rows = profiles.iter().map(|profile| {
        let tone = if profile.active { Tone::Good } else { Tone::Plain };
        vec![
            (tone, if profile.active { "▶" } else { "" }.to_owned()),
            (tone, profile.name.clone()),
            plain(profile.server.clone()),
            if profile.token { plain("kept") } else { (Tone::Quiet, "none".to_owned()) },
        ]
    });
    table(&["", "profile", "server", "token"], rows, page)
}
