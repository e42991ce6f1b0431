//! Waiting for a store that does not answer.

use core::time::Duration;

/// Doubles from 20 ms up to 5 s.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    tried: u32,
}

impl Backoff {
    /// The next wait.
    pub(super) fn next(&mut self) -> Duration {
        let wait = Duration::from_millis(20 << self.tried.min(8));
        self.tried = self.tried.saturating_add(1);
        wait.min(Duration::from_secs(5))
    }

    pub(super) async fn wait(&mut self) {
        tokio::time::sleep(self.next()).await;
    }

    /// Whether it was tried often enough to give up, where giving up is an answer.
    pub(super) fn is_over(&self) -> bool {
        self.tried >= 8
    }
}
