//! Operator tokens, enrolment tokens, the audit log.

use std::sync::Arc;

use belay_protocol::admin::{
    AuditEntry, CreateEnrolmentToken, CreateToken, EnrolmentTokenView, NewToken, Page, TokenView, WhoAmI,
};
use jiff::Timestamp;

use super::{Actor, Kind, PageOf, Service, ServiceError};
use crate::auth::{Issued, Purpose, Shown};
use crate::store::{audit, enrolment_tokens, id, tokens};

impl Service {
    /// Who shows this token; refused where nobody known does.
    pub async fn authenticate(&self, token: &str) -> Result<WhoAmI, ServiceError> {
        Ok(self.authenticate_as(token).await?.1)
    }

    /// The same, with the token's id before it.
    pub async fn authenticate_as(&self, token: &str) -> Result<(String, WhoAmI), ServiceError> {
        let unknown = || {
            let message = "show a valid token: Authorization: Bearer belay_op_…";
            ServiceError::new(Kind::Unauthorized, "unauthorized", message)
        };
        let shown = Shown::read(Purpose::Operator, token).ok_or_else(unknown)?;
        let id = shown.id.to_owned();
        let found = self.store.read(move |connection| Box::pin(async move { tokens::by_id(connection, &id).await }));
        let (token, digest) = found.await?.ok_or_else(unknown)?;
        if digest != shown.digest {
            return Err(unknown());
        }
        check_life(token.expires_at, token.revoked_at, self.clock.now())?;
        let who = WhoAmI { name: token.name, permissions: token.permissions, expires_at: token.expires_at };
        Ok((token.id, who))
    }

    /// Makes an operator token; its text is shown this once.
    pub async fn create_token(&self, actor: &Actor, token: CreateToken) -> Result<NewToken, ServiceError> {
        let now = self.clock.now();
        check_name(&token.name)?;
        check_not_reserved(&token.name)?;
        check_end(token.expires_at, now)?;
        let mut permissions = token.permissions;
        permissions.sort();
        permissions.dedup();
        if permissions.is_empty() {
            return Err(ServiceError::of_field("permissions", "missing", "name at least one permission"));
        }
        let id = id::new("t", now);
        let issued = Issued::new(Purpose::Operator, &id);
        let (name, expires_at) = (token.name, token.expires_at);
        let words: Vec<_> = permissions.iter().map(|permission| permission.word()).collect();
        let detail = format!("{name}: {}", words.join(" "));
        let view = TokenView { id: id.clone(), name, permissions, created_at: now, expires_at, revoked_at: None };
        let made = Arc::new((view, actor.clone(), detail));
        let digest = issued.digest;
        let write = self.store.write(move |connection| {
            let made = Arc::clone(&made);
            Box::pin(async move {
                let (view, actor, detail) = &*made;
                tokens::insert(connection, view, digest).await?;
                audit::write(connection, now, actor, "token.create", &view.id, detail).await
            })
        });
        write.await?;
        Ok(NewToken { id, token: issued.text })
    }

    /// Operator tokens of a page.
    pub async fn tokens(&self, page: PageOf) -> Result<Page<TokenView>, ServiceError> {
        let range = page.range()?;
        let read = self.store.read(move |connection| Box::pin(async move { tokens::list(connection, range).await }));
        let (items, total) = read.await?;
        Ok(page.with(items, total))
    }

    /// Revokes an operator token, at once.
    pub async fn revoke_token(&self, actor: &Actor, id: &str) -> Result<(), ServiceError> {
        let (actor, token, now) = (actor.clone(), id.to_owned(), self.clock.now());
        let write = self.store.write(move |connection| {
            let (actor, id) = (actor.clone(), token.clone());
            Box::pin(async move {
                let Some((token, _)) = tokens::by_id(connection, &id).await? else { return Ok(false) };
                if tokens::revoke(connection, &id, now).await? {
                    audit::write(connection, now, &actor, "token.revoke", &id, &token.name).await?;
                }
                Ok(true)
            })
        });
        if write.await? { Ok(()) } else { Err(ServiceError::not_found("token", id)) }
    }

    /// Makes an enrolment token; its text is shown this once.
    pub async fn create_enrolment_token(
        &self,
        actor: &Actor,
        token: CreateEnrolmentToken,
    ) -> Result<NewToken, ServiceError> {
        let now = self.clock.now();
        check_name(&token.name)?;
        check_end(token.expires_at, now)?;
        if token.uses == Some(0) {
            return Err(ServiceError::of_field("uses", "out_of_range", "a token has 1 use or more"));
        }
        if token.tags.len() > MAX_TAGS {
            let rule = format!("a device has at most {MAX_TAGS} tags");
            return Err(ServiceError::of_field("tags", "too_many", rule));
        }
        let id = id::new("e", now);
        let issued = Issued::new(Purpose::Enrolment, &id);
        let view = EnrolmentTokenView { id: id.clone(), terms: token, used: 0, created_at: now, revoked_at: None };
        let made = Arc::new((view, actor.clone()));
        let digest = issued.digest;
        let write = self.store.write(move |connection| {
            let made = Arc::clone(&made);
            Box::pin(async move {
                let (view, actor) = &*made;
                enrolment_tokens::insert(connection, view, digest).await?;
                audit::write(connection, now, actor, "enrolment_token.create", &view.id, &view.terms.name).await
            })
        });
        write.await?;
        Ok(NewToken { id, token: issued.text })
    }

    /// Enrolment tokens of a page.
    pub async fn enrolment_tokens(&self, page: PageOf) -> Result<Page<EnrolmentTokenView>, ServiceError> {
        let range = page.range()?;
        let read =
            self.store.read(move |connection| Box::pin(async move { enrolment_tokens::list(connection, range).await }));
        let (items, total) = read.await?;
        Ok(page.with(items, total))
    }

    /// Revokes an enrolment token; devices that used it stay.
    pub async fn revoke_enrolment_token(&self, actor: &Actor, id: &str) -> Result<(), ServiceError> {
        let (actor, token, now) = (actor.clone(), id.to_owned(), self.clock.now());
        let write = self.store.write(move |connection| {
            let (actor, id) = (actor.clone(), token.clone());
            Box::pin(async move {
                let Some((token, _)) = enrolment_tokens::by_id(connection, &id).await? else { return Ok(false) };
                if enrolment_tokens::revoke(connection, &id, now).await? {
                    let name = &token.terms.name;
                    audit::write(connection, now, &actor, "enrolment_token.revoke", &id, name).await?;
                }
                Ok(true)
            })
        });
        if write.await? { Ok(()) } else { Err(ServiceError::not_found("enrolment token", id)) }
    }

    /// What operators did, newest first; empty texts ask for nothing.
    pub async fn audit(&self, actor: &str, action: &str, page: PageOf) -> Result<Page<AuditEntry>, ServiceError> {
        let range = page.range()?;
        let (actor, action) = (actor.to_owned(), action.to_owned());
        let read = self
            .store
            .read(move |connection| Box::pin(async move { audit::list(connection, &actor, &action, range).await }));
        let (items, total) = read.await?;
        Ok(page.with(items, total))
    }
}

/// Refuses a token that ended or was revoked.
pub(super) fn check_life(
    expires_at: Option<Timestamp>,
    revoked_at: Option<Timestamp>,
    now: Timestamp,
) -> Result<(), ServiceError> {
    if revoked_at.is_some() {
        let message = "this token was revoked; ask for another one";
        return Err(ServiceError::new(Kind::Unauthorized, "token_revoked", message));
    }
    match expires_at {
        Some(end) if end <= now => {
            let message = format!("this token ended at {end}; ask for another one");
            Err(ServiceError::new(Kind::Unauthorized, "token_expired", message))
        }
        Some(_) | None => Ok(()),
    }
}

fn check_name(name: &str) -> Result<(), ServiceError> {
    if (1..=100).contains(&name.chars().count()) && !name.chars().any(char::is_control) && name.trim() == name {
        return Ok(());
    }
    let rule = "a name has 1 to 100 characters, no control characters, and no space around it";
    Err(ServiceError::of_field("name", "invalid_name", rule))
}

/// What acts without a token has these names in the audit log; nobody else is to look like it.
fn check_not_reserved(name: &str) -> Result<(), ServiceError> {
    let reserved = [Actor::server(), Actor::command_line()];
    if reserved.iter().all(|actor| !actor.0.eq_ignore_ascii_case(name)) {
        return Ok(());
    }
    let rule = format!("{name} stands for something else in the audit log; take another name");
    Err(ServiceError::of_field("name", "reserved_name", rule))
}

fn check_end(expires_at: Option<Timestamp>, now: Timestamp) -> Result<(), ServiceError> {
    match expires_at {
        Some(end) if end <= now => {
            Err(ServiceError::of_field("expires_at", "in_the_past", "a token has to end in the future"))
        }
        Some(_) | None => Ok(()),
    }
}

/// How many tags a device has at most.
pub(super) const MAX_TAGS: usize = 64;
