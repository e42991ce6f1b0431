//! What was reached, on its way into the store.

use std::prelude::v1::*;
use std::sync::atomic::{AtomicU32, Ordering};

use super::model::{Encoding, Model};
use super::store::{Id, Shard, id_of};

/// A state reached, on its way to the shard it belongs to.
pub(super) struct Candidate<K> {
    pub(super) key: K,
    pub(super) hash: u32,
    pub(super) parent: Id,
    /// Its number among all that this worker reached in this round.
    pub(super) order: u32,
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
            let looks = reached.iter().map(|one| (&one.key, one.hash));
            let known = shard.glance(looks);
            for (one, known) in reached.drain(..).zip(known) {
                if known {
                    continue;
                }
                let heap = |key: &E::Key| encoding.heap_bytes(key);
                if let Some(place) = shard.insert(one.key, one.hash, one.parent, heap) {
                    fresh[one.order as usize].store(id_of(number, place), Ordering::Relaxed);
                }
            }
        }
    }
}
