//! Which life of the worker a stop is for.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use outlive::ids::Incarnation;
use outlive::wire::{Entry, Welcome};

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

    /// An entry. Those that are read again after a welcome tell of earlier lives.
    pub(super) fn heard(&self, said: &Entry) {
        let number = match said {
            Entry::Closing { incarnation, .. } => incarnation.0,
            // What comes later belongs to the next one.
            Entry::End { incarnation, .. } => incarnation.0.saturating_add(1),
            Entry::Prompt { .. }
            | Entry::Output { .. }
            | Entry::Ask { .. }
            | Entry::Answer { .. }
            | Entry::TurnEnd { .. } => return,
        };
        self.0.fetch_max(number, Ordering::Relaxed);
    }
}
