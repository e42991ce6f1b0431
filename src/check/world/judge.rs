//! The laws over moments: what no single step can show.

use super::World;
use super::world_state::{self, Phase, WorldState};
use crate::check::Judgement;
use crate::connection;
use crate::words::State;

fn session(now: &WorldState) -> Option<&crate::session::Session> {
    now.nodes.get(now.owner?).and_then(|node| node.session.as_ref())
}

pub(super) fn is(now: &WorldState, state: State) -> bool {
    session(now).is_some_and(|session| session.state() == state)
}

/// A client watches, or wants to, and does not have the whole log.
pub(super) fn behind(now: &WorldState) -> bool {
    let Some(head) = now.store.as_ref().map(|session| session.log().head) else { return false };
    now.clients.iter().any(|client| {
        let wants = client.link.is_some() && !client.hidden && !client.away;
        wants && client.cursor.is_none_or(|(_, seq)| seq < head)
    })
}

/// An accepted prompt has no turn end yet. What waits in a process that is about to leave is owed by the
/// next one.
pub(super) fn owed(now: &WorldState) -> bool {
    if session(now).is_some_and(|session| session.draining) {
        return false;
    }
    now.store.as_ref().is_some_and(|s| s.turn().id().is_some() || !s.queue().is_empty())
}

/// Whether a session in this state counts on a worker.
pub(super) const fn counts_on_a_worker(state: State) -> bool {
    match state {
        State::Created | State::Ended => false,
        State::Starting | State::Active | State::Detached | State::Suspended | State::Closing => {
            true
        }
    }
}

/// Work went on while no viewer was connected, and a client that came back has its output.
pub(super) fn outlived(_: &World, now: &WorldState) -> bool {
    let has =
        |client: &world_state::Client, alone| client.cursor.is_some_and(|(_, seq)| seq >= alone);
    now.alone
        .is_some_and(|alone| now.clients.iter().any(|client| client.resumed && has(client, alone)))
}

/// A client that came back lacking something has everything.
pub(super) fn caught_up(_: &World, now: &WorldState) -> bool {
    let head = now.store.as_ref().map(|session| session.log().head);
    now.clients.iter().any(|client| client.resumed && client.cursor.map(|(_, seq)| seq) == head)
}

/// An answer reached the worker that asked.
pub(super) fn answered(_: &World, now: &WorldState) -> bool {
    now.workers.iter().any(|worker| !worker.answered.is_empty())
}

/// A principal has used up its share of the queue, and another one's prompt waits there all the same.
pub(super) fn leaves_room(world: &World, now: &WorldState) -> bool {
    let share = usize::from(world.machine.limits().queued_per_principal);
    let queue = now.store.as_ref().map_or(&[][..], crate::session::Session::queue);
    queue.iter().any(|one| {
        let own = queue.iter().filter(|other| other.principal == one.principal).count();
        own == share && own < queue.len()
    })
}

/// An answer reached a worker that did not ask.
pub(super) fn answered_later(_: &World, now: &WorldState) -> bool {
    now.keys.iter().any(|key| key.client == world_state::PEOPLE && key.ran)
}

pub(super) fn accepted_is_kept(_: &World, now: &WorldState) -> Judgement {
    let Some(store) = now.store.as_ref().filter(|_| now.history == 0) else { return Ok(()) };
    for (place, client) in now.clients.iter().enumerate() {
        let who = crate::ids::ClientId(place as u64);
        let high = store.last_accepted(who).map_or(0, core::num::NonZeroU64::get);
        if high < u64::from(client.heard) {
            let heard = client.heard;
            return Err(format!("client {place} heard {heard}, the store knows {high}"));
        }
    }
    Ok(())
}

pub(super) fn stop_aborts_the_worker(_: &World, now: &WorldState) -> Judgement {
    for (place, node) in now.nodes.iter().enumerate().filter(|(_, node)| node.up) {
        if now.is_recovering(place) {
            continue;
        }
        let here = now.workers.iter().filter(|worker| worker.node == place);
        let state = node.session.as_ref().map(crate::session::Session::state);
        let alive = here.clone().any(|worker| worker.phase != Phase::Dead);
        let counts_on = state.is_some_and(counts_on_a_worker);
        if alive && !counts_on {
            return Err(format!("{} with a living worker", named(state)));
        }
        if counts_on && here.count() == 0 {
            return Err(format!("{}, and no worker", named(state)));
        }
    }
    Ok(())
}

pub(super) fn listed_means_open(_: &World, now: &WorldState) -> Judgement {
    for (place, node) in now.nodes.iter().enumerate() {
        let Some(session) = &node.session else { continue };
        let open = |link: &world_state::Link| link.server.phase() == connection::Phase::Open;
        let listed = |id: u8| session.connections().iter().any(|one| one.id.0 == u64::from(id));
        for one in session.connections() {
            let link = now.links.iter().find(|link| u64::from(link.id) == one.id.0);
            let told = |link: &world_state::Link| link.gone != world_state::Gone::Untold;
            let gone = link.is_none_or(|link| !open(link) && told(link));
            if gone && !now.is_leaving(one.id) {
                return Err(format!("connection {} is listed and not open", one.id));
            }
        }
        for link in now.links.iter().filter(|link| link.node == place && open(link)) {
            if !listed(link.id)
                && !now.is_attaching(link.id)
                && !link.up.contains(&world_state::Message::Subscribe)
            {
                return Err(format!("connection {} is open and not listed", link.id));
            }
        }
    }
    Ok(())
}

fn named(state: Option<State>) -> &'static str {
    state.map_or("no session", State::into_str)
}
