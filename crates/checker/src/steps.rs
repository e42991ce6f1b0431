//! The steps between different states, noted while they are taken: laws about what must come to pass are judged
//! on them, and to take them all a second time would cost as much as the search.

use std::mem;

use super::merge::Arrival;
use super::store::{Id, NO_STATE, push_tight};

/// The steps that one worker took, in the order in which it took them.
#[derive(Default)]
pub(super) struct Steps {
    /// The states that were expanded and have such steps, and how many.
    pub(super) runs: Vec<(Id, u32)>,
    /// By step: where it leads.
    pub(super) targets: Vec<Id>,
    /// By step: 0, or the number of its fair class plus one.
    pub(super) labels: Vec<u8>,
    /// The steps of this round whose target is still on its way into the store: which one, and which candidate.
    awaited: Vec<(usize, u32)>,
}

impl Steps {
    /// A step from `from` to a state that is known.
    pub(super) fn note(&mut self, from: Id, to: Id, label: u8) {
        if to == from {
            return;
        }
        match self.runs.last_mut() {
            Some((last, count)) if *last == from => *count += 1,
            _ => push_tight(&mut self.runs, (from, 1)),
        }
        push_tight(&mut self.targets, to);
        push_tight(&mut self.labels, label);
    }

    /// A step from `from` to the candidate with this number, which is handed on: it is another state.
    pub(super) fn note_awaited(&mut self, from: Id, candidate: u32, label: u8) {
        self.awaited.push((self.targets.len(), candidate));
        self.note(from, NO_STATE, label);
    }

    /// The candidates have come into the store.
    pub(super) fn settle(&mut self, arrivals: &[Arrival]) {
        for (step, candidate) in mem::take(&mut self.awaited) {
            self.targets[step] = arrivals[candidate as usize].id();
        }
    }

    /// Bytes in use, capacity included.
    pub(super) fn bytes(&self) -> usize {
        self.runs.capacity() * size_of::<(Id, u32)>()
            + self.targets.capacity() * size_of::<Id>()
            + self.labels.capacity()
            + self.awaited.capacity() * size_of::<(usize, u32)>()
    }
}
