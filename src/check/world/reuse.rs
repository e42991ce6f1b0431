//! Copies of a moment into the memory of another one. A step begins with a copy of the state that it is taken in, and
//! nearly always leads to a state that is known and forgotten at once: so the lists are used again.

use super::members::Flight;
use super::world_state::{LateCommit, Link, Node, Worker, WorldState};

/// `Clone` with a `clone_from` field by field, which the derived one does not have.
macro_rules! reusing {
    ($($name:ident { $($field:ident),+ $(,)? })+) => {$(
        impl Clone for $name {
            fn clone(&self) -> $name {
                let $name { $($field),+ } = self;
                $name { $($field: $field.clone()),+ }
            }

            #[allow(clippy::assigning_clones, reason = "fields that are Copy are assigned so as well")]
            fn clone_from(&mut self, source: &$name) {
                let $name { $($field),+ } = source;
                $(self.$field.clone_from($field);)+
            }
        }
    )+};
}

reusing! {
    WorldState {
        store, older, on_its_way, history, owner, nodes, members, flights, links, clients, workers, posts, left, keys,
        rerun, alone, aged, parted,
    }
    LateCommit { expect, record, prompt }
    Node { up, session, witness, timers }
    Link { id, client, node, edge, server, held, alive, writing, written, gone, down, up }
    Worker { node, incarnation, phase, inbox, said, answered }
    Flight { node, via, event, then, expect, record, keys, landed, lost, denied }
}
