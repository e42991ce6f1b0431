//! What comes of a turn's word and of its question.

use std::sync::Arc;

use serde::de::DeserializeOwned;

use super::body::Body;
use outlive::ids::Seq;

/// Why nothing can be said in a turn.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TurnError {
    /// The turn is over or was asked to stop. No error to report: come to an end.
    #[error("the turn was stopped")]
    Stopped,
    /// The value has no JSON form, or is larger than the hub takes.
    #[error("this cannot be said: {0}")]
    Body(String),
    /// As many asks are pending as the limits allow.
    #[error("too many asks are pending")]
    TooManyAsks,
}

/// The answer to an ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AskAnswer {
    /// Which client answered, by the name that it gave itself: it is no proof of who that is.
    pub client: Arc<str>,
    /// The principal that was authorised to answer.
    pub by: Arc<str>,
    /// When the answer was committed: milliseconds since the Unix epoch.
    pub at: u64,
    /// What.
    pub body: Body,
}

/// The question that an answer is to, where the answer is a turn of its own: see [`Turn::leave_ask`](super::Turn::leave_ask).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AnsweredAsk {
    /// The place of the question in the log.
    pub ask: Seq,
    /// The question; none if it was trimmed before the answer came: the limit
    /// [`pinned`](outlive::Limits::pinned) says how long it is kept.
    pub question: Option<Body>,
}

impl AskAnswer {
    /// The answer's value.
    ///
    /// # Errors
    /// It is of another form.
    pub fn deserialize<T: DeserializeOwned>(&self) -> serde_json::Result<T> {
        self.body.deserialize()
    }
}
