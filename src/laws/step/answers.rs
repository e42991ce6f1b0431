//! What becomes of an event: late news changes nothing, what is current is taken, a refusal is true.

use core::num::NonZeroU64;

use alloc::format;
use alloc::string::String;

use super::session::{keeps_places, waits};
use super::{View, ensure};
use crate::ids::{ConnectionId, PromptNumber};
use crate::session::{Connection, Effect, EntryMeta, Event, Session, TurnState};
use crate::table::Verdict;
use crate::words::{Reason, State, Timer};

pub(super) fn impossible_never_happens(view: &View<'_>) -> Result<(), String> {
    let mut rows = view.step.rules();
    let row = rows.find(|row| row.verdict == Verdict::Ignore(Reason::Impossible));
    row.map_or(Ok(()), |row| Err(format!("row {} was taken: {}", row.id, row.because)))
}

pub(super) fn refused_changes_nothing(view: &View<'_>) -> Result<(), String> {
    ensure(view.step.verdict().acts() || view.unchanged(), || "something changed".into())
}

pub(super) fn stale_changes_nothing(view: &View<'_>) -> Result<(), String> {
    ensure(!view.is_stale() || view.unchanged(), || "late news changed something".into())
}

/// What happened is so afterwards: nothing that is current and has its place is passed over.
pub(super) fn news_is_taken(view: &View<'_>) -> Result<(), String> {
    if view.is_stale() {
        return Ok(());
    }
    let (before, next) = (view.before, view.next());
    let listed = |id| next.connections().iter().find(|one| one.id == id);
    let up = matches!(before.state(), State::Active | State::Detached | State::Suspended);
    let alive = up || matches!(before.state(), State::Starting | State::Closing);
    let logged = |wanted: fn(&EntryMeta) -> bool| view.entries().any(wanted);
    let taken = match *view.event {
        Event::Attach { connection, .. } => {
            view.step.refusal().is_some() || listed(connection).is_some()
        }
        // Asked more closely by `in_order_without_silent_gaps` and `no_prompt_is_swallowed`.
        Event::Written { .. } | Event::Missed { .. } | Event::Prompt { .. } => true,
        Event::Suspend { connection, .. } => suspend_is_taken(view, connection),
        Event::Resume { connection } => listed(connection).is_none_or(Connection::watches),
        Event::Lost { connection } => listed(connection).is_none(),
        Event::Interrupt { turn } => {
            next.turn() != TurnState::Running(turn) && !next.is_queued(turn)
        }
        Event::Stop { .. } => matches!(next.state(), State::Closing | State::Ended),
        // Asked more closely by `one_turn_end_per_prompt` and `worker_is_told_what_is_true`.
        Event::Answer { ask, .. } => view.step.refusal().is_some() || !next.asks().contains(&ask),
        Event::Started { .. } => next.state() != State::Starting,
        Event::StartFailed { .. } | Event::Exited { .. } => !alive || view.passes(State::Ended),
        Event::Output { .. } => !alive || logged(|entry| matches!(entry, EntryMeta::Output { .. })),
        Event::Asked { .. } => {
            view.step.refusal().is_some() || logged(|entry| matches!(entry, EntryMeta::Ask { .. }))
        }
        Event::Withdrawn { ask, .. } => {
            !alive
                || !next.asks().contains(&ask)
                    && logged(|entry| matches!(entry, EntryMeta::Withdrawn { .. }))
        }
        Event::TurnEnded { turn, .. } | Event::TurnWaiting { turn, .. } => {
            next.turn().id() != Some(turn)
        }
        Event::Expired { timer, .. } => !waits(before, timer) || view.step.verdict().acts(),
        Event::Drain => next.is_draining(),
        Event::Restarted { renew } => {
            let left = alive || before.state() == State::Created;
            let renewed = renew.is_none_or(|id| next.log().id == id);
            let alone = before.state() == State::Ended || next.connections().is_empty();
            renewed && alone && (!left || view.passes(State::Ended))
        }
    };
    ensure(taken, || "it happened, and nothing came of it".into())
}

/// A listed viewer is suspended; one that was lost is awaited; and the grace period begins anew.
fn suspend_is_taken(view: &View<'_>, connection: ConnectionId) -> bool {
    let (before, next) = (view.before, view.next());
    let find =
        |session: &Session| session.connections().iter().find(|c| c.id == connection).copied();
    let acts = view.step.verdict().acts();
    let grace = |e: &Effect| matches!(e, Effect::Arm { timer: Timer::Grace, .. });
    let renewed = view.effects().iter().any(grace);
    match (find(before), before.last_lost == Some(connection)) {
        (Some(_), _) => {
            let suspended = find(next).is_some_and(|one| !one.watches());
            acts && suspended && (renewed || !keeps_places(next.state()))
        }
        (None, true) if !keeps_places(before.state()) => true,
        (None, true) => acts && renewed,
        (None, false) => true,
    }
}

/// Each reason can be seen in the session.
pub(super) fn refusals_are_true(view: &View<'_>) -> Result<(), String> {
    let Some(refusal) = view.step.refusal() else { return Ok(()) };
    let (before, limits) = (view.before, view.limits);
    let full = |length: usize, limit: u16| length >= usize::from(limit);
    let high = |client| before.last_accepted(client).map_or(0, NonZeroU64::get);
    let numbered = matches!(refusal.reason, Reason::Gap | Reason::Conflict | Reason::TooOld);
    let next = if let (true, Event::Prompt { client, .. }) = (numbered, *view.event) {
        PromptNumber::new(high(client) + 1)
    } else {
        None
    };
    ensure(refusal.expected == next, || format!("{refusal}, and {next:?} is the next number"))?;
    let no_place = |principal| {
        let own = before.queue().iter().filter(|one| one.principal == principal);
        full(before.queue().len(), limits.queued) || full(own.count(), limits.queued_per_principal)
    };
    let is_true = match (refusal.reason, *view.event) {
        (Reason::TooManyConnections, Event::Attach { principal, .. }) => {
            let own = before.connections().iter().filter(|one| one.principal == principal);
            full(before.connections().len(), limits.connections)
                || full(own.count(), limits.connections_per_principal)
        }
        (Reason::QueueFull, Event::Prompt { client, principal, n, .. }) => {
            n.get() == high(client) + 1 && no_place(principal)
        }
        (Reason::QueueFull, Event::Answer { principal, ask, .. }) => {
            before.standing_asks().contains(&ask) && no_place(principal)
        }
        (Reason::TooManyClients, Event::Prompt { client, principal, n, .. }) => {
            let own = before.clients().iter().filter(|one| one.principal == principal);
            let no_room = full(before.clients().len(), limits.clients)
                || full(own.count(), limits.clients_per_principal);
            n.get() == 1 && high(client) == 0 && no_room
        }
        (Reason::Conflict, Event::Prompt { client, n, digest, .. }) => {
            let same = |known: &&crate::session::ClientRecord| {
                known.client == client && known.last_accepted == n
            };
            before.clients().iter().find(same).is_some_and(|known| known.digest != digest)
        }
        (Reason::TooOld, Event::Prompt { client, n, .. }) => n.get() < high(client),
        (Reason::Gap, Event::Prompt { client, n, .. }) => n.get() > high(client) + 1,
        (Reason::AskSettled, Event::Answer { ask, .. }) => !before.asks().contains(&ask),
        (Reason::TooManyAsks, Event::Asked { .. }) => full(before.asks().len(), limits.asks),
        // Any other reason, or one of these for another event.
        (_, _) => false,
    };
    ensure(is_true, || format!("{refusal}"))
}
