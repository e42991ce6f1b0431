//! The prompts that wait to be accepted.

use alloc::collections::VecDeque;

use super::event::{LinkState, PromptId};
use crate::ids::PromptNumber;

/// The prompts that wait, in order. Their numbers follow one another, so the first one's is enough.
///
/// One is under way at a time: a refusal consumes no number, so a second one that was sent behind it would
/// be refused for the gap.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Outbox {
    pub(super) first: PromptNumber,
    pub(super) tickets: VecDeque<PromptId>,
    /// The first one may have been sent, on some socket of some process: only the server knows whether it
    /// is accepted.
    pub(super) tried: bool,
    /// The first one was sent on this socket.
    pub(super) under_way: bool,
}

impl Default for Outbox {
    fn default() -> Outbox {
        Outbox {
            first: PromptNumber::MIN,
            tickets: VecDeque::new(),
            tried: false,
            under_way: false,
        }
    }
}

impl Outbox {
    pub(super) fn restored(saved: &LinkState) -> Outbox {
        Outbox {
            first: saved.next.unwrap_or(PromptNumber::MIN),
            tickets: saved.outbox.iter().copied().collect(),
            tried: saved.tried && !saved.outbox.is_empty(),
            under_way: false,
        }
    }

    /// The prompts, in order.
    pub fn tickets(&self) -> impl ExactSizeIterator<Item = PromptId> + '_ {
        self.tickets.iter().copied()
    }

    /// The number of the first prompt that waits, or of the next one.
    pub const fn first(&self) -> PromptNumber {
        self.first
    }

    /// Whether the first one was sent on this socket and is not answered.
    pub const fn is_under_way(&self) -> bool {
        self.under_way
    }

    /// Whether the first one may have been sent before.
    pub const fn is_tried(&self) -> bool {
        self.tried
    }

    pub(super) fn is_waiting_for(&self, n: PromptNumber) -> bool {
        self.under_way && n == self.first
    }

    /// The first one is accepted: its number is used up.
    pub(super) fn accepted(&mut self) -> Option<(PromptId, PromptNumber)> {
        let n = self.first;
        let ticket = self.refused()?;
        self.first = n.saturating_add(1);
        Some((ticket, n))
    }

    /// The first one is refused: the next one takes its number.
    pub(super) fn refused(&mut self) -> Option<PromptId> {
        (self.tried, self.under_way) = (false, false);
        self.tickets.pop_front()
    }

    /// The server knows this number as the highest: what waits follows it. A first one that may have been sent
    /// keeps its number, for the server alone can tell whether it is the one that was accepted with it: another
    /// holder of the client's name may have used it.
    pub(super) fn renumber(&mut self, high: Option<PromptNumber>) {
        let next = high.map_or(PromptNumber::MIN, |high| high.saturating_add(1));
        if !self.tried || self.first > next {
            self.first = next;
        }
    }
}
