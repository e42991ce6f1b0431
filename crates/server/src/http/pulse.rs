//! Whether a peer is still there.

use tokio::time::{Duration, Instant};

/// Hears a peer. It is dead when two intervals passed without a sign of life: nothing came in, or a write
/// did not move on.
#[derive(Debug)]
pub(super) struct Pulse {
    every: Duration,
    /// When it was looked at last.
    looked: Instant,
    heard: Instant,
    moved: Instant,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Beat {
    /// Ask whether it is there.
    Ping,
    /// It is not.
    Dead,
}

impl Pulse {
    pub(super) fn new(every_ms: u32) -> Pulse {
        let now = Instant::now();
        let every = Duration::from_millis(u64::from(every_ms.max(1)));
        Pulse { every, looked: now, heard: now, moved: now }
    }

    /// When to look next.
    pub(super) fn due(&self) -> Instant {
        self.looked + self.every
    }

    /// Something came in.
    pub(super) fn heard(&mut self) {
        self.heard = Instant::now();
    }

    /// A write moved on, or none is under way.
    pub(super) fn moved(&mut self) {
        self.moved = Instant::now();
    }

    /// Looks. `busy`: a write is under way.
    pub(super) fn look(&mut self, busy: bool) -> Beat {
        let now = Instant::now();
        let most = self.every * 2;
        if now - self.looked > most {
            // It was this process that slept: one more chance for everybody.
            (self.heard, self.moved) = (now, now);
        }
        self.looked = now;
        let stuck = busy && now - self.moved >= most;
        if stuck || now - self.heard >= most { Beat::Dead } else { Beat::Ping }
    }
}
