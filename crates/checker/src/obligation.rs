//! Which states a behaviour can be in while it still owes something.

use super::encoding::Encoding;
use super::graph::{Graph, Node};
use super::model::{LeadsTo, Model};
use super::store::{Shard, Store};
use super::worker::Context;

const UNSEEN: u32 = u32::MAX;

const FROM: u8 = 1;
const TO: u8 = 2;

/// The states of a model, each with and without the obligation that a law speaks of.
pub(super) struct Obliged {
    /// By twice the node, plus one if there is an obligation: where it was first reached from; its
    /// own number in the beginning.
    parents: Vec<u32>,
    /// In the order in which they were reached.
    reached: Vec<u32>,
}

impl Obliged {
    /// Breadth first, so that the ways found are the shortest.
    pub(super) fn explore<M: Model, E: Encoding<M>>(
        context: Context<'_, M, E>,
        store: &Store<E::Key>,
        graph: &Graph,
        law: &LeadsTo<M>,
    ) -> Self {
        let flags = judge_states(context, store, law);
        let obliged_in = |node: Node, before: bool| {
            let flags = flags[node as usize];
            flags & TO == 0 && (before || flags & FROM != 0)
        };
        let mut obliged = Self { parents: vec![UNSEEN; 2 * graph.len()], reached: Vec::new() };
        for state in context.model.initial() {
            let id = store.find(&context.encoding.pack_owned(state)).expect("it was explored");
            let node = graph.node(id);
            let place = 2 * node + u32::from(obliged_in(node, false));
            obliged.reach(place, place);
        }
        let mut next = 0;
        while let Some(&place) = obliged.reached.get(next) {
            next += 1;
            for edge in graph.edges(place / 2) {
                let owes = obliged_in(edge.to, place % 2 == 1);
                obliged.reach(2 * edge.to + u32::from(owes), place);
            }
        }
        obliged
    }

    fn reach(&mut self, place: u32, parent: u32) {
        if self.parents[place as usize] == UNSEEN {
            self.parents[place as usize] = parent;
            self.reached.push(place);
        }
    }

    /// The states reached with an obligation, nearest first.
    pub(super) fn nodes(&self) -> impl Iterator<Item = Node> {
        self.reached.iter().filter(|&&place| place % 2 == 1).map(|&place| place / 2)
    }

    /// A shortest way from the beginning to `node` with an obligation.
    pub(super) fn way_to(&self, node: Node) -> Vec<Node> {
        let mut place = 2 * node + 1;
        let mut way = Vec::from([node]);
        while self.parents[place as usize] != place {
            place = self.parents[place as usize];
            way.push(place / 2);
        }
        way.reverse();
        way
    }
}

/// By node: whether the law asks something of it, and whether it satisfies the law.
fn judge_states<M: Model, E: Encoding<M>>(
    context: Context<'_, M, E>,
    store: &Store<E::Key>,
    law: &LeadsTo<M>,
) -> Vec<u8> {
    let keys = store.shards.iter().flat_map(Shard::keys);
    keys.map(|key| {
        let state = context.encoding.unpack(key);
        let from = if (law.from)(context.model, &state) { FROM } else { 0 };
        let to = if (law.to)(context.model, &state) { TO } else { 0 };
        from | to
    })
    .collect()
}
