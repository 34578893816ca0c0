//! `belayctl token …`

use belay_protocol::admin::TokenView;

use super::all;
use crate::arguments::Token;
use crate::client::Client;
use crate::error::CtlError;
use crate::output::Output;
use crate::render;

pub(super) async fn run(client: &Client, output: &Output, verb: Token) -> Result<(), CtlError> {
    match verb {
        Token::List => {
            let tokens: Vec<TokenView> = all(client, &["tokens"], &[]).await?;
            output.answer(&tokens, |tokens, page| render::access::tokens(tokens, page));
        }
    }
    Ok(())
}
