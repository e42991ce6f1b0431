//! What comes of a turn's word and of its question.

use std::sync::Arc;

use serde::de::DeserializeOwned;

use super::body::Body;

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
    /// Who answered, by the name that the client gave itself: it is no proof of who that is. Where several people
    /// may answer, the server notes in its own records whom it authorised.
    pub client: Arc<str>,
    /// What.
    pub body: Body,
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
