//! Hashes of keys, which only say where to look for them.

use std::hash::{Hash, Hasher};

pub(super) fn hash_of<K: Hash>(key: &K) -> u64 {
    let mut folder = Folder(0);
    key.hash(&mut folder);
    folder.finish()
}

/// A quick hasher. It has no secret: a model is not an attacker.
///
/// A state is hashed word by word, often small ones, and each waits for the one before: so a word costs
/// one multiplication, and only the end mixes well.
struct Folder(u64);

/// The fraction of the golden ratio.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;
/// The fraction of pi, made odd.
const PI: u64 = 0x243f_6a88_85a3_08d3;

impl Folder {
    fn fold(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(PI);
    }
}

impl Hasher for Folder {
    /// Multiplies to 128 bits and folds, so that every bit reaches every other.
    fn finish(&self) -> u64 {
        let wide = u128::from(self.0 ^ GOLDEN) * u128::from(GOLDEN);
        #[expect(clippy::cast_possible_truncation, reason = "both halves are folded together")]
        let folded = (wide as u64) ^ ((wide >> 64) as u64);
        folded
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
