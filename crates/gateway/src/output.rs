//! Where a response goes: into a turn, or behind all turns.

use outlive_server::hub::{CloseoutContext, Turn, TurnError};
use serde::Serialize;
use serde_json::value::RawValue;

#[derive(Clone, Copy, Debug)]
pub(crate) enum Output<'a> {
    Turn(&'a Turn),
    Closeout(&'a CloseoutContext),
}

impl Output<'_> {
    /// Appends an entry, when there is room for it.
    pub(crate) async fn emit(&self, entry: &impl Serialize) -> Result<(), TurnError> {
        match self {
            Output::Turn(turn) => turn.emit(entry).await,
            Output::Closeout(closeout) => closeout.emit(entry).await,
        }
    }

    /// Ends the turn with a question. A closeout has nobody to ask.
    pub(crate) fn ask(&self, question: &impl Serialize) -> Option<Result<(), TurnError>> {
        match self {
            Output::Turn(turn) => Some(turn.leave_ask(question)),
            Output::Closeout(_) => None,
        }
    }
}

/// The text as the JSON that it is, or else as text.
pub(crate) fn json_or_text(text: &str) -> Result<&RawValue, &str> {
    serde_json::from_str(text).map_err(|_| text)
}
