//! Hashes of keys, which only say where to look for them.

use std::hash::{Hash, Hasher};

pub(super) fn hash_of<K: Hash>(key: &K) -> u64 {
    let mut folder = Folder(0);
    key.hash(&mut folder);
    folder.finish()
}

/// A quick hasher: multiply to 128 bits and fold. It has no secret, as nobody attacks a model.
struct Folder(u64);

impl Folder {
    fn fold(&mut self, word: u64) {
        // The multipliers are the fractions of the golden ratio and of pi.
        let wide = u128::from(self.0 ^ word ^ 0x243f_6a88_85a3_08d3)
            * u128::from(0x9e37_79b9_7f4a_7c15_u64);
        #[expect(clippy::cast_possible_truncation, reason = "both halves are folded together")]
        let folded = (wide as u64) ^ ((wide >> 64) as u64);
        self.0 = folded;
    }
}

impl Hasher for Folder {
    fn finish(&self) -> u64 {
        // One more round, so that the last word reaches every bit.
        let mut last = Self(self.0.rotate_left(32));
        last.fold(0);
        last.0
    }

    fn write(&mut self, bytes: &[u8]) {
        let mut words = bytes.chunks_exact(8);
        for word in &mut words {
            self.fold(u64::from_le_bytes(word.try_into().unwrap_or_default()));
        }
        let mut rest = words.remainder();
        if let Some((half, end)) = rest.split_first_chunk() {
            self.fold(u64::from(u32::from_le_bytes(*half)));
            rest = end;
        }
        if !rest.is_empty() {
            let word = rest.iter().fold(0, |word, &byte| word << 8 | u64::from(byte));
            // The length tells zeros from nothing.
            self.fold(word ^ ((rest.len() as u64) << 56));
        }
    }

    fn write_u8(&mut self, word: u8) {
        self.fold(u64::from(word));
    }

    fn write_u16(&mut self, word: u16) {
        self.fold(u64::from(word));
    }

    fn write_u32(&mut self, word: u32) {
        self.fold(u64::from(word));
    }

    fn write_u64(&mut self, word: u64) {
        self.fold(word);
    }

    #[expect(clippy::cast_possible_truncation, reason = "both halves are folded in")]
    fn write_u128(&mut self, word: u128) {
        self.fold(word as u64);
        self.fold((word >> 64) as u64);
    }

    fn write_usize(&mut self, word: usize) {
        self.fold(word as u64);
    }
}
