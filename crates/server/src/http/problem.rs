//! What is wrong with a request, as JSON.

use std::string::{String, ToString};

use axum::Json;
use axum::http::header::{RETRY_AFTER, UPGRADE, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::authorize::Denied;
use super::throttle::TooMany;
use crate::hub::{COME_BACK_MS, NotDone};
use outlive::CloseCode;
use outlive::Reason;
use outlive::ids::{PromptNumber, Seq};
use outlive::wire::{Refusable, Refused, Why};

/// What is wrong with a request: `{"error":"malformed","message":"…","at":"…","right":"…"}`, where
/// something is wrong, and what would have been right there.
///
/// What the table refused is told as the [`Refused`] of the WebSocket, with `"error":"refused"`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    #[serde(skip)]
    status: StatusCode,
    /// Seconds.
    #[serde(skip)]
    retry_after: Option<u32>,
    error: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    right: Option<&'static str>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    refused: Option<Box<Refused>>,
}

impl Problem {
    fn new(status: StatusCode, error: &'static str, message: impl Into<String>) -> Problem {
        let message = Some(message.into());
        Problem { status, retry_after: None, error, message, at: None, right: None, refused: None }
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Where it was found, and what would have been right there.
    pub(super) fn at(mut self, at: &'static str, right: &'static str) -> Problem {
        (self.at, self.right) = (Some(at), Some(right));
        self
    }

    pub(super) fn malformed(message: impl Into<String>) -> Problem {
        Problem::new(StatusCode::BAD_REQUEST, "malformed", message)
    }

    /// Also when there is one that is not for this principal.
    pub(super) fn not_found() -> Problem {
        Problem::new(StatusCode::NOT_FOUND, "not_found", NotDone::NotFound.to_string())
    }

    pub(super) fn forbidden(right: &'static str) -> Problem {
        let problem = Problem::new(StatusCode::FORBIDDEN, "forbidden", "your role may not do this");
        problem.at("your role", right)
    }

    pub(super) fn origin(origin: &str) -> Problem {
        let message = format!("pages of {origin:?} may not connect to this server");
        Problem::new(StatusCode::FORBIDDEN, "origin", message)
            .at("header Origin", "an origin that the server was told of, or no page at all")
    }

    pub(super) fn version() -> Problem {
        let message = "none of the subprotocols that were asked for is spoken here";
        Problem::new(StatusCode::UPGRADE_REQUIRED, "version", message)
            .at("header Sec-WebSocket-Protocol", outlive::wire::SUBPROTOCOL)
    }

    pub(super) fn upgrade(why: impl core::fmt::Display) -> Problem {
        let message = format!("this is the address of a WebSocket: {why}");
        Problem::new(StatusCode::UPGRADE_REQUIRED, "upgrade", message)
            .at("header Upgrade", "websocket")
    }

    pub(super) fn too_big(most: usize) -> Problem {
        let message = format!("the body is larger than {most} bytes");
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_big", message)
    }

    pub(super) fn unavailable(message: impl Into<String>) -> Problem {
        let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", message);
        Problem { retry_after: Some(1), ..problem }
    }

    pub(super) fn draining() -> Problem {
        let message = NotDone::Draining.to_string();
        let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "draining", message);
        Problem { retry_after: Some(COME_BACK_MS[1] / 1_000), ..problem }
    }

    pub(super) fn limit(message: impl Into<String>, retry_after: u32) -> Problem {
        let problem = Problem::new(StatusCode::TOO_MANY_REQUESTS, "limit", message);
        Problem { retry_after: Some(retry_after), ..problem }
    }

    /// Of a command that was not carried out.
    pub(super) fn of(what: Refusable, why: &NotDone) -> Problem {
        match why {
            NotDone::Refused(refusal) => {
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
                let refused = Some(Box::new(refused));
                Problem { message: None, refused, ..Problem::new(status, "refused", "") }
            }
            NotDone::NotFound => Problem::not_found(),
            NotDone::Unavailable(_) | NotDone::Moved => Problem::unavailable(why.to_string()),
            NotDone::Damaged(_) => {
                Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "damaged", why.to_string())
            }
            NotDone::Draining => Problem::draining(),
            NotDone::Invalid(_) => Problem::malformed(why.to_string()),
        }
    }

    pub(super) fn prompt(mut self, n: PromptNumber) -> Problem {
        if let Some(refused) = &mut self.refused {
            refused.n = Some(n);
        }
        self
    }

    pub(super) fn ask(mut self, ask: Seq) -> Problem {
        if let Some(refused) = &mut self.refused {
            refused.ask = Some(ask);
        }
        self
    }

    /// Of a stream of events that was closed before it began.
    pub(super) fn closed(code: CloseCode) -> Problem {
        match code {
            CloseCode::NotFound => Problem::not_found(),
            CloseCode::Restart | CloseCode::GoingAway => Problem::draining(),
            CloseCode::Limit => Problem::limit(code.meaning(), 5),
            CloseCode::Protocol => Problem::malformed("the client's name is none")
                .at("parameter client", "1 to 64 bytes of text without control characters"),
            CloseCode::Normal
            | CloseCode::TooBig
            | CloseCode::Error
            | CloseCode::Overloaded
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
            | CloseCode::Invalidated => Problem::unavailable(code.meaning()),
        }
    }
}

/// A route of ours, asked with a method that it has not. The header `Allow` has those that it has.
pub(super) async fn method() -> Problem {
    let message = "this address does not take this method";
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method", message)
        .at("the method", "one of those in the header Allow")
}

impl From<Denied> for Problem {
    fn from(denied: Denied) -> Problem {
        let unauthorized = |message| {
            Problem::new(StatusCode::UNAUTHORIZED, "unauthenticated", message).at(
                "who you are",
                "what this server knows you by, such as a bearer token in the header Authorization",
            )
        };
        match denied {
            Denied::Missing => unauthorized("the request does not say who you are"),
            Denied::Unauthenticated => unauthorized("you are not known as who you say you are"),
            Denied::Forbidden => Problem::not_found(),
            Denied::Unavailable => Problem::unavailable("nobody can say who you are at the moment"),
            Denied::TooOften { after_ms } => {
                Problem::limit("you ask more often than you may", after_ms.div_ceil(1_000))
            }
        }
    }
}

impl From<TooMany> for Problem {
    fn from(much: TooMany) -> Problem {
        match much {
            TooMany::Connections => Problem::limit("you have as many connections as you may", 5),
            TooMany::Attaches { wait } => {
                let seconds = u32::try_from(wait.as_secs()).unwrap_or(u32::MAX).saturating_add(1);
                Problem::limit("you attach more often than you may", seconds)
            }
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, retry_after) = (self.status, self.retry_after);
        let mut response = (status, Json(self)).into_response();
        let headers = response.headers_mut();
        if let Some(seconds) = retry_after {
            headers.insert(RETRY_AFTER, seconds.into());
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
