//! Every refusal of the local API: its status, its stable code, its sentence. Nowhere else.

use axum::Json;
use axum::http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use belay_protocol::job::{Job, JobId, JobState};
use belay_protocol::local::ErrorBody;
use belay_protocol::{Failure, ListError, MAX_LINES, Reason};

use crate::machine::admit::Denial;
use crate::remote::door::PollError;
use crate::remote::enrolment::EnrolError;

use super::body::MAX_BODY;

/// Why a call was not carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// A process on this device that is neither root nor in the group.
    ForeignPeer {
        /// Its user.
        uid: u32,
    },
    /// TCP without a credential.
    TokenMissing,
    /// TCP with a credential that is not ours.
    TokenWrong,
    /// A token came over plain TCP from beyond this device.
    TokenInClear,
    /// `Host` names somebody else.
    WrongHost(String),
    /// A web page of another host asks.
    ForeignOrigin(String),
    /// No such path.
    UnknownRoute(String),
    /// The path exists, the method does not.
    MethodNotAllowed,
    /// No such job, or no longer remembered.
    UnknownJob(String),
    /// No such restore point.
    UnknownRestorePoint(String),
    /// No such bundle is kept or was uploaded.
    UnknownBundle(String),
    /// The manifest cannot be read, or is another archive's.
    BadManifest(String),
    /// The body is over `MAX_BODY`.
    BodyTooLarge,
    /// The archive is over this many bytes.
    BundleTooLarge(u64),
    /// The body did not arrive in time.
    BodyTimeout,
    /// The connection broke within the body.
    BodyBroken,
    /// A content type that this route does not read.
    UnsupportedType {
        /// What was sent.
        sent: String,
        /// What is read.
        read: &'static str,
    },
    /// No JSON, or not the JSON that the route reads.
    BadJson {
        /// The field at fault, where one is.
        field: Option<String>,
        /// What is wrong.
        detail: String,
    },
    /// A query that the route does not read.
    BadQuery {
        /// The parameter at fault, where one is.
        field: Option<String>,
        /// What is wrong.
        detail: String,
    },
    /// No base64.
    BadBase64(String),
    /// A package list that is not UTF-8.
    NotUtf8 {
        /// The line of the first bad byte, counted from 1.
        line: usize,
    },
    /// A package list that holds something else than packages.
    BadList(ListError),
    /// The daemon did not take the request.
    Denied(Denial),
    /// The host could not answer.
    Failed(Failure),
    /// The server did not answer, or the device did not become known to it.
    NoServer {
        /// The status.
        status: StatusCode,
        /// The code.
        code: &'static str,
        /// The sentence.
        message: String,
    },
    /// The job that a caller of the old format waited for did not end as asked.
    Ended(Box<Job>),
    /// The agent contradicted itself.
    Internal(&'static str),
}

impl Refusal {
    /// The daemon went away.
    pub(super) fn stopping() -> Self {
        Self::Denied(Denial::stopping())
    }

    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::TokenMissing | Self::TokenWrong => StatusCode::UNAUTHORIZED,
            Self::ForeignPeer { .. } | Self::TokenInClear | Self::ForeignOrigin(_) => StatusCode::FORBIDDEN,
            Self::WrongHost(_) => StatusCode::MISDIRECTED_REQUEST,
            Self::UnknownRoute(_) | Self::UnknownJob(_) | Self::UnknownRestorePoint(_) | Self::UnknownBundle(_) => {
                StatusCode::NOT_FOUND
            }
            Self::BadManifest(_) => status_of(Reason::BadManifest),
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::BodyTooLarge | Self::BundleTooLarge(_) | Self::BadList(ListError::TooLong { .. }) => {
                StatusCode::PAYLOAD_TOO_LARGE
            }
            Self::BodyTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::UnsupportedType { .. } => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::BodyBroken
            | Self::BadJson { .. }
            | Self::BadQuery { .. }
            | Self::BadBase64(_)
            | Self::NotUtf8 { .. }
            | Self::BadList(ListError::Line { .. } | ListError::Conflict { .. }) => StatusCode::BAD_REQUEST,
            Self::Denied(denial) => status_of(denial.failure.reason),
            Self::Failed(failure) => status_of(failure.reason),
            Self::NoServer { status, .. } => *status,
            Self::Ended(job) => status_of_end(job),
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::ForeignPeer { .. } => "foreign_peer",
            Self::TokenMissing => "token_missing",
            Self::TokenWrong => "token_wrong",
            Self::TokenInClear => "token_in_clear",
            Self::WrongHost(_) => "wrong_host",
            Self::ForeignOrigin(_) => "foreign_origin",
            Self::UnknownRoute(_) => "unknown_route",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::UnknownJob(_) => "unknown_job",
            Self::UnknownRestorePoint(_) => "unknown_restore_point",
            Self::UnknownBundle(_) => "unknown_bundle",
            Self::BadManifest(_) => Reason::BadManifest.code(),
            Self::BodyTooLarge | Self::BundleTooLarge(_) => "body_too_large",
            Self::BodyTimeout => "body_timeout",
            Self::BodyBroken => "body_broken",
            Self::UnsupportedType { .. } => "unsupported_type",
            Self::BadJson { .. } => "bad_json",
            Self::BadQuery { .. } => "bad_query",
            Self::BadBase64(_) => "bad_base64",
            Self::NotUtf8 { .. } => "not_utf8",
            Self::BadList(ListError::TooLong { .. }) => "too_many_lines",
            Self::BadList(ListError::Line { .. } | ListError::Conflict { .. }) => "bad_line",
            Self::Denied(denial) => denial.failure.reason.code(),
            Self::Failed(failure) => failure.reason.code(),
            Self::NoServer { code, .. } => code,
            Self::Ended(job) => job.reason.map_or(job.state.word(), Reason::code),
            Self::Internal(_) => "internal",
        }
    }

    /// The sentence that says what to do.
    pub fn message(&self) -> String {
        match self {
            Self::ForeignPeer { uid } => {
                format!("user {uid} may not use this socket: be root, or join its group and log in again")
            }
            Self::TokenMissing => {
                "this needs `Authorization: Bearer TOKEN`; without one, only the old controller's calls \
                 are served, and only to the networks of control.legacy"
                    .into()
            }
            Self::TokenWrong => "the token is not this device's: compare it with the file of control.token_file".into(),
            Self::TokenInClear => {
                "tokens are not taken over plain TCP from beyond this device, where others could read \
                 them: come through ssh, or set control.plain_tokens"
                    .into()
            }
            Self::WrongHost(host) => {
                format!("{host:?} is not a name of this device: use its address, or add the name to control.names")
            }
            Self::ForeignOrigin(from) => {
                format!("a web page ({from}) may not call this device: use belay-agent or curl")
            }
            Self::UnknownRoute(path) => format!("there is no {path}: docs/api.md lists what there is"),
            Self::MethodNotAllowed => {
                "this path does not take that method: the header Allow lists what it takes".into()
            }
            Self::UnknownJob(id) => {
                format!("there is no job {id}, or it ended too long ago: GET /history lists all known")
            }
            Self::UnknownRestorePoint(id) => {
                format!("there is no restore point {id}: GET /restore-points lists all there are")
            }
            Self::UnknownBundle(which) => format!("there is no {which}: GET /bundles lists those that are kept"),
            Self::BadManifest(detail) => format!("the bundle's manifest is not the one that it needs: {detail}"),
            Self::BundleTooLarge(most) => {
                format!("the archive has more than {most} bytes: make it smaller, or raise bundle.max_mb")
            }
            Self::BodyTooLarge => format!("a body has at most {MAX_BODY} bytes: split the package list"),
            Self::BodyTimeout => "the body did not arrive in time: send it again".into(),
            Self::BodyBroken => "the connection broke within the body: send it again".into(),
            Self::UnsupportedType { sent, read } => format!("this route does not read {sent}: send {read}"),
            Self::BadJson { detail, .. } => format!("the body is not the JSON that this route reads: {detail}"),
            Self::BadQuery { detail, .. } => format!("the query is not what this route reads: {detail}"),
            Self::BadBase64(detail) => {
                format!("the package list is not standard base64: {detail}; a plain list is sent as text/plain")
            }
            Self::NotUtf8 { line } => format!("line {line}: the package list is not UTF-8; save it as UTF-8"),
            Self::BadList(ListError::TooLong { .. }) => {
                format!("a package list has at most {MAX_LINES} lines: split it into several updates")
            }
            Self::BadList(error @ (ListError::Line { .. } | ListError::Conflict { .. })) => error.to_string(),
            Self::Denied(denial) => denial.failure.message.clone(),
            Self::Failed(failure) => failure.message.clone(),
            Self::NoServer { message, .. } => message.clone(),
            Self::Ended(job) => job.message.clone(),
            Self::Internal(what) => format!("the agent contradicted itself ({what}): please report this with its log"),
        }
    }

    /// The body of the answer.
    pub fn body(&self) -> ErrorBody {
        let mut body =
            ErrorBody { error: self.code().to_owned(), message: self.message(), line: None, field: None, job: None };
        match self {
            Self::BadJson { field, .. } | Self::BadQuery { field, .. } => body.field.clone_from(field),
            Self::BadManifest(_) => body.field = Some("bundle.manifest".to_owned()),
            Self::NotUtf8 { line } => body.line = Some(*line),
            Self::BadList(error) => body.line = Some(error.line()),
            Self::Denied(denial) => body.job = denial.job,
            Self::Ended(job) => body.job = Some(job.id),
            Self::ForeignPeer { .. }
            | Self::TokenMissing
            | Self::TokenWrong
            | Self::TokenInClear
            | Self::WrongHost(_)
            | Self::ForeignOrigin(_)
            | Self::UnknownRoute(_)
            | Self::MethodNotAllowed
            | Self::UnknownJob(_)
            | Self::UnknownRestorePoint(_)
            | Self::UnknownBundle(_)
            | Self::BodyTooLarge
            | Self::BundleTooLarge(_)
            | Self::BodyTimeout
            | Self::BodyBroken
            | Self::UnsupportedType { .. }
            | Self::BadBase64(_)
            | Self::Failed(_)
            | Self::NoServer { .. }
            | Self::Internal(_) => {}
        }
        body
    }
}

/// The status for a request that was denied, or a job that was refused, for this reason.
///
/// 400 the request is malformed; 403 a person forbade it; 409 the device's present state stands in the way; 422 what is asked cannot be, now or
/// later; 502, 503 and 507 what is needed is away; 500 something broke.
fn status_of(reason: Reason) -> StatusCode {
    match reason {
        Reason::BadKey => StatusCode::BAD_REQUEST,
        Reason::Lockdown
        | Reason::TooOld
        | Reason::BadUrl
        | Reason::Unsigned
        | Reason::BadSignature
        | Reason::KeyExpired => StatusCode::FORBIDDEN,
        Reason::Busy
        | Reason::KeyReused
        | Reason::Window
        | Reason::Clock
        | Reason::LockTimeout
        | Reason::PlanChanged
        | Reason::Cancelled
        | Reason::NothingToUndo
        | Reason::UnknownGeneration
        | Reason::OtherRelease
        | Reason::Drift
        | Reason::DeviceBroken
        | Reason::ForeignChange
        | Reason::UndoUnavailable
        | Reason::OlderVersion
        | Reason::WrongSource
        | Reason::CapturedConflict => StatusCode::CONFLICT,
        Reason::GuardRemoval
        | Reason::GuardProtected
        | Reason::GuardDowngrade
        | Reason::GuardOrigin
        | Reason::GuardOneWay
        | Reason::GuardHeld
        | Reason::GuardBoot
        | Reason::GuardPath
        | Reason::SizeMismatch
        | Reason::BadManifest
        | Reason::OtherDeviceType
        | Reason::UnpackCorrupt
        | Reason::UnpackAbsolute
        | Reason::UnpackParent
        | Reason::UnpackLink
        | Reason::UnpackHardLink
        | Reason::UnpackDevice
        | Reason::UnpackSetuid
        | Reason::UnpackTooLarge
        | Reason::UnpackTooMany
        | Reason::UnpackRatio
        | Reason::UnpackDepth
        | Reason::UnpackDuplicate
        | Reason::UnpackCase
        | Reason::UnpackName
        | Reason::BadBundle
        | Reason::AgentTooOld
        | Reason::CapturedRefused
        | Reason::Denied
        | Reason::UnknownPackage
        | Reason::VersionUnavailable
        | Reason::ClosureUnavailable
        | Reason::UnmetDependency
        | Reason::DryRun => StatusCode::UNPROCESSABLE_ENTITY,
        Reason::SourcesUnavailable | Reason::FetchFailed => StatusCode::BAD_GATEWAY,
        Reason::Stopping => StatusCode::SERVICE_UNAVAILABLE,
        Reason::NoSpace => StatusCode::INSUFFICIENT_STORAGE,
        Reason::AptFailed
        | Reason::ScriptFailed
        | Reason::ScriptTimeout
        | Reason::ScriptLeftProcess
        | Reason::RebootFailed
        | Reason::DigestMismatch
        | Reason::VaultDamaged
        | Reason::GaveUp
        | Reason::State
        | Reason::ApplyFailed
        | Reason::ResultDiffers
        | Reason::Requested
        | Reason::Unhealthy
        | Reason::Interrupted
        | Reason::UndoFailed => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// The status for an enrolment that came to nothing.
fn status_of_enrolment(error: &EnrolError) -> StatusCode {
    match error {
        EnrolError::NoServer | EnrolError::BadServer(_) | EnrolError::BadCertificates(_) => StatusCode::BAD_REQUEST,
        EnrolError::OtherServer(_) | EnrolError::Already { .. } => StatusCode::CONFLICT,
        EnrolError::Refused(_) => StatusCode::UNPROCESSABLE_ENTITY,
        EnrolError::Unreachable(_) => StatusCode::BAD_GATEWAY,
        EnrolError::Storage(_) => StatusCode::INTERNAL_SERVER_ERROR,
        EnrolError::Stopping => StatusCode::SERVICE_UNAVAILABLE,
    }
}

/// The status for a waiting caller of the old format: what was tried and did not hold is 500, whatever the reason.
fn status_of_end(job: &Job) -> StatusCode {
    match (job.state, job.reason) {
        (JobState::Refused, Some(reason)) => status_of(reason),
        (JobState::Refused, None) => StatusCode::CONFLICT,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = self.status();
        let mut response = (status, Json(self.body())).into_response();
        let headers = response.headers_mut();
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("5"));
        }
        response
    }
}

impl From<Denial> for Refusal {
    fn from(denial: Denial) -> Self {
        Self::Denied(denial)
    }
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<EnrolError> for Refusal {
    fn from(error: EnrolError) -> Self {
        Self::NoServer { status: status_of_enrolment(&error), code: error.code(), message: error.sentence() }
    }
}

impl From<PollError> for Refusal {
    fn from(error: PollError) -> Self {
        let status = match &error {
            PollError::NotEnrolled => StatusCode::CONFLICT,
            PollError::Refused(_) => StatusCode::UNPROCESSABLE_ENTITY,
            PollError::Unreachable(_) => StatusCode::BAD_GATEWAY,
            PollError::Stopping => StatusCode::SERVICE_UNAVAILABLE,
        };
        Self::NoServer { status, code: error.code(), message: error.to_string() }
    }
}

impl From<ListError> for Refusal {
    fn from(error: ListError) -> Self {
        Self::BadList(error)
    }
}

impl From<JobId> for Refusal {
    fn from(id: JobId) -> Self {
        Self::UnknownJob(id.to_string())
    }
}
