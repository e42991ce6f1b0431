//! Whether a peer is still there.

use tokio::time::{Duration, Instant};

/// Watches a peer. The peer is dead after two intervals in which it sent nothing, or in which a write made no
/// progress.
#[derive(Debug)]
pub(super) struct Heartbeat {
    interval: Duration,
    last_check: Instant,
    last_received: Instant,
    last_progress: Instant,
}

/// What a check asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HeartbeatAction {
    Ping,
    /// Give the peer up.
    Dead,
}

impl Heartbeat {
    pub(super) fn new(interval: Duration) -> Heartbeat {
        let now = Instant::now();
        let interval = interval.max(Duration::from_millis(1));
        Heartbeat { interval, last_check: now, last_received: now, last_progress: now }
    }

    /// The time of the next check.
    pub(super) fn next_check(&self) -> Instant {
        self.last_check + self.interval
    }

    /// Something was received.
    pub(super) fn received(&mut self) {
        self.last_received = Instant::now();
    }

    /// A write made progress, or none is under way.
    pub(super) fn progressed(&mut self) {
        self.last_progress = Instant::now();
    }

    pub(super) fn check(&mut self, writing: bool) -> HeartbeatAction {
        let now = Instant::now();
        let most = self.interval * 2;
        if now - self.last_check > most {
            // This process slept, not the peer.
            (self.last_received, self.last_progress) = (now, now);
        }
        self.last_check = now;
        let stuck = writing && now - self.last_progress >= most;
        if stuck || now - self.last_received >= most {
            HeartbeatAction::Dead
        } else {
            HeartbeatAction::Ping
        }
    }
}
