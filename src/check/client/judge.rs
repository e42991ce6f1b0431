//! What a state of the world shows, whatever step led to it.

use super::world_state::{PromptOutcome, RIVAL, WorldState};
use crate::client::PromptId;
use crate::law::Law;

/// The law that the state breaks, and what is wrong.
pub(super) fn broken(now: &WorldState) -> Option<(Law, String)> {
    let WorldState { link, stored, shown, prompts, server, .. } = now;
    let mut wrong = None;
    if let (Some(cursor), Some(shown)) = (stored.cursor, shown) {
        if cursor.log == shown.log && cursor.seq > shown.seq {
            let told = format!("{cursor} is saved, {shown} is applied");
            wrong = Some((Law::CursorOnlyAdvances, told));
        }
    }
    for (place, fate) in prompts.iter().enumerate() {
        let kept = |mut tickets: Box<dyn Iterator<Item = PromptId> + '_>| {
            tickets.any(|ticket| ticket.0 == place as u64)
        };
        let waits = kept(Box::new(link.outbox().tickets()));
        let saved = kept(Box::new(stored.outbox.iter().copied()));
        if (*fate == PromptOutcome::Waits) != waits || waits != saved {
            let told = format!("prompt {place} {fate:?}, in the outbox: {waits}, saved: {saved}");
            wrong = Some((Law::NoPromptIsSwallowed, told));
        }
    }
    let tickets = server.accepted.iter().map(|(ticket, _)| *ticket);
    let tickets = tickets.filter(|ticket| *ticket < RIVAL);
    if !tickets.clone().is_sorted_by(|one, other| one < other) {
        let told = format!("{:?} is what the server has", tickets.collect::<Vec<_>>());
        wrong = Some((Law::NoPromptRunsTwice, told));
    }
    wrong
}
