//! What goes over a WebSocket: JSON, a frame a message; and the bodies of [requests](http).
//!
//! The field `t` says what a frame is. Unknown fields are passed over; what a server does not know it
//! answers with [`ToClient::Error`], what a client does not know it passes over. Frames with an `id` are
//! entries of the log and move the client's cursor; no other frame does. Texts and numbers are bounded by
//! the endpoint before they come here. A body `d` is any JSON, also `null`.

mod fields;
pub mod http;

use std::borrow::Cow;

use serde::de::{self, DeserializeOwned};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::ids::{Incarnation, PromptNumber, Seq};
use crate::log::{AttachOutcome, Cursor, LogId, ParseCursorError};
use crate::words::{EndReason, Reason, State, TurnOutcome};

pub use crate::words::EndpointReason;

use self::fields::Fields;

/// The WebSocket subprotocol. The server selects it, or refuses a client that asks only for others; to ask for none is fine.
pub const SUBPROTOCOL: &str = "outlive.v1";

/// From client to server.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "docs", derive(schemars::JsonSchema), schemars(!try_from))]
#[serde(tag = "t", rename_all = "snake_case", try_from = "Fields")]
pub enum ToServer {
    /// The hello: the first frame.
    Attach {
        /// The client's own name for itself, kept over reconnects: up to 64 bytes.
        #[cfg_attr(feature = "docs", schemars(with = "crate::docs::schema::ClientName"))]
        client: String,
        /// How far it has applied the log, as `log.seq`.
        #[serde(skip_serializing_if = "Option::is_none")]
        cursor: Option<String>,
        /// Who it is, if the request could not carry a token.
        #[serde(skip_serializing_if = "Option::is_none")]
        token: Option<String>,
    },
    /// A prompt. Answered by [`ToClient::Accepted`] or [`ToClient::Refused`].
    Prompt {
        /// Counted from 1 per client. The same prompt, sent again, has the same number and body.
        n: PromptNumber,
        /// The body. Space between its tokens does not count when it is compared.
        d: Box<RawValue>,
    },
    /// Stop a turn, or take a queued prompt back. Not answered: its effect is in the log.
    Interrupt {
        /// The turn, named by the place of its prompt.
        turn: Seq,
    },
    /// End the session. Not answered: its effect is in the log.
    Stop {
        /// The incarnation that is meant.
        incarnation: Incarnation,
    },
    /// Answer an ask. A refusal comes as a frame; success is in the log.
    Answer {
        /// The ask, named by its place.
        ask: Seq,
        /// The answer.
        d: Box<RawValue>,
    },
    /// The client goes to the background and will be back.
    Suspend {
        /// The last entry it has applied.
        seen: Seq,
    },
    /// It is back, on the same connection.
    Resume,
    /// Are you there? Answered by [`ToClient::Pong`].
    Ping,
    /// I am.
    Pong,
    /// The client leaves; the session goes on. Better than a bare close, which says the same.
    Detach,
}

/// From server to client, except for log entries, which the hub has [encoded](frame) already.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "docs", derive(schemars::JsonSchema))]
#[serde(tag = "t", rename_all = "snake_case")]
pub enum ToClient {
    /// The hello is taken: entries follow. Only [`Error`](ToClient::Error) and [`Goaway`](ToClient::Goaway) may
    /// come before it.
    Welcome(Welcome),
    /// These entries are lost to this client: they were trimmed before it read them.
    Gap {
        /// The first one.
        lost_from: Seq,
        /// The last one.
        lost_to: Seq,
    },
    /// A prompt is accepted, and durable: it is the client's latest one. An older number is refused as `too_old`,
    /// whatever its body, so count on from `high` of the [`Welcome`].
    Accepted {
        /// The client's number for it.
        n: PromptNumber,
        /// Its place in the log, which names its turn.
        seq: Seq,
        /// Whether this was said before.
        again: bool,
        /// Which life of the worker a stop is for by now, as in the [`Welcome`].
        incarnation: Incarnation,
    },
    /// The request was refused and had no effect, except that a server which is shutting down may be unable to tell.
    /// Retry with the same number and body if the reason is one [for now](EndpointReason::is_for_now).
    Refused(Refused),
    /// The server will close soon, or accepts no new connection: come back after a random time between these two.
    Goaway {
        /// In milliseconds.
        retry_after_ms: [u32; 2],
    },
    /// What the client sent was not understood, or, if it has no answer of its own, could not be done. The
    /// connection stays.
    Error {
        /// What was wrong with it.
        message: String,
    },
    /// Are you there? Answered by [`ToServer::Pong`].
    Ping,
    /// I am.
    Pong,
}

/// Where a client and its session stand, when the hello is taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "docs", derive(schemars::JsonSchema))]
pub struct Welcome {
    /// The connection's fence, in hexadecimal: a posted suspend notice names it.
    #[cfg_attr(feature = "docs", schemars(with = "crate::docs::schema::Connection"))]
    pub connection: String,
    /// Which log this is.
    pub log: LogId,
    /// The last entry that was trimmed, or 0: what a client without a cursor is not sent, and told no gap of.
    pub base: Seq,
    /// The last entry: a client that has applied it has caught up.
    pub head: Seq,
    /// The session's state.
    pub state: State,
    /// Which life of the worker a stop is for; of a session that has ended, the next one.
    pub incarnation: Incarnation,
    /// The running turn.
    pub turn: Option<Seq>,
    /// What waits to be a turn: accepted prompts, and answers to asks that outlived their turns.
    pub queue: Vec<Seq>,
    /// Pending asks.
    pub asks: Vec<Seq>,
    /// The client's own highest accepted prompt number.
    pub high: Option<PromptNumber>,
    /// Where the client goes on.
    pub outcome: AttachOutcome,
    /// How often the server pings, in milliseconds; a client that hears nothing for 2.5 times as long
    /// reconnects.
    pub ping_ms: u32,
}

/// What was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "docs", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Refusable {
    /// A prompt.
    Prompt,
    /// An answer to an ask.
    Answer,
}

/// Why, in a word: the machine's [`Reason`], or one of the endpoint's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "docs", derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum Why {
    /// The table says no.
    Table(Reason),
    /// The endpoint says no.
    Endpoint(EndpointReason),
}

/// A refusal, as the sender of the request gets it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "docs", derive(schemars::JsonSchema))]
pub struct Refused {
    /// What.
    pub what: Refusable,
    /// The prompt's number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub n: Option<PromptNumber>,
    /// The ask.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ask: Option<Seq>,
    /// Why.
    pub reason: Why,
    /// The row that refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<Cow<'static, str>>,
    /// The number that would have been right.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<PromptNumber>,
    /// The whole sentence, for people: what the reason means.
    pub message: String,
}

/// What a log entry says, apart from its place and its time: on the wire [both](LogEntry) are beside it.
///
/// `by` is the principal that the server authorised, where somebody caused the entry: whoever may watch the session
/// reads it. Left out where nobody did, or where the server's own code did and named nobody.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "docs", derive(schemars::JsonSchema), schemars(!try_from))]
#[serde(tag = "entry", rename_all = "snake_case", try_from = "Fields")]
pub enum Entry {
    /// An accepted prompt; its place names the turn.
    Prompt {
        /// Which client prompted, by its own name for itself: no proof of who that is.
        #[cfg_attr(feature = "docs", schemars(with = "crate::docs::schema::ClientName"))]
        client: String,
        /// Who prompted.
        #[serde(skip_serializing_if = "Option::is_none")]
        by: Option<String>,
        /// The client's number for it.
        n: PromptNumber,
        /// The body.
        d: Box<RawValue>,
    },
    /// A piece of the worker's output.
    Output {
        /// The turn it belongs to; none outside of turns.
        turn: Option<Seq>,
        /// The body.
        d: Box<RawValue>,
    },
    /// The worker asks; its place names the ask.
    Ask {
        /// The turn that asks.
        turn: Seq,
        /// It outlives the turn: it can be answered until an answer or a withdrawal is in the log. Left out if not.
        #[serde(skip_serializing_if = "crate::ids::is_default")]
        stands: bool,
        /// The question.
        d: Box<RawValue>,
    },
    /// The answer that won. If the ask stands, its place names a turn, which ends as that of a prompt does.
    Answer {
        /// Which ask.
        ask: Seq,
        /// Which client answered, by its own name for itself: no proof of who that is.
        #[cfg_attr(feature = "docs", schemars(with = "crate::docs::schema::ClientName"))]
        client: String,
        /// Who answered.
        #[serde(skip_serializing_if = "Option::is_none")]
        by: Option<String>,
        /// The answer.
        d: Box<RawValue>,
    },
    /// The worker gave up an ask: nobody can answer it any more.
    Withdrawn {
        /// Which ask.
        ask: Seq,
    },
    /// The one end of a turn.
    TurnEnd {
        /// Which turn.
        turn: Seq,
        /// How it ended.
        outcome: TurnOutcome,
        /// Who interrupted it, took its prompt back, or stopped the session with it.
        #[serde(skip_serializing_if = "Option::is_none")]
        by: Option<String>,
        /// What the worker said of its failure, or of why it could not start.
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<String>,
    },
    /// The end was asked for.
    Closing {
        /// Why.
        why: EndReason,
        /// Who stopped the session, if somebody did.
        #[serde(skip_serializing_if = "Option::is_none")]
        by: Option<String>,
        /// Of which incarnation.
        incarnation: Incarnation,
    },
    /// The incarnation's end. What comes later belongs to the next one.
    End {
        /// Why.
        why: EndReason,
        /// Who stopped the session, if that ended it at once, without a [`Closing`](Entry::Closing).
        #[serde(skip_serializing_if = "Option::is_none")]
        by: Option<String>,
        /// Of which incarnation.
        incarnation: Incarnation,
    },
}

impl Entry {
    /// The value of its body `d`.
    ///
    /// # Errors
    /// It is of another form, or this kind of entry has none.
    pub fn deserialize<T: DeserializeOwned>(&self) -> serde_json::Result<T> {
        match self {
            Entry::Prompt { d, .. }
            | Entry::Output { d, .. }
            | Entry::Ask { d, .. }
            | Entry::Answer { d, .. } => serde_json::from_str(d.get()),
            Entry::Withdrawn { .. }
            | Entry::TurnEnd { .. }
            | Entry::Closing { .. }
            | Entry::End { .. } => Err(de::Error::custom("this entry has no body")),
        }
    }
}

/// A line of the log, as a store keeps it: `{"at":1764322800000,"entry":"output",…}`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "Fields")]
pub struct Line {
    /// When the entry was committed, in milliseconds since the Unix epoch, by the server's clock; never before the
    /// entry that precedes it in the log, even where that clock was set back. 0, and left out, in a log of before times
    /// were kept.
    #[serde(skip_serializing_if = "crate::ids::is_default")]
    pub at: u64,
    /// The entry.
    #[serde(flatten)]
    pub entry: Entry,
}

/// A log entry as a client reads it: `{"t":"ev","id":"9f3a.43","at":1764322800000,"entry":"output",…}`.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "docs", derive(schemars::JsonSchema), schemars(!try_from))]
#[serde(try_from = "Fields")]
pub struct LogEntry {
    /// The cursor of a client that has applied this entry.
    #[cfg_attr(feature = "docs", schemars(rename = "id"))]
    pub cursor: Cursor,
    /// When it was [committed](Line::at).
    #[cfg_attr(feature = "docs", schemars(skip_serializing_if = "crate::ids::is_default"))]
    pub at: u64,
    /// The entry.
    #[cfg_attr(feature = "docs", schemars(flatten))]
    pub entry: Entry,
}

/// What does not make a frame.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// The frame does not say what it is, or names a kind that this version does not know.
    #[error("`{field}` is {found}, and must be one of {known}")]
    Unknown {
        /// Where it stands.
        field: &'static str,
        /// What stands there.
        found: String,
        /// What could.
        known: &'static str,
    },
    /// A field that this kind of frame has is not there.
    #[error("`{kind}` needs `{field}`")]
    Missing {
        /// The kind.
        kind: &'static str,
        /// The field.
        field: &'static str,
    },
    /// The id is no cursor.
    #[error("`id`: {0}")]
    Cursor(#[from] ParseCursorError),
}

/// The frame of an entry: its place, then the line that the store keeps.
pub fn frame(log: LogId, seq: Seq, line: &[u8]) -> Vec<u8> {
    let mut frame = format!("{{\"t\":\"ev\",\"id\":\"{log}.{seq}\",").into_bytes();
    frame.extend_from_slice(line.get(1..).unwrap_or_default());
    frame
}
