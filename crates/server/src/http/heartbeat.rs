//! Whether a peer is still there.

use tokio::time::{Duration, Instant};

use super::transport::Traffic;

/// Watches a peer. The peer is dead after two intervals in which it sent no sign of life, or in which a write made no
/// progress.
///
/// Everything that comes is a sign of life, until the peer has answered a ping in text. From then on only text is:
/// some proxies answer the pings of WebSocket themselves, and go on when the peer behind them is gone.
///
/// A message may take longer than two intervals, in either direction. So bytes count, too: those that came since the
/// last message, which are a part of the next one, and those that the peer took after they had had to wait for it,
/// since it can answer no ping that is behind them.
#[derive(Debug)]
pub(super) struct Heartbeat {
    interval: Duration,
    last_check: Instant,
    last_received: Instant,
    last_progress: Instant,
    /// The peer has answered a ping in text.
    answers: bool,
    /// The bytes that have counted.
    seen: Traffic,
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
        Heartbeat {
            interval,
            last_check: now,
            last_received: now,
            last_progress: now,
            answers: false,
            seen: Traffic::default(),
        }
    }

    /// The time of the next check.
    pub(super) fn next_check(&self) -> Instant {
        self.last_check + self.interval
    }

    /// The peer sent text, or cannot be called silent for it was not read.
    pub(super) fn alive(&mut self) {
        self.last_received = Instant::now();
    }

    /// The peer answered a ping in text.
    pub(super) fn answered(&mut self) {
        self.answers = true;
    }

    /// A frame of WebSocket itself came, from the peer or from a proxy before it.
    pub(super) fn control_frame(&mut self, traffic: Traffic) {
        if self.answers {
            // Its bytes say no more than itself.
            self.seen.received = traffic.received;
        } else {
            self.alive();
        }
    }

    /// A write made progress, or none is under way.
    pub(super) fn progressed(&mut self) {
        self.last_progress = Instant::now();
    }

    pub(super) fn check(&mut self, writing: bool, traffic: Traffic) -> HeartbeatAction {
        let now = Instant::now();
        if traffic.received > self.seen.received {
            self.last_received = now;
        }
        if traffic.taken > self.seen.taken {
            (self.last_received, self.last_progress) = (now, now);
        }
        self.seen = traffic;
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
