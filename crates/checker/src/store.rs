//! The states found so far: exact keys in shards, each with an index of 32-bit slots.
//!
//! A hash only says where to look; equality is always judged on the key. Shards let several
//! threads insert without locks, and keep what one of them touches small enough for the caches.

use std::hash::Hash;
use std::hint::black_box;

use super::hash::hash_of;

/// A state: its shard in the upper bits, its place in the shard in the lower ones.
pub(super) type Id = u32;

/// No state. No shard is filled so far that this would be an [`Id`].
pub(super) const NO_STATE: Id = Id::MAX;

const SHARD_BITS: u32 = 6;
const PLACE_BITS: u32 = Id::BITS - SHARD_BITS;
const PLACE_MASK: u32 = (1 << PLACE_BITS) - 1;
/// Slots hold the place plus one, hence one less than the mask.
const MAX_PLACES: usize = PLACE_MASK as usize - 1;

/// How many keys are looked up together.
pub(super) const BATCH: usize = 64;

/// The number of shards.
pub(super) const SHARDS: usize = 1 << SHARD_BITS;

/// All states found so far.
pub(super) struct Store<K> {
    pub(super) shards: Vec<Shard<K>>,
}

impl<K: Eq + Hash> Store<K> {
    pub(super) fn new() -> Self {
        Self { shards: (0..SHARDS).map(|_| Shard::new()).collect() }
    }

    pub(super) fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.keys.len()).sum()
    }

    /// Bytes in use, capacity included.
    pub(super) fn bytes(&self) -> usize {
        self.shards.iter().map(Shard::bytes).sum()
    }

    /// Whether a shard could not number a state.
    pub(super) fn overflowed(&self) -> bool {
        self.shards.iter().any(|shard| shard.overflowed)
    }

    pub(super) fn key(&self, id: Id) -> &K {
        &self.shards[shard_of_id(id)].keys[place_of_id(id)]
    }

    pub(super) fn parent(&self, id: Id) -> Option<Id> {
        let parent = self.shards[shard_of_id(id)].parents[place_of_id(id)];
        (parent != NO_STATE).then_some(parent)
    }

    pub(super) fn find(&self, key: &K) -> Option<Id> {
        let spot = HashSlot::of(key);
        let place = self.shards[spot.shard()].find(key, spot.hash())?;
        Some(id_of(spot.shard(), place))
    }

    /// Adds a key, unless it is known; what it is from now on, if it can be numbered.
    pub(super) fn insert(
        &mut self,
        key: K,
        spot: HashSlot,
        parent: Id,
        heap_bytes: impl FnOnce(&K) -> usize,
    ) -> Option<Entered> {
        let entered = self.shards[spot.shard()].insert(key, spot.hash(), parent, heap_bytes)?;
        Some(entered.in_shard(spot.shard()))
    }

    /// Of each of at most [`BATCH`] keys, which state it is; [`NO_STATE`] if it is not known.
    ///
    /// Nearly all that is reached is known, and looking it up is waiting for memory: for a slot, then
    /// for a key. Here no look depends on another one, so that the processor waits for many at once.
    pub(super) fn known<'k>(
        &self,
        batch: impl Iterator<Item = (&'k K, HashSlot)> + Clone,
    ) -> [Id; BATCH]
    where
        K: 'k,
    {
        let mut heads = [0; BATCH];
        for (head, (_, spot)) in heads.iter_mut().zip(batch.clone()) {
            *head = self.shards[spot.shard()].head(spot.hash());
        }
        let mut guesses = heads;
        for (guess, (_, spot)) in guesses.iter_mut().zip(batch.clone()) {
            *guess = self.shards[spot.shard()].guess(spot.hash(), *guess);
        }
        let mut known = [NO_STATE; BATCH];
        for ((known, guess), (key, spot)) in known.iter_mut().zip(guesses).zip(batch) {
            let shard = &self.shards[spot.shard()];
            let Some(place) = (guess as usize).checked_sub(1) else { continue };
            // The tag is that of another key now and then: then the key is looked up in full.
            let place = if shard.keys[place] == *key {
                Some(place)
            } else {
                shard.probe(key, spot.hash()).ok()
            };
            *known = place.map_or(NO_STATE, |place| id_of(spot.shard(), place));
        }
        known
    }
}

/// A key in the store.
#[derive(Clone, Copy)]
pub(super) struct Entered<P = Id> {
    /// The state; for a shard, its place there.
    pub(super) at: P,
    /// Whether it was not known before.
    pub(super) is_new: bool,
}

impl Entered<usize> {
    pub(super) fn in_shard(self, shard: usize) -> Entered {
        Entered { at: id_of(shard, self.at), is_new: self.is_new }
    }
}

/// One part of the states, chosen by hash.
pub(super) struct Shard<K> {
    keys: Vec<K>,
    /// The state each was first reached from.
    parents: Vec<Id>,
    /// Open addressing with linear probing: 0 is free, otherwise six bits of the hash and the
    /// place of the key plus one.
    slots: Vec<u32>,
    heap_bytes: usize,
    overflowed: bool,
}

impl<K: Eq + Hash> Shard<K> {
    fn new() -> Self {
        Self {
            keys: Vec::new(),
            parents: Vec::new(),
            slots: Vec::new(),
            heap_bytes: 0,
            overflowed: false,
        }
    }

    fn bytes(&self) -> usize {
        self.keys.capacity() * size_of::<K>()
            + self.parents.capacity() * size_of::<Id>()
            + self.slots.capacity() * size_of::<u32>()
            + self.heap_bytes
    }

    pub(super) fn keys(&self) -> &[K] {
        &self.keys
    }

    /// The place of a key, if it is known.
    fn find(&self, key: &K, hash: u32) -> Option<usize> {
        if self.slots.is_empty() {
            return None;
        }
        self.probe(key, hash).ok()
    }

    /// The first slot to look at.
    fn head(&self, hash: u32) -> u32 {
        if self.slots.is_empty() { 0 } else { self.slots[home(hash, self.slots.len())] }
    }

    /// The place plus one of the first key whose tag is that of `hash`, from the first slot on; 0 if
    /// there is none.
    fn guess(&self, hash: u32, head: u32) -> u32 {
        let (mut found, mut slot) = (head, home(hash, self.slots.len()));
        while found != 0 && !same_tag(found, hash) {
            slot = if slot + 1 == self.slots.len() { 0 } else { slot + 1 };
            found = self.slots[slot];
        }
        found & PLACE_MASK
    }

    /// Reads the slots of what is going to be inserted: no look depends on another one, so that the
    /// processor waits for many at once.
    pub(super) fn fetch(&self, spots: impl Iterator<Item = HashSlot>) {
        black_box(spots.fold(0, |all, spot| all ^ self.head(spot.hash())));
    }

    /// Adds a key, unless it is known; its place, if there is room for it.
    pub(super) fn insert(
        &mut self,
        key: K,
        hash: u32,
        parent: Id,
        heap_bytes: impl FnOnce(&K) -> usize,
    ) -> Option<Entered<usize>> {
        if (self.keys.len() + 1) * 4 > self.slots.len() * 3 {
            self.grow();
        }
        let slot = match self.probe(&key, hash) {
            Ok(at) => return Some(Entered { at, is_new: false }),
            Err(slot) => slot,
        };
        let place = self.keys.len();
        if place >= MAX_PLACES {
            self.overflowed = true;
            return None;
        }
        self.slots[slot] = entry(hash, place);
        self.heap_bytes += heap_bytes(&key);
        push_tight(&mut self.keys, key);
        push_tight(&mut self.parents, parent);
        Some(Entered { at: place, is_new: true })
    }

    /// The place of a key, or else the free slot for it.
    fn probe(&self, key: &K, hash: u32) -> Result<usize, usize> {
        let mut slot = home(hash, self.slots.len());
        loop {
            let found = self.slots[slot];
            if found == 0 {
                return Err(slot);
            }
            if same_tag(found, hash) {
                let place = (found & PLACE_MASK) as usize - 1;
                if self.keys[place] == *key {
                    return Ok(place);
                }
            }
            slot += 1;
            if slot == self.slots.len() {
                slot = 0;
            }
        }
    }

    fn grow(&mut self) {
        let len = (self.slots.len() + self.slots.len() / 2).max(16);
        // The old slots go before the new ones come: the keys suffice to fill these.
        self.slots = Vec::new();
        self.slots.resize(len, 0);
        for (place, key) in self.keys.iter().enumerate() {
            let hash = HashSlot::of(key).hash();
            let mut slot = home(hash, len);
            while self.slots[slot] != 0 {
                slot = if slot + 1 == len { 0 } else { slot + 1 };
            }
            self.slots[slot] = entry(hash, place);
        }
    }
}

/// Pushes and grows by a quarter instead of by twice: memory is what bounds a search.
pub(super) fn push_tight<T>(vec: &mut Vec<T>, value: T) {
    if vec.len() == vec.capacity() {
        vec.reserve_exact((vec.len() / 4).max(4));
    }
    vec.push(value);
}

/// Where a key belongs.
#[derive(Clone, Copy)]
pub(super) struct HashSlot(u64);

impl HashSlot {
    pub(super) fn of<K: Hash>(key: &K) -> Self {
        Self(hash_of(key))
    }

    pub(super) fn shard(self) -> usize {
        (self.0 >> (u64::BITS - SHARD_BITS)) as usize
    }

    /// A number below `count`, a power of two, that has nothing to do with the others.
    pub(super) fn any(self, count: usize) -> usize {
        (self.0 >> 32) as usize & (count - 1)
    }

    /// Where to look in the shard.
    #[expect(clippy::cast_possible_truncation, reason = "the lower half is what is wanted")]
    pub(super) fn hash(self) -> u32 {
        self.0 as u32
    }
}

#[expect(clippy::cast_possible_truncation, reason = "shards and places fit by construction")]
pub(super) fn id_of(shard: usize, place: usize) -> Id {
    (shard as u32) << PLACE_BITS | place as u32
}

pub(super) fn shard_of_id(id: Id) -> usize {
    (id >> PLACE_BITS) as usize
}

pub(super) fn place_of_id(id: Id) -> usize {
    (id & PLACE_MASK) as usize
}

/// The upper bits of the hash choose the slot (so any length will do) …
fn home(hash: u32, len: usize) -> usize {
    ((u64::from(hash) * len as u64) >> 32) as usize
}

/// … and the lowest six go into the slot, to spare most looks at a wrong key.
#[expect(clippy::cast_possible_truncation, reason = "places fit by construction")]
fn entry(hash: u32, place: usize) -> u32 {
    hash << PLACE_BITS | (place as u32 + 1)
}

fn same_tag(entry: u32, hash: u32) -> bool {
    (entry ^ (hash << PLACE_BITS)) >> PLACE_BITS == 0
}
