//! What was reached, on its way into the store.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use super::encoding::Encoding;
use super::model::Model;
use super::store::{Entered, HashSlot, Id, NO_STATE, Shard, Store};

/// A state reached and not known, on its way to the shard it belongs to.
pub(super) struct Candidate<K> {
    pub(super) key: K,
    pub(super) spot: HashSlot,
    pub(super) parent: Id,
    /// Its number among those of this worker in this round.
    pub(super) order: u32,
}

/// What became of a candidate: written by the thread that has its shard, read when all are done.
pub(super) struct Arrival {
    id: AtomicU32,
    is_new: AtomicBool,
}

impl Arrival {
    pub(super) fn awaited() -> Self {
        Self { id: AtomicU32::new(NO_STATE), is_new: AtomicBool::new(false) }
    }

    fn settle(&self, entered: Entered) {
        self.id.store(entered.at, Ordering::Relaxed);
        self.is_new.store(entered.is_new, Ordering::Relaxed);
    }

    /// The state that it is; [`NO_STATE`] if it could not be numbered.
    pub(super) fn id(&self) -> Id {
        self.id.load(Ordering::Relaxed)
    }

    /// The state that it is, if it was not known before.
    pub(super) fn new_id(&self) -> Option<Id> {
        self.is_new.load(Ordering::Relaxed).then(|| self.id())
    }
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
    arrivals: &[Vec<Arrival>],
    first: usize,
    shards: &mut [Shard<E::Key>],
    columns: &mut [Vec<Vec<Candidate<E::Key>>>],
) {
    for (number, (shard, column)) in (first..).zip(shards.iter_mut().zip(columns)) {
        // Workers in order: of two who reached the same state the earlier one is its parent.
        for (reached, arrivals) in column.iter_mut().zip(arrivals) {
            shard.fetch(reached.iter().map(|one| one.spot));
            for one in reached.drain(..) {
                let heap = |key: &E::Key| encoding.heap_bytes(key);
                if let Some(entered) = shard.insert(one.key, one.spot.hash(), one.parent, heap) {
                    arrivals[one.order as usize].settle(entered.in_shard(number));
                }
            }
        }
    }
}
