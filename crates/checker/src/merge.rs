//! What was reached, on its way into the store.

use std::sync::atomic::{AtomicU32, Ordering};

use super::encoding::Encoding;
use super::model::Model;
use super::store::{HashSlot, Id, Shard, Store, id_of};

/// A state reached and not known, on its way to the shard it belongs to.
pub(super) struct Candidate<K> {
    pub(super) key: K,
    pub(super) spot: HashSlot,
    pub(super) parent: Id,
    /// Its number among those of this worker in this round.
    pub(super) order: u32,
}

/// The states found so far, as a worker has them.
pub(super) enum Known<'a, K> {
    /// It is alone, adds to them, and to the next level.
    Own { store: &'a mut Store<K>, next: &'a mut Vec<Id> },
    /// Others look at them too: what is new is handed on.
    Shared(&'a Store<K>),
}

impl<K> Known<'_, K> {
    pub(super) fn store(&self) -> &Store<K> {
        match self {
            Known::Own { store, .. } => store,
            Known::Shared(store) => store,
        }
    }
}

/// Takes what was reached into a run of shards which starts with number `first`.
pub(super) fn take_in<M: Model, E: Encoding<M>>(
    encoding: &E,
    fresh: &[Vec<AtomicU32>],
    first: usize,
    shards: &mut [Shard<E::Key>],
    columns: &mut [Vec<Vec<Candidate<E::Key>>>],
) {
    for (number, (shard, column)) in (first..).zip(shards.iter_mut().zip(columns)) {
        // Workers in order: of two who reached the same state the earlier one is its parent.
        for (reached, fresh) in column.iter_mut().zip(fresh) {
            shard.fetch(reached.iter().map(|one| one.spot));
            for one in reached.drain(..) {
                let heap = |key: &E::Key| encoding.heap_bytes(key);
                if let Some(place) = shard.insert(one.key, one.spot.hash(), one.parent, heap) {
                    fresh[one.order as usize].store(id_of(number, place), Ordering::Relaxed);
                }
            }
        }
    }
}
