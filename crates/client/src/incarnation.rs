//! Which life of the worker a stop is for.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use serde::Deserialize;

use super::update::Entry;
use outlive::ids::Incarnation;
use outlive::wire::{self, Welcome};

/// What an entry that is not known in full may tell of the life of the session.
#[derive(Deserialize)]
struct Life {
    entry: String,
    incarnation: Incarnation,
}

/// The current incarnation, as far as the client has heard; 0 before the first welcome.
#[derive(Clone, Debug, Default)]
pub(super) struct CurrentIncarnation(Arc<AtomicU32>);

impl CurrentIncarnation {
    pub(super) fn get(&self) -> Option<Incarnation> {
        let number = self.0.load(Ordering::Relaxed);
        (number > 0).then_some(Incarnation(number))
    }

    pub(super) fn welcomed(&self, welcome: &Welcome) {
        self.0.store(welcome.incarnation.0, Ordering::Relaxed);
    }

    /// A prompt was accepted: perhaps for a life whose beginning this client has not read yet.
    pub(super) fn accepted(&self, Incarnation(number): Incarnation) {
        self.0.fetch_max(number, Ordering::Relaxed);
    }

    /// An entry. Those that are read again after a welcome tell of earlier lives. A later server may name other
    /// reasons for an end: that it is one counts.
    pub(super) fn heard(&self, entry: &Entry) {
        let number = match &entry.said {
            Some(wire::Entry::Closing { incarnation, .. }) => incarnation.0,
            // What comes later belongs to the next one.
            Some(wire::Entry::End { incarnation, .. }) => incarnation.0.saturating_add(1),
            Some(
                wire::Entry::Prompt { .. }
                | wire::Entry::Output { .. }
                | wire::Entry::Ask { .. }
                | wire::Entry::Answer { .. }
                | wire::Entry::Withdrawn { .. }
                | wire::Entry::TurnEnd { .. },
            ) => return,
            None => match serde_json::from_str(&entry.json) {
                Ok(Life { entry, incarnation }) if entry == "closing" => incarnation.0,
                Ok(Life { entry, incarnation }) if entry == "end" => {
                    incarnation.0.saturating_add(1)
                }
                Ok(Life { .. }) | Err(_) => return,
            },
        };
        self.0.fetch_max(number, Ordering::Relaxed);
    }
}
