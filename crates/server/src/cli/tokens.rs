//! Operators' and devices' tokens, made and revoked on the database itself: also before any server runs.

use belay_protocol::admin::{CreateEnrolmentToken, CreateToken, EnrolmentTokenView, NewToken, Page, TokenView};
use jiff::Timestamp;
use std::time::Duration;

use super::arguments::{EnrolmentToken, Token};
use super::exit::Exit;
use super::failure::Failure;
use super::output::{note, say, say_json, table};
use crate::clock::Clock;
use crate::config::Settings;
use crate::run::service;
use crate::service::{Actor, PageOf, ServiceError};
use crate::store::Store;

/// Carries out one command on operators' tokens.
pub(super) async fn token(settings: &Settings, command: Token, json: bool) -> Result<Exit, Failure> {
    let store = Store::open(&settings.database.0, &settings.state_dir).await?;
    let service = service(store.clone(), settings);
    match command {
        Token::Create { name, permissions, expires_in } => {
            let expires_at = expires_in.map(from_now);
            made(&service.create_token(&actor(), CreateToken { name, permissions, expires_at }).await?, json);
        }
        Token::List => {
            let tokens = all(async |page| service.tokens(page).await).await?;
            if json { say_json(&tokens) } else { say(&operators(&tokens)) }
        }
        Token::Revoke { id } => {
            service.revoke_token(&actor(), &id).await?;
            revoked(&id, json);
        }
    }
    store.close().await;
    Ok(Exit::Done)
}

/// Carries out one command on the tokens that devices enrol with.
pub(super) async fn enrolment_token(settings: &Settings, command: EnrolmentToken, json: bool) -> Result<Exit, Failure> {
    let store = Store::open(&settings.database.0, &settings.state_dir).await?;
    let service = service(store.clone(), settings);
    match command {
        EnrolmentToken::Create { name, uses, expires_in, device_type, distribution, tags } => {
            let expires_at = expires_in.map(from_now);
            let terms = CreateEnrolmentToken { name, uses, expires_at, device_type, distribution, tags };
            made(&service.create_enrolment_token(&actor(), terms).await?, json);
        }
        EnrolmentToken::List => {
            let tokens = all(async |page| service.enrolment_tokens(page).await).await?;
            if json { say_json(&tokens) } else { say(&devices(&tokens)) }
        }
        EnrolmentToken::Revoke { id } => {
            service.revoke_enrolment_token(&actor(), &id).await?;
            revoked(&id, json);
        }
    }
    store.close().await;
    Ok(Exit::Done)
}

fn actor() -> Actor {
    Actor::command_line()
}

fn from_now(after: Duration) -> Timestamp {
    Clock::System.now().saturating_add(after).expect("a duration of the standard library is added without a calendar")
}

/// Only the token goes to standard output, so that a script can take it from there.
fn made(token: &NewToken, json: bool) {
    if json {
        say_json(token);
    } else {
        note(&format!("made {}; its text is shown this once", token.id));
        say(&token.token);
    }
}

fn revoked(id: &str, json: bool) {
    if json { say_json(&serde_json::json!({ "revoked": id })) } else { say(&format!("revoked {id}")) }
}

/// All pages, one after the other.
async fn all<T>(page: impl AsyncFn(PageOf) -> Result<Page<T>, ServiceError>) -> Result<Vec<T>, ServiceError> {
    let mut items = Vec::new();
    for number in 1.. {
        let found = page(PageOf { page: number, page_size: 500 }).await?;
        let last = found.items.is_empty();
        items.extend(found.items);
        if last || u64::try_from(items.len()).is_ok_and(|held| held >= found.total) {
            break;
        }
    }
    Ok(items)
}

fn operators(tokens: &[TokenView]) -> String {
    let row = |token: &TokenView| {
        let permissions: Vec<&str> = token.permissions.iter().map(|permission| permission.word()).collect();
        let ends = ends(token.revoked_at, token.expires_at);
        [token.id.clone(), token.name.clone(), permissions.join(","), date(token.created_at), ends]
    };
    let rows: Vec<_> = tokens.iter().map(row).collect();
    table(["ID", "NAME", "PERMISSIONS", "MADE", "ENDS"], &rows)
}

fn devices(tokens: &[EnrolmentTokenView]) -> String {
    let row = |token: &EnrolmentTokenView| {
        let terms = &token.terms;
        let used = terms.uses.map_or_else(|| token.used.to_string(), |uses| format!("{} of {uses}", token.used));
        let ends = ends(token.revoked_at, terms.expires_at);
        let device_type = terms.device_type.as_ref().map_or_else(|| "any".to_owned(), ToString::to_string);
        let distribution = terms.distribution.as_ref().map_or_else(|| "any".to_owned(), ToString::to_string);
        [token.id.clone(), terms.name.clone(), device_type, distribution, used, date(token.created_at), ends]
    };
    let rows: Vec<_> = tokens.iter().map(row).collect();
    table(["ID", "NAME", "TYPE", "RING", "USED", "MADE", "ENDS"], &rows)
}

fn ends(revoked_at: Option<Timestamp>, expires_at: Option<Timestamp>) -> String {
    match (revoked_at, expires_at) {
        (Some(at), _) => format!("revoked {}", date(at)),
        (None, Some(at)) => date(at),
        (None, None) => "never".to_owned(),
    }
}

fn date(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

#[cfg(test)]
mod tests;
