//! What belongs to the hub itself.

use std::time::Duration;

use outlive::client::Settings;

/// The slowest line on which the largest entry has to reach a page, in bytes a second.
const SLOWEST_LINE: u64 = 8 << 10;

/// What belongs to the hub, and not to the sessions' [`Limits`](outlive::Limits). Start from the default and set what
/// is to differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HubOptions {
    pub(crate) hello_timeout: Duration,
    pub(crate) close_timeout: Duration,
    pub(crate) ping_interval: Duration,
    pub(crate) body_bytes: usize,
    pub(crate) page_bytes: usize,
    pub(crate) tail_bytes: usize,
    pub(crate) held_bytes: usize,
    pub(crate) recoveries: usize,
    pub(crate) abandon_after: Duration,
}

impl Default for HubOptions {
    fn default() -> HubOptions {
        HubOptions {
            hello_timeout: Duration::from_secs(10),
            close_timeout: Duration::from_secs(5),
            ping_interval: Duration::from_secs(25),
            body_bytes: 4 << 20,
            page_bytes: 256 << 10,
            tail_bytes: 256 << 10,
            held_bytes: 128 << 20,
            recoveries: 64,
            abandon_after: Duration::from_secs(60),
        }
    }
}

impl HubOptions {
    /// How long a transport may take to say hello. 10 seconds by default.
    #[must_use]
    pub fn hello_timeout(self, hello_timeout: Duration) -> HubOptions {
        HubOptions { hello_timeout, ..self }
    }

    /// How long a peer may take to answer a close. 5 seconds by default.
    #[must_use]
    pub fn close_timeout(self, close_timeout: Duration) -> HubOptions {
        HubOptions { close_timeout, ..self }
    }

    /// How often an endpoint pings, and the hub asks whether the store is still its own. The welcome carries it to
    /// clients, in milliseconds. 25 seconds by default.
    ///
    /// A peer is given up after two intervals in which no byte moved; so one byte has to pass in that time, and so has
    /// all that the buffers of the system and of proxies hold, since the answer to a ping waits behind it. The other
    /// side of a large entry is [`body_bytes`](HubOptions::body_bytes).
    #[must_use]
    pub fn ping_interval(self, ping_interval: Duration) -> HubOptions {
        HubOptions { ping_interval, ..self }
    }

    /// The largest body of a prompt, an answer or a piece of output, in bytes. 4 MiB by default.
    ///
    /// A page sees no byte of an entry before all of it is there, and waits at most ten minutes for it
    /// ([`Settings::patience_ms`]), or two and a half pings if those are longer. So this has to hold, or the entry is
    /// begun again for ever:
    ///
    /// > `body_bytes` ≤ the slowest line, in bytes a second × the longest wait, in seconds
    ///
    /// With the defaults that is 7 KB/s. A hub that is built with more than 8 KiB/s for that wait logs a warning.
    #[must_use]
    pub fn body_bytes(self, body_bytes: usize) -> HubOptions {
        HubOptions { body_bytes, ..self }
    }

    /// How much of the log a viewer that reads back is sent at a time, in bytes, and at most
    /// [`Limits::batch`](outlive::Limits) entries. A larger entry is sent alone. 256 KiB by default.
    #[must_use]
    pub fn page_bytes(self, page_bytes: usize) -> HubOptions {
        HubOptions { page_bytes, ..self }
    }

    /// How much of a watched session's newest entries is kept in memory, ready to be sent, in bytes. 256 KiB by
    /// default.
    #[must_use]
    pub fn tail_bytes(self, tail_bytes: usize) -> HubOptions {
        HubOptions { tail_bytes, ..self }
    }

    /// How much memory viewers may hold that do not take what they were given, over all sessions, in bytes. It counts entries that are
    /// larger than a page, each once for all viewers of its session. Beyond it the entry that is held longest is given
    /// up: its viewers are closed with [`SlowConsumer`](outlive::CloseCode::SlowConsumer), and come back at their cursors. 128 MiB by
    /// default.
    #[must_use]
    pub fn held_bytes(self, held_bytes: usize) -> HubOptions {
        HubOptions { held_bytes, ..self }
    }

    /// Warns if a page may never get the largest entry.
    pub(crate) fn warn_of_slow_lines(&self) {
        let most = Duration::from_millis(Settings::default().patience_ms.into());
        let most = most.max(self.ping_interval.saturating_mul(5) / 2).as_secs();
        if self.body_bytes as u64 > SLOWEST_LINE.saturating_mul(most) {
            tracing::warn!(
                body_bytes = self.body_bytes,
                "a page waits {most} s for an entry: the largest one needs a line of {} bytes a second",
                self.body_bytes as u64 / most.max(1)
            );
        }
    }

    /// How many sessions are recovered at a time after a restart. 64 by default.
    #[must_use]
    pub fn recoveries(self, recoveries: usize) -> HubOptions {
        HubOptions { recoveries, ..self }
    }

    /// How long workers are left running after the [lease](crate::store::Store::lease) is over and the store still says
    /// nothing: then this node gives up, as if it were [fenced](crate::hub::Hub::fenced). Longer than a fail-over of
    /// the database takes: if it is back in time, everything goes on. 60 seconds by default. A store without a lease is
    /// waited for as long as it takes.
    #[must_use]
    pub fn abandon_after(self, abandon_after: Duration) -> HubOptions {
        HubOptions { abandon_after, ..self }
    }
}
