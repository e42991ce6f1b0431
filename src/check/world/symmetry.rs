//! Two clients that may do the same are interchangeable: of two states that differ only in which client is which,
//! one is enough. For safety only; the search refuses it together with what must come to pass.

use super::Bytes;
use super::World;
use super::world_state::{PEOPLE, Request, WorldState};
use crate::check::Encoding;
use crate::ids::ClientId;
use crate::session::Session;

/// Whether the scope's clients may all do the same.
pub(super) fn interchangeable(prompts: &[u8]) -> bool {
    prompts.len() == 2 && prompts[0] == prompts[1]
}

/// The lesser of the moment and the one with its two clients swapped.
pub(super) fn representative(moment: WorldState) -> WorldState {
    let swapped = swapped(&moment);
    let key = |moment: &WorldState| Encoding::<World>::pack(&Bytes, moment);
    if key(&swapped) < key(&moment) { swapped } else { moment }
}

fn swapped(moment: &WorldState) -> WorldState {
    let mut other = moment.clone();
    other.clients.reverse();
    let sessions = other.nodes.iter_mut().filter_map(|node| node.session.as_mut());
    sessions.chain(other.store.as_mut()).chain(other.older.as_mut()).for_each(swap_in);
    if let Some(late) = &mut other.on_its_way {
        swap_in(&mut late.expect);
        swap_in(&mut late.record);
        late.prompt.client = twin(late.prompt.client);
    }
    for link in &mut other.links {
        link.client = 1 - link.client;
    }
    for key in &mut other.keys {
        if key.client != PEOPLE {
            key.client = twin(key.client);
        }
    }
    for post in &mut other.posts {
        if let Request::Answer { client, .. } = post {
            *client = 1 - *client;
        }
    }
    other.posts.sort_unstable();
    other
}

fn swap_in(session: &mut Session) {
    for known in &mut session.clients {
        known.client = twin(known.client);
    }
    for one in &mut session.connections {
        one.client = twin(one.client);
    }
}

const fn twin(client: ClientId) -> ClientId {
    ClientId(1 - client.0)
}
