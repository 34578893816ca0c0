//! Who may do what, and who did what: tokens, enrolment tokens, the audit log.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use belay_protocol::admin::{
    AuditEntry, CreateEnrolmentToken, CreateToken, EnrolmentTokenView, NewToken, Page, TokenView, WhoAmI,
};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::ApiState;
use super::error::{Answer, Refusal};
use super::extract::{Asked, Named, Order, first_page, page_of, usual_page_size};
use super::extract::{SECRET, Secret};
use super::operator::{Administer, Anybody, ManageFleet, Operator};

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(who_am_i))
        .routes(routes!(tokens, create_token))
        .routes(routes!(revoke_token))
        .routes(routes!(enrolment_tokens, create_enrolment_token))
        .routes(routes!(revoke_enrolment_token))
        .routes(routes!(audit))
}

/// Which page of a list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct PageQuery {
    /// Its number, counted from 1.
    #[serde(default = "first_page")]
    #[param(minimum = 1, default = 1)]
    page: u32,
    /// How many things it has at most, 1 to 500.
    #[serde(default = "usual_page_size")]
    #[param(minimum = 1, maximum = 500, default = 50)]
    page_size: u32,
}

impl PageQuery {
    pub(super) fn page_of(&self) -> Answer<crate::service::PageOf> {
        page_of(self.page, self.page_size)
    }
}

/// What to look for in the audit log.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct AuditQuery {
    /// Only of this token.
    #[serde(default)]
    actor: String,
    /// Only this action, such as `deployment.start`.
    #[serde(default)]
    action: String,
    /// The page's number, counted from 1.
    #[serde(default = "first_page")]
    #[param(minimum = 1, default = 1)]
    page: u32,
    /// How many things a page has at most, 1 to 500.
    #[serde(default = "usual_page_size")]
    #[param(minimum = 1, maximum = 500, default = 50)]
    page_size: u32,
}

/// Says whose token this is and what it allows.
#[utoipa::path(get, path = "/api/v1/whoami", tag = "access", security(("operator" = [])),
    responses((status = 200, description = "The token", body = WhoAmI)))]
async fn who_am_i(operator: Operator<Anybody>) -> Json<WhoAmI> {
    Json(operator.who)
}

/// Lists operator tokens, revoked ones too; never their text.
#[utoipa::path(get, path = "/api/v1/tokens", tag = "access", security(("operator" = ["admin:full"])), params(PageQuery),
    responses((status = 200, description = "A page of tokens", body = Page<TokenView>)))]
async fn tokens(
    State(state): State<ApiState>,
    _: Operator<Administer>,
    Asked(query): Asked<PageQuery>,
) -> Answer<Json<Page<TokenView>>> {
    Ok(Json(state.service.tokens(query.page_of()?).await?))
}

/// Makes an operator token; its text is shown this once.
#[utoipa::path(post, path = "/api/v1/tokens", tag = "access", security(("operator" = ["admin:full"])),
    request_body = CreateToken,
    responses((status = 201, description = "The token", body = NewToken)))]
async fn create_token(
    State(state): State<ApiState>,
    operator: Operator<Administer>,
    Order(token): Order<CreateToken>,
) -> Answer<(StatusCode, Secret, Json<NewToken>)> {
    if token.permissions.is_empty() {
        return Err(Refusal::of_field("permissions", "name at least one permission"));
    }
    check_name(&token.name)?;
    let token = state.service.create_token(&operator.actor(), token).await?;
    Ok((StatusCode::CREATED, SECRET, Json(token)))
}

/// Revokes an operator token, at once.
#[utoipa::path(delete, path = "/api/v1/tokens/{id}", tag = "access", security(("operator" = ["admin:full"])),
    params(("id" = String, Path, description = "Its number")),
    responses((status = 204, description = "It means nothing from now on"), (status = 404, description = "There is none")))]
async fn revoke_token(
    State(state): State<ApiState>,
    operator: Operator<Administer>,
    Named(id): Named<String>,
) -> Answer<StatusCode> {
    check_id(&id)?;
    state.service.revoke_token(&operator.actor(), &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lists enrolment tokens, revoked ones too; never their text.
#[utoipa::path(get, path = "/api/v1/enrolment-tokens", tag = "access", security(("operator" = ["fleet:manage"])),
    params(PageQuery), responses((status = 200, description = "A page of tokens", body = Page<EnrolmentTokenView>)))]
async fn enrolment_tokens(
    State(state): State<ApiState>,
    _: Operator<ManageFleet>,
    Asked(query): Asked<PageQuery>,
) -> Answer<Json<Page<EnrolmentTokenView>>> {
    Ok(Json(state.service.enrolment_tokens(query.page_of()?).await?))
}

/// Makes an enrolment token; its text is shown this once.
#[utoipa::path(post, path = "/api/v1/enrolment-tokens", tag = "access", security(("operator" = ["fleet:manage"])),
    request_body = CreateEnrolmentToken,
    responses((status = 201, description = "The token", body = NewToken)))]
async fn create_enrolment_token(
    State(state): State<ApiState>,
    operator: Operator<ManageFleet>,
    Order(token): Order<CreateEnrolmentToken>,
) -> Answer<(StatusCode, Secret, Json<NewToken>)> {
    check_name(&token.name)?;
    if token.uses == Some(0) {
        return Err(Refusal::of_field("uses", "at least one device must be able to use it"));
    }
    let token = state.service.create_enrolment_token(&operator.actor(), token).await?;
    Ok((StatusCode::CREATED, SECRET, Json(token)))
}

/// Revokes an enrolment token; devices that used it stay.
#[utoipa::path(delete, path = "/api/v1/enrolment-tokens/{id}", tag = "access",
    security(("operator" = ["fleet:manage"])), params(("id" = String, Path, description = "Its number")),
    responses((status = 204, description = "It means nothing from now on"), (status = 404, description = "There is none")))]
async fn revoke_enrolment_token(
    State(state): State<ApiState>,
    operator: Operator<ManageFleet>,
    Named(id): Named<String>,
) -> Answer<StatusCode> {
    check_id(&id)?;
    state.service.revoke_enrolment_token(&operator.actor(), &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lists what operators did, newest first.
#[utoipa::path(get, path = "/api/v1/audit", tag = "access", security(("operator" = ["admin:full"])), params(AuditQuery),
    responses((status = 200, description = "A page of the log", body = Page<AuditEntry>)))]
async fn audit(
    State(state): State<ApiState>,
    _: Operator<Administer>,
    Asked(query): Asked<AuditQuery>,
) -> Answer<Json<Page<AuditEntry>>> {
    let page = page_of(query.page, query.page_size)?;
    Ok(Json(state.service.audit(&query.actor, &query.action, page).await?))
}

fn check_name(name: &str) -> Answer<()> {
    match name.trim().chars().count() {
        1..=100 => Ok(()),
        _ => Err(Refusal::of_field("name", "a name has 1 to 100 characters")),
    }
}

fn check_id(id: &str) -> Answer<()> {
    let fits =
        (1..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
    if fits { Ok(()) } else { Err(Refusal::of_field("id", "1 to 64 of A-Z a-z 0-9 _ and -")) }
}
