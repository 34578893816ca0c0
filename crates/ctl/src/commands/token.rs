//! `belayctl token …` and `belayctl enrolment-token …`

use belay_protocol::admin::{CreateEnrolmentToken, CreateToken, EnrolmentTokenView, NewToken, TokenView};
use serde::Serialize;
use utoipa::ToSchema;

use super::all;
use crate::arguments::{EnrolmentToken, Token};
use crate::client::Client;
use crate::clock;
use crate::error::CtlError;
use crate::output::Output;
use crate::render;

/// A token that means nothing from now on.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Revoked {
    /// Its number.
    pub(crate) revoked: String,
}

pub(super) async fn run(client: &Client, output: &Output, verb: Token) -> Result<(), CtlError> {
    match verb {
        Token::Create { name, permissions, expiry } => {
            let token = CreateToken { name, permissions, expires_at: expiry.instant(clock::now()) };
            made(output, &client.post(&["tokens"], &token).await?);
        }
        Token::List => {
            let tokens: Vec<TokenView> = all(client, &["tokens"], &[]).await?;
            output.answer(&tokens, |tokens, page| render::access::tokens(tokens, page));
        }
        Token::Revoke { id } => revoke(client, output, TOKENS, id).await?,
    }
    Ok(())
}

pub(super) async fn enrolment(client: &Client, output: &Output, verb: EnrolmentToken) -> Result<(), CtlError> {
    match verb {
        EnrolmentToken::Create { name, uses, expiry, device_type, distribution, tags } => {
            let expires_at = expiry.instant(clock::now());
            let token = CreateEnrolmentToken { name, uses, expires_at, device_type, distribution, tags };
            made(output, &client.post(&[ENROLMENT_TOKENS], &token).await?);
        }
        EnrolmentToken::List => {
            let tokens: Vec<EnrolmentTokenView> = all(client, &[ENROLMENT_TOKENS], &[]).await?;
            output.answer(&tokens, |tokens, page| render::access::enrolment_tokens(tokens, page));
        }
        EnrolmentToken::Revoke { id } => revoke(client, output, ENROLMENT_TOKENS, id).await?,
    }
    Ok(())
}

/// Only the token goes to standard output, so that a script can take it from there.
fn made(output: &Output, token: &NewToken) {
    output.tell(&format!("made {}; its text is shown this once", token.id));
    output.answer(token, |token, _| token.token.clone());
}

async fn revoke(client: &Client, output: &Output, of: &str, id: String) -> Result<(), CtlError> {
    client.delete(&[of, &id]).await?;
    output.answer(&Revoked { revoked: id }, |revoked, _| format!("revoked {}", revoked.revoked));
    Ok(())
}

/// Where operators' tokens are.
const TOKENS: &str = "tokens";

/// Where the tokens that devices enrol with are.
pub(super) const ENROLMENT_TOKENS: &str = "enrolment-tokens";
