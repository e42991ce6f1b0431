//! The bodies of requests, of what answers them, and of events that only a stream has.
//!
//! A field that is not known is passed over, in both directions. Sizes, and what a name may be, are checked by the endpoint.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::Refused;
use crate::ids::{Incarnation, PromptNumber, Seq};
use crate::log::{LogId, ResetReason};
use crate::vocabulary::vocabulary;
use crate::words::{ClientRule, CloseCode, Reason, State};

/// `POST /sessions/{id}/prompts`: a prompt. With a header `Idempotency-Key` the body is `d` alone.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "docs", derive(schemars::JsonSchema))]
pub struct PromptRequest {
    /// The client's own name for itself.
    #[cfg_attr(feature = "docs", schemars(with = "crate::docs::schema::ClientName"))]
    pub client: String,
    /// The client's number for it.
    pub n: PromptNumber,
    /// The body.
    pub d: Box<RawValue>,
}

/// `POST /sessions/{id}/asks/{seq}`: an answer to an ask.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "docs", derive(schemars::JsonSchema))]
pub struct AnswerRequest {
    /// The client's own name for itself.
    #[cfg_attr(feature = "docs", schemars(with = "crate::docs::schema::ClientName"))]
    pub client: String,
    /// The answer.
    pub d: Box<RawValue>,
}

/// `POST /sessions/{id}/interrupt`: stop a turn, or take a queued prompt back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "docs", derive(schemars::JsonSchema))]
pub struct InterruptRequest {
    /// The turn, named by the place of its prompt.
    pub turn: Seq,
}

/// `POST /sessions/{id}/stop`: end the session. No body at all says the same as `{}`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "docs", derive(schemars::JsonSchema))]
pub struct StopRequest {
    /// The incarnation that is meant; the present one if it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub incarnation: Option<Incarnation>,
}

/// `POST /sessions/{id}/suspend`: the client goes to the background. Its connection may be lost already.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "docs", derive(schemars::JsonSchema))]
pub struct SuspendRequest {
    /// The client's own name for itself.
    #[cfg_attr(feature = "docs", schemars(with = "crate::docs::schema::ClientName"))]
    pub client: String,
    /// The connection, as in its welcome.
    #[cfg_attr(feature = "docs", schemars(with = "crate::docs::schema::Connection"))]
    pub connection: String,
    /// The last entry that the client has applied.
    pub seen: Seq,
}

/// A session: what `POST /sessions` has created, and what `GET /sessions` lists.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "docs", derive(schemars::JsonSchema))]
pub struct SessionName {
    /// Its name.
    #[cfg_attr(feature = "docs", schemars(with = "crate::docs::schema::SessionId"))]
    pub session: String,
}

/// `GET /sessions`: the sessions that the principal has created, the newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "docs", derive(schemars::JsonSchema))]
pub struct SessionList {
    /// The `cursor` of the page that follows; null on the last one.
    pub next: Option<String>,
    /// The sessions of this page.
    pub sessions: Vec<SessionName>,
}

/// `GET /sessions/{id}`: the session's record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "docs", derive(schemars::JsonSchema))]
pub struct SessionRecord {
    /// Pending asks.
    pub asks: Vec<Seq>,
    /// The last entry that was trimmed, or 0.
    pub base: Seq,
    /// The last entry, or 0.
    pub head: Seq,
    /// Which life of the worker this is.
    pub incarnation: Incarnation,
    /// Which log this is.
    pub log: LogId,
    /// What waits to be a turn.
    pub queue: Vec<Seq>,
    /// The session's name.
    #[cfg_attr(feature = "docs", schemars(with = "crate::docs::schema::SessionId"))]
    pub session: String,
    /// The session's state.
    pub state: State,
    /// The running turn.
    pub turn: Option<Seq>,
}

/// A prompt is accepted: 202, or 200 if it was accepted before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "docs", derive(schemars::JsonSchema))]
pub struct PromptAccepted {
    /// Whether it was accepted before.
    pub again: bool,
    /// The client's number for it.
    pub n: PromptNumber,
    /// Its place in the log, which names its turn.
    pub seq: Seq,
}

/// 202: the command, or the answer, is taken. Its effect is in the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "docs", derive(schemars::JsonSchema))]
pub struct Taken {}

/// 200: the command came too late, and did nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "docs", derive(schemars::JsonSchema))]
pub struct Ignored {
    /// Why.
    pub ignored: Reason,
    /// The whole sentence, for people: what the reason means.
    pub message: Cow<'static, str>,
}

impl Ignored {
    /// With the sentence of its reason.
    pub fn new(ignored: Reason) -> Ignored {
        Ignored { ignored, message: ignored.meaning().into() }
    }
}

vocabulary! {
    /// What is wrong with a request that the session's table was not asked about, or could not be.
    MistakeKind as "snake_case" {
        Malformed = "400: the request is not understood.",
        Unauthenticated = "401: the credentials are missing or wrong.",
        Expired = "401: the credentials have expired.",
        Forbidden = "403: the role does not allow it.",
        Origin = "403: pages of this origin may not connect.",
        NotFound = "404: there is no such session, or not for this principal.",
        Method = "405: the route does not have this method.",
        Timeout = "408: the body took too long to arrive.",
        TooBig = "413: the body is larger than the limit.",
        Host = "421: the server does not go by this name.",
        Upgrade = "426: this is the address of a WebSocket.",
        Version = "426: the server supports none of the requested subprotocols.",
        Limit = "429: a limit is reached for now.",
        Damaged = "500: the session cannot be read.",
        Unavailable = "503: the store does not answer, or another process owns it.",
        Draining = "503: the server is about to leave.",
    }
}

/// What is wrong with a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "docs", derive(schemars::JsonSchema))]
pub struct Mistake {
    /// What, in a word.
    pub error: MistakeKind,
    /// The whole sentence, for people.
    pub message: String,
    /// The place of the mistake.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Cow<'static, str>>,
    /// What would have been right there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub right: Option<Cow<'static, str>>,
}

/// What the session's table refuses: 422 if the number was accepted with another body, else 409.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "docs", derive(schemars::JsonSchema))]
#[serde(tag = "error", rename_all = "snake_case")]
pub enum Refusal {
    /// With the fields of the frame.
    Refused(Refused),
}

/// Why a request failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "docs", derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum Problem {
    /// The session's table refused it.
    Refused(Box<Refusal>),
    /// It is wrong, or cannot be done now.
    Mistake(Mistake),
}

/// What a stream of events has beside the frames.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "docs", derive(schemars::JsonSchema))]
#[serde(tag = "t", rename_all = "snake_case")]
pub enum StreamOnly {
    /// The cursor is unusable, and all retained entries follow: the same as `outcome` of the welcome.
    Reset {
        /// Why.
        why: ResetReason,
    },
    /// How a WebSocket would be closed. Nothing follows.
    Close {
        /// The number of the close code.
        code: u16,
        /// What the client does then.
        rule: ClientRule,
        /// What the code means, for people.
        message: Cow<'static, str>,
    },
}

impl StreamOnly {
    /// The event of a close code.
    pub fn close(code: CloseCode) -> StreamOnly {
        let (number, rule) = (code.number(), code.client_rule());
        StreamOnly::Close { code: number, rule, message: code.meaning().into() }
    }
}
