//! A frame of the server, as far as this client knows it.

use serde::Deserialize;

use super::update::{Entry, ServerRefusal};
use outlive::ids::PromptNumber;
use outlive::wire::{self, Welcome};

/// What a frame of the server is to this client.
pub(super) enum Frame {
    Welcome(Box<Welcome>),
    Entry(Box<Entry>),
    Refused { n: Option<PromptNumber>, expected: Option<PromptNumber>, refusal: ServerRefusal },
    Other(wire::ToClient),
}

#[derive(Deserialize)]
struct Head {
    t: String,
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    what: Option<String>,
    #[serde(default)]
    n: Option<PromptNumber>,
    #[serde(default)]
    expected: Option<PromptNumber>,
}

impl Frame {
    /// Reads what it can: later servers say more.
    pub(super) fn read(text: String) -> Option<Frame> {
        let head: Head = serde_json::from_str(&text).ok()?;
        match head.t.as_str() {
            "welcome" => Some(Frame::Welcome(serde_json::from_str(&text).ok()?)),
            "ev" => {
                let id = head.id?.parse().ok()?;
                let said = serde_json::from_str(&text).ok().map(|line: wire::LogEntry| line.entry);
                Some(Frame::Entry(Box::new(Entry { id, said, json: text })))
            }
            "refused" => {
                let n = head.n.filter(|_| head.what.as_deref() == Some("prompt"));
                let refusal = serde_json::from_str(&text).ok()?;
                Some(Frame::Refused { n, expected: head.expected, refusal })
            }
            _ => Some(Frame::Other(serde_json::from_str(&text).ok()?)),
        }
    }
}
