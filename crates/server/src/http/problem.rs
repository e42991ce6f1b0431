//! What is wrong with a request, as JSON.

use std::fmt;
use std::time::Duration;

use axum::Json;
use axum::http::header::{RETRY_AFTER, UPGRADE, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde::Serialize;

use super::authorize::AuthError;
use super::bodies::TooManyBodies;
use super::origins::ForeignPage;
use super::sse;
use super::throttle::LimitExceeded;
use crate::hub::{CommandError, Hub};
use outlive::CloseCode;
use outlive::Reason;
use outlive::ids::{PromptNumber, Seq};
use outlive::wire::http::{self, Mistake, MistakeKind, Refusal};
use outlive::wire::{Refusable, Refused, Why};

/// Why a request failed, as JSON: `{"error":"malformed","message":"…","at":"…","right":"…"}`. `at` is the
/// place of the mistake, and `right` what would have been right there.
///
/// What the session's table refuses has `"error":"refused"`, and the fields of the WebSocket's [`Refused`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Problem {
    #[serde(skip)]
    status: StatusCode,
    /// Of what is refused for now, and may be taken later; `None` if it is refused for good.
    #[serde(skip)]
    for_now: Option<ForNow>,
    body: http::Problem,
}

/// What the peer is told of a request that may be taken later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct ForNow {
    /// Seconds.
    retry_after: u32,
    /// Of a server that leaves: between which two times to come back, in milliseconds.
    goaway: Option<[u32; 2]>,
    /// How a WebSocket would be closed.
    code: CloseCode,
}

impl ForNow {
    /// As a stream of events, which ends at once: `EventSource` never reconnects after a status other than 200.
    fn stream(self) -> Bytes {
        let least = u64::from(self.retry_after) * 1_000;
        // Without randomness all readers come back at once, which is bad but no reason to fail.
        let retry = least + getrandom::u64().unwrap_or(0) % (least / 2 + 1);
        sse::refusal(retry, self.goaway, self.code)
    }
}

impl Problem {
    fn new(status: StatusCode, error: MistakeKind, message: impl Into<String>) -> Problem {
        let mistake = Mistake { error, message: message.into(), at: None, right: None };
        Problem { status, for_now: None, body: http::Problem::Mistake(mistake) }
    }

    /// The status of the response.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Adds the place of the mistake, and what would have been right there.
    pub(super) fn at(mut self, at: &'static str, right: &'static str) -> Problem {
        if let http::Problem::Mistake(mistake) = &mut self.body {
            (mistake.at, mistake.right) = (Some(at.into()), Some(right.into()));
        }
        self
    }

    pub(super) fn malformed(message: impl Into<String>) -> Problem {
        Problem::new(StatusCode::BAD_REQUEST, MistakeKind::Malformed, message)
    }

    /// There is no such session, or the principal may not see it.
    pub(super) fn not_found() -> Problem {
        Problem::new(
            StatusCode::NOT_FOUND,
            MistakeKind::NotFound,
            CommandError::NotFound.to_string(),
        )
    }

    pub(super) fn forbidden(right: &'static str) -> Problem {
        let problem = Problem::new(
            StatusCode::FORBIDDEN,
            MistakeKind::Forbidden,
            "your role may not do this",
        );
        problem.at("your role", right)
    }

    pub(super) fn foreign(page: &ForeignPage) -> Problem {
        if page.is_misdirected() {
            return Problem::new(
                StatusCode::MISDIRECTED_REQUEST,
                MistakeKind::Host,
                page.to_string(),
            )
            .at("header Host", "a name of the server that it admits");
        }
        Problem::new(StatusCode::FORBIDDEN, MistakeKind::Origin, page.to_string())
            .at("header Origin", "an origin that the server admits, or none")
    }

    /// Another node owns the session: for the node that has passed the request on.
    pub(super) fn misdirected(message: &str) -> Problem {
        Problem::new(StatusCode::MISDIRECTED_REQUEST, MistakeKind::Unavailable, message)
    }

    /// Not for this peer.
    pub(super) fn denied(message: &str) -> Problem {
        Problem::new(StatusCode::FORBIDDEN, MistakeKind::Forbidden, message)
    }

    pub(super) fn version() -> Problem {
        let message = "this server supports none of the requested subprotocols";
        Problem::new(StatusCode::UPGRADE_REQUIRED, MistakeKind::Version, message)
            .at("header Sec-WebSocket-Protocol", outlive::wire::SUBPROTOCOL)
    }

    pub(super) fn upgrade(why: impl core::fmt::Display) -> Problem {
        let message = format!("this is the address of a WebSocket: {why}");
        Problem::new(StatusCode::UPGRADE_REQUIRED, MistakeKind::Upgrade, message)
            .at("header Upgrade", "websocket")
    }

    pub(super) fn too_big(most: usize) -> Problem {
        let message = format!("the body is larger than {most} bytes");
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, MistakeKind::TooBig, message)
    }

    pub(super) fn too_slow() -> Problem {
        Problem::new(
            StatusCode::REQUEST_TIMEOUT,
            MistakeKind::Timeout,
            "the body took too long to arrive",
        )
    }

    /// It may be taken in `retry_after` seconds.
    fn for_now(self, retry_after: u32, code: CloseCode) -> Problem {
        Problem { for_now: Some(ForNow { retry_after, goaway: None, code }), ..self }
    }

    pub(super) fn unavailable(message: impl Into<String>, code: CloseCode) -> Problem {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, MistakeKind::Unavailable, message)
            .for_now(1, code)
    }

    /// The hub leaves; its clients come back between these two times, in milliseconds.
    pub(super) fn draining(come_back_ms: [u32; 2]) -> Problem {
        let message = CommandError::Draining.to_string();
        let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, MistakeKind::Draining, message);
        let retry_after = come_back_ms[1].div_ceil(1_000);
        let (goaway, code) = (Some(come_back_ms), CloseCode::Restart);
        Problem { for_now: Some(ForNow { retry_after, goaway, code }), ..problem }
    }

    pub(super) fn limit(message: impl Into<String>, retry_after: u32, code: CloseCode) -> Problem {
        Problem::new(StatusCode::TOO_MANY_REQUESTS, MistakeKind::Limit, message)
            .for_now(retry_after, code)
    }

    /// A command of the hub failed.
    pub(super) fn of(hub: &Hub, what: Refusable, why: &CommandError) -> Problem {
        match why {
            CommandError::Refused(refusal) => {
                let status = if refusal.reason == Reason::Conflict {
                    StatusCode::UNPROCESSABLE_ENTITY
                } else {
                    StatusCode::CONFLICT
                };
                let refused = Refused {
                    what,
                    n: None,
                    ask: None,
                    reason: Why::Table(refusal.reason),
                    rule: Some(refusal.rule.into()),
                    expected: refusal.expected,
                    message: why.sentence(),
                };
                let refused = Box::new(Refusal::Refused(refused));
                Problem { status, for_now: None, body: http::Problem::Refused(refused) }
            }
            CommandError::NotFound => Problem::not_found(),
            CommandError::Unavailable(_) => Problem::unavailable(why.to_string(), CloseCode::Error),
            CommandError::Moved => Problem::unavailable(why.to_string(), CloseCode::Moved),
            CommandError::Damaged(_) => Problem::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                MistakeKind::Damaged,
                why.to_string(),
            ),
            CommandError::Draining => Problem::draining(hub.come_back_ms()),
            CommandError::Invalid(_) => Problem::malformed(why.to_string()),
        }
    }

    /// What is refused for now, as a stream of events that says so and ends; `None` if it is refused for good.
    pub(super) fn stream(&self) -> Option<Bytes> {
        self.for_now.map(ForNow::stream)
    }

    pub(super) fn prompt(mut self, n: PromptNumber) -> Problem {
        if let Some(refused) = self.refused() {
            refused.n = Some(n);
        }
        self
    }

    pub(super) fn ask(mut self, ask: Seq) -> Problem {
        if let Some(refused) = self.refused() {
            refused.ask = Some(ask);
        }
        self
    }

    fn refused(&mut self) -> Option<&mut Refused> {
        match &mut self.body {
            http::Problem::Refused(refusal) => {
                let Refusal::Refused(refused) = &mut **refusal;
                Some(refused)
            }
            http::Problem::Mistake(_) => None,
        }
    }

    /// A stream of events was closed before it began.
    pub(super) fn closed(hub: &Hub, code: CloseCode) -> Problem {
        match code {
            CloseCode::NotFound => Problem::not_found(),
            CloseCode::Restart | CloseCode::GoingAway => Problem::draining(hub.come_back_ms()),
            CloseCode::Overloaded => Problem::limit(code.meaning(), 5, code),
            CloseCode::Protocol => Problem::malformed("the client's name is malformed")
                .at("parameter client", "1 to 64 bytes of text without control characters"),
            CloseCode::Normal
            | CloseCode::TooBig
            | CloseCode::Error
            | CloseCode::Ended
            | CloseCode::Unauthenticated
            | CloseCode::Forbidden
            | CloseCode::Replaced
            | CloseCode::Expired
            | CloseCode::Version
            | CloseCode::IdleTimeout
            | CloseCode::SlowConsumer
            | CloseCode::RateLimited
            | CloseCode::Moved
            | CloseCode::Reauthenticate
            | CloseCode::Liveness
            | CloseCode::Invalidated => Problem::unavailable(code.meaning(), code),
        }
    }
}

/// The response to a request with a method that its route does not have. The header `Allow` lists the others.
pub(super) async fn method() -> Problem {
    let message = "this route does not have this method";
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, MistakeKind::Method, message)
        .at("the method", "one of those in the header Allow")
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.body {
            http::Problem::Refused(refusal) => {
                let Refusal::Refused(refused) = &**refusal;
                write!(f, "refused: {}", refused.message)
            }
            http::Problem::Mistake(Mistake { error, message, .. }) => {
                write!(f, "{error}: {message}")
            }
        }
    }
}

impl std::error::Error for Problem {}

impl From<AuthError> for Problem {
    fn from(error: AuthError) -> Problem {
        let message = error.to_string();
        match error {
            AuthError::MissingCredentials | AuthError::InvalidCredentials => {
                Problem::new(StatusCode::UNAUTHORIZED, MistakeKind::Unauthenticated, message).at(
                    "who you are",
                    "credentials, such as a bearer token in the header Authorization",
                )
            }
            AuthError::Expired => {
                Problem::new(StatusCode::UNAUTHORIZED, MistakeKind::Expired, message)
                    .at("who you are", "credentials that have not expired")
            }
            AuthError::Forbidden => Problem::not_found(),
            AuthError::Unavailable => Problem::unavailable(message, CloseCode::Overloaded),
            AuthError::RateLimited { retry_after } => {
                Problem::limit(message, seconds(retry_after), CloseCode::RateLimited)
            }
        }
    }
}

impl From<LimitExceeded> for Problem {
    fn from(limit: LimitExceeded) -> Problem {
        let (message, retry_after) = match limit {
            LimitExceeded::Connections => ("you have as many connections as you may", 5),
            LimitExceeded::Attaches { retry_after } => {
                ("you attach more often than you may", seconds(retry_after).max(1))
            }
        };
        Problem::limit(message, retry_after, limit.code())
    }
}

impl From<TooManyBodies> for Problem {
    fn from(_: TooManyBodies) -> Problem {
        Problem::limit("too many bodies are being read", 1, CloseCode::Overloaded)
    }
}

/// Rounded up, for `Retry-After`.
fn seconds(time: Duration) -> u32 {
    let up = u64::from(time.subsec_nanos() > 0);
    u32::try_from(time.as_secs().saturating_add(up)).unwrap_or(u32::MAX)
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, for_now) = (self.status, self.for_now);
        let mut response = (status, Json(self)).into_response();
        let headers = response.headers_mut();
        if let Some(ForNow { retry_after, .. }) = for_now {
            headers.insert(RETRY_AFTER, retry_after.into());
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if status == StatusCode::UPGRADE_REQUIRED {
            headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        }
        response
    }
}
