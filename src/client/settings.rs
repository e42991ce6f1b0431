//! The numbers of a client.

use serde::{Deserialize, Serialize};

use super::event::{Event, Wait};
use crate::words::CloseCode;

/// The numbers of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Settings {
    /// How many prompts may wait.
    pub outbox: u16,
    /// How many hellos in a row may go without a welcome before the cursor is dropped.
    pub failed_attaches: u8,
    /// The first wait after a connection that did some good is at most this.
    pub first_ms: u32,
    /// The wait after `n` failures is at most `2^n` times this,
    pub step_ms: u32,
    /// and at most this.
    pub most_ms: u32,
    /// There is at most one dial in this time.
    pub spacing_ms: u32,
    /// How long dial and welcome may take together.
    pub attach_ms: u32,
    /// How long a connection must last before failures are forgiven.
    pub stable_ms: u32,
    /// How long the answer to a probe may take.
    pub probe_ms: u32,
    /// How often the server pings, until its welcome names the interval.
    pub ping_ms: u32,
    /// After a silence the next connection may be silent for twice as long, until the client has caught up and
    /// has no prompt under way; but for no longer than this, or than two and a half pings if those are longer. The largest entry has to come through
    /// within this time where the driver sees no bytes, as in a browser: 4 MiB take 7 KB/s with the default of ten
    /// minutes. Where the driver sees bytes, each of them ends the silence.
    pub patience_ms: u32,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            outbox: 16,
            failed_attaches: 3,
            first_ms: 1_000,
            step_ms: 500,
            most_ms: 30_000,
            spacing_ms: 1_000,
            attach_ms: 15_000,
            stable_ms: 10_000,
            probe_ms: 5_000,
            ping_ms: 25_000,
            patience_ms: 600_000,
        }
    }
}

/// Between these two, in milliseconds, a client waits for a server that leaves and did not say for how long.
/// It does not grow, for such a dial is no failure, and a server that is back soon must not wait for its clients.
pub(crate) const LEAVING_MS: (u32, u32) = (1_000, 5_000);

/// What a client waits beyond its usual time, in milliseconds, for a server that is overloaded (1013).
pub(crate) const OVERLOADED_MS: u32 = 10_000;

impl Settings {
    /// How long a silence may last that was to be so long, after so many that ended a connection.
    pub(crate) const fn patience(&self, ms: u32, silences: u8) -> u32 {
        let most = if ms > self.patience_ms { ms } else { self.patience_ms };
        let doubled = if silences < 16 { ms.saturating_mul(1 << silences) } else { most };
        if doubled < most { doubled } else { most }
    }

    /// How long to wait before the dial that follows so many fruitless ones. What the server says counts
    /// more than its code, and never brings all clients back at the same moment. One that takes no prompt now is
    /// not dialled at once.
    pub(super) fn backoff(&self, attempts: u8, leaving: bool, event: &Event) -> Wait {
        let full = self.step_ms.saturating_mul(1 << attempts.min(16)).min(self.most_ms);
        let most = if attempts == 0 { self.first_ms } else { full };
        let code = if let Event::Closed { code, .. } = event { Some(code.0) } else { None };
        let refused = matches!(event, Event::Refused { .. }).then_some(self.spacing_ms);
        let (least_ms, most_ms) = if let Some(after_ms) = event.after_ms().or(refused) {
            (after_ms, after_ms.saturating_add(most))
        } else if code == Some(CloseCode::Overloaded.number()) {
            (OVERLOADED_MS, most.saturating_add(OVERLOADED_MS))
        } else if leaving {
            LEAVING_MS
        } else {
            (0, most)
        };
        Wait::Between { least_ms, most_ms }
    }
}
