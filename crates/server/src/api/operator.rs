//! Who asks, and whether they may: an operator's token and the permission that a route needs.

use std::fmt;
use std::marker::PhantomData;

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use belay_protocol::admin::{Permission, WhoAmI};

use super::ApiState;
use super::error::Refusal;
use crate::service::{Actor, Service};

/// What a route needs: one of these permissions. `admin:full` is always enough.
pub(crate) trait Right: Send + Sync + 'static {
    /// The permissions, the one to ask for first; any token where there is none.
    const ANY_OF: &'static [Permission];
}

macro_rules! rights {
    ($($(#[$doc:meta])* $name:ident: [$($permission:ident),*];)*) => {
        $(
            $(#[$doc])*
            #[derive(Debug)]
            pub(crate) struct $name;

            impl Right for $name {
                const ANY_OF: &'static [Permission] = &[$(Permission::$permission),*];
            }
        )*
    };
}

rights! {
    /// Ask who one is.
    Anybody: [];
    /// Tokens and the audit log.
    Administer: [AdminFull];
    /// Publish and delete releases.
    PublishReleases: [UpdatesPublish];
    /// See releases.
    ViewReleases: [UpdatesView, UpdatesPublish];
    /// See devices and deployments.
    ViewFleet: [FleetView, FleetManage];
    /// Change devices, deploy, let devices enrol.
    ManageFleet: [FleetManage];
    /// See channels; who changes them must see them.
    ViewChannels: [FleetView, FleetManage, ChannelsEdit];
    /// Change channels.
    EditChannels: [ChannelsEdit];
}

/// An operator who may do what `R` says.
pub(crate) struct Operator<R> {
    /// The token's name and what it allows.
    pub(crate) who: WhoAmI,
    /// The token's id: names may be given twice.
    id: String,
    right: PhantomData<R>,
}

impl<R> Operator<R> {
    /// The name for the audit log, with the id that says which token of this name it was.
    pub(crate) fn actor(&self) -> Actor {
        Actor(format!("{} ({})", self.who.name, self.id))
    }
}

impl<R> fmt::Debug for Operator<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Operator").field("who", &self.who).finish_non_exhaustive()
    }
}

impl<R: Right> FromRequestParts<ApiState> for Operator<R> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Refusal> {
        let token = bearer(&parts.headers).ok_or_else(|| no_token("an operator token"))?;
        let (id, who) = state.service.authenticate_as(token).await?;
        if may(&who.permissions, R::ANY_OF) {
            return Ok(Self { who, id, right: PhantomData });
        }
        let needed = R::ANY_OF.first().copied().unwrap_or(Permission::AdminFull);
        let sentence = format!("this needs the permission {needed}, which the token {:?} does not have", who.name);
        Err(Refusal::new(StatusCode::FORBIDDEN, "forbidden", sentence))
    }
}

/// A device of the fleet, or an operator who may see releases: both may fetch artifacts.
#[derive(Debug)]
pub(crate) struct Fetcher;

impl FromRequestParts<ApiState> for Fetcher {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Refusal> {
        let secret = bearer(&parts.headers).ok_or_else(|| no_token("a device's key or an operator token"))?;
        if Service::is_device_key(secret) {
            state.service.admit_device(secret).await?;
        } else {
            Operator::<ViewReleases>::from_request_parts(parts, state).await?;
        }
        Ok(Self)
    }
}

/// The secret of an `Authorization: Bearer` header.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, secret) = value.split_once(' ')?;
    let secret = secret.trim();
    let fits = (1..=LONGEST_SECRET).contains(&secret.len()) && secret.bytes().all(|byte| byte.is_ascii_graphic());
    (scheme.eq_ignore_ascii_case("bearer") && fits).then_some(secret)
}

/// Nobody says who asks.
pub(crate) fn no_token(what: &str) -> Refusal {
    let sentence = format!("send {what} in the header Authorization: Bearer …");
    Refusal::new(StatusCode::UNAUTHORIZED, "no_token", sentence)
}

fn may(held: &[Permission], any_of: &[Permission]) -> bool {
    any_of.is_empty() || held.iter().any(|held| *held == Permission::AdminFull || any_of.contains(held))
}

const LONGEST_SECRET: usize = 256;

#[cfg(test)]
mod tests;
