//! What comes to an application, and what it keeps.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use outlive::client::{LinkState, PromptId, Refusal, State};
use outlive::ids::{PromptNumber, Seq};
use outlive::log::Cursor;
use outlive::wire::{self, EndpointReason, Welcome};

/// What comes to the application, in order. What is taken with [`Client::next`](super::Client::next)
/// counts as applied when the next one is asked for.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Update {
    /// What the application shows of the session is void; everything that is retained follows: what comes
    /// after the welcome's `base`.
    Reset {
        /// The welcome that reset it.
        welcome: Box<Welcome>,
    },
    /// An entry of the log, the next one.
    Entry(Box<Entry>),
    /// Entries that are lost to this client.
    Gap {
        /// The first one.
        lost_from: Seq,
        /// The last one.
        lost_to: Seq,
    },
    /// A connection was welcomed.
    Welcome(Box<Welcome>),
    /// What was missed is applied.
    CaughtUp,
    /// The link went from one state to another.
    State {
        /// From this one,
        from: State,
        /// to this one.
        to: State,
    },
    /// A dial came to nothing. What follows from it is news of its own.
    Unreached {
        /// Why, for a log: no such host, an untrusted certificate, an HTTP status.
        why: String,
    },
    /// An answer to an ask was refused.
    Refused(ServerRefusal),
    /// The server did not understand something.
    Error {
        /// What it says.
        message: String,
    },
    /// The server sent the client away: it comes back only when it is started again. Its
    /// [rule](outlive::ClientRule) says whether the prompts that wait have failed, or are kept for that.
    Closed {
        /// The close code.
        code: u16,
        /// What the server says.
        reason: String,
    },
}

/// An entry of the log.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Entry {
    /// The cursor of a client that has applied it.
    pub id: Cursor,
    /// When it was [committed](wire::Line::at), in milliseconds since the Unix epoch by the server's clock; 0 if it does not
    /// say.
    pub at: u64,
    /// What it says; none if it is of a kind that this client does not know.
    pub said: Option<wire::Entry>,
    /// The whole frame.
    pub json: String,
}

/// A refusal by the server.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, thiserror::Error)]
#[error("{message}")]
#[non_exhaustive]
pub struct ServerRefusal {
    /// Why, in a word.
    pub reason: String,
    /// The row that refused.
    #[serde(default)]
    pub rule: Option<String>,
    /// The whole sentence.
    #[serde(default)]
    pub message: String,
}

impl ServerRefusal {
    /// Whether the same may be taken later. A prompt that is refused for now stays in the outbox, and its
    /// [`Pending`](super::Pending) goes on waiting; a reason that this client does not know is for good.
    pub fn is_for_now(&self) -> bool {
        self.reason.parse().is_ok_and(EndpointReason::is_for_now)
    }
}

/// A prompt was accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Accepted {
    /// Its number.
    pub n: PromptNumber,
    /// Its place in the log, which names its turn.
    pub seq: Seq,
}

/// Why a prompt or a command came to nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The client did not take it.
    #[error(transparent)]
    NotTaken(#[from] Refusal),
    /// The server refused it.
    #[error(transparent)]
    Refused(#[from] ServerRefusal),
    /// The server sent the client away for good, or cannot bear the frame (1009).
    #[error("the server closed with {code}")]
    Closed {
        /// The close code.
        code: u16,
    },
    /// The client is gone. What was in the outbox is in what was saved.
    #[error("the client is gone")]
    Gone,
}

/// What outlives the process, as one value.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ClientState {
    /// The client's name for itself.
    pub client: String,
    /// Its cursor and its outbox.
    pub link: LinkState,
    /// The bodies of the prompts in the outbox.
    pub bodies: BTreeMap<u64, Value>,
    /// The next ticket.
    pub ticket: u64,
}

/// A prompt's id as a key of [`ClientState::bodies`].
pub(super) const fn key(id: PromptId) -> u64 {
    id.0
}
