//! Numbers that look random, and are the same on every machine.

/// What the recorded walks are drawn with.
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Dice {
        Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(1))
    }

    /// A number below `sides`.
    pub(super) fn roll(&mut self, sides: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }

    pub(super) fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        let place = self.roll(of.len() as u64);
        of[usize::try_from(place).unwrap_or_default()]
    }
}
