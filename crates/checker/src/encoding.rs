//! How the states of a model are kept by the search: as they are, or packed.

use std::hash::Hash;

use super::model::Model;

/// An exact encoding of states: `unpack(pack(s)) == s`.
///
/// The search keeps keys instead of states, so a `u64`, a `u128`, a `[u64; N]` or a `Box<[u8]>`
/// saves memory and time. The law above is verified on every reached state in debug builds, and in
/// release builds on request ([`Search::verify_encoding`](super::Search::verify_encoding)).
pub trait Encoding<M: Model>: Sync {
    /// What is kept of each state.
    type Key: Clone + Eq + Hash + Send + Sync;

    /// Whether [`pack_owned`](Encoding::pack_owned) is cheaper than [`pack`](Encoding::pack),
    /// because the state becomes part of the key.
    const KEEPS_STATES: bool = false;

    /// The key of a state.
    fn pack(&self, state: &M::State) -> Self::Key;

    /// The state of a key.
    fn unpack(&self, key: &Self::Key) -> M::State;

    /// The key of a state which is no longer needed.
    fn pack_owned(&self, state: M::State) -> Self::Key {
        self.pack(&state)
    }

    /// The bytes `key` owns on the heap, for the bound on memory.
    fn heap_bytes(&self, _key: &Self::Key) -> usize {
        0
    }
}

/// No encoding: the key of a state is the state.
#[derive(Clone, Copy, Debug, Default)]
pub struct Plain;

impl<M: Model> Encoding<M> for Plain {
    type Key = M::State;

    const KEEPS_STATES: bool = true;

    fn pack(&self, state: &M::State) -> M::State {
        state.clone()
    }

    fn unpack(&self, key: &M::State) -> M::State {
        key.clone()
    }

    fn pack_owned(&self, state: M::State) -> M::State {
        state
    }
}
