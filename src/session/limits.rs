//! Limits are data.

use serde::{Deserialize, Serialize};

use crate::words::Timer;

/// What a session may hold, and how long it waits. The same limits hold for a session's whole life;
/// with other limits after a restart nothing is lost, only no more is taken.
///
/// ```
/// let limits = outlive::Limits::default();
/// assert_eq!((limits.connections, limits.queued, limits.clients, limits.asks), (16, 32, 128, 8));
/// // Of each but the last, one principal may have half.
/// assert_eq!((limits.connections_per_principal, limits.queued_per_principal), (8, 16));
/// assert_eq!(limits.clients_per_principal, 64);
/// // A piece of output is an entry: 300 answers of 300 pieces, and then the oldest are trimmed.
/// assert_eq!((limits.batch, limits.retention, limits.pinned), (256, 100_000, 100_000));
/// let minutes = |minutes: u32| minutes * 60_000;
/// assert_eq!((limits.idle_ms, limits.start_ms), (minutes(30), minutes(1)));
/// assert_eq!((limits.turn_ms, limits.interrupt_ms), (None, 10_000));
/// assert_eq!((limits.detach_ms, limits.grace_ms), (minutes(30), minutes(10)));
/// assert_eq!(limits.closeout_ms, minutes(2));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Connections at a time, at least 1. One more is closed with 1013, and told when to come back.
    pub connections: u16,
    /// Connections of one [principal](crate::ids::PrincipalId) at a time, at least 1: its share of
    /// [`connections`](Limits::connections). One more is turned away in the same way, and has its place when another
    /// one of the principal goes. With a share as large as the whole, one principal may take it all.
    pub connections_per_principal: u16,
    /// Prompts, and answers to asks that outlived their turns, that wait for the worker, at least 1. A running one
    /// does not wait. One more is refused, and has a place when the next turn ends.
    pub queued: u16,
    /// Of these, those of one [principal](crate::ids::PrincipalId), at least 1: its share of [`queued`](Limits::queued).
    /// One more is refused in the same way, and has a place when the next one of the principal's own begins.
    pub queued_per_principal: u16,
    /// Pending asks, at least 1: of the running turn, and those that outlived theirs.
    pub asks: u16,
    /// Clients that ever prompted, at least 1: each costs a row, kept so that no prompt runs twice.
    pub clients: u16,
    /// Such clients of one [principal](crate::ids::PrincipalId), at least 1: its share of [`clients`](Limits::clients).
    /// One more is refused; those that are known, and other principals, prompt as before. A principal does not get
    /// its share back, so its clients should keep their names.
    pub clients_per_principal: u16,
    /// Entries in one [`Send`](crate::session::Effect::Send), at least 1.
    pub batch: u32,
    /// Entries the log retains, at least 1. Older ones are trimmed: a viewer that had not read them gets a gap, which
    /// names them, and the welcome of a new one names where the log begins. More are kept while a queued prompt, an ask of the running
    /// turn or a suspended viewer needs them, and of a batch that is larger for as long as it is the newest.
    pub retention: u64,
    /// Entries the log retains beyond `retention`, at least 1, for viewers that are suspended, until
    /// [`Timer::Grace`] is over, and for asks that outlived their turns: a viewer that comes back to more than both
    /// gets a gap, and an answer that comes later than that is given to the worker without the question.
    pub pinned: u64,
    /// [`Timer::Idle`], in milliseconds, at least 1, as all that follow.
    pub idle_ms: u32,
    /// [`Timer::Start`].
    pub start_ms: u32,
    /// [`Timer::Turn`]; none lets a turn run for ever.
    pub turn_ms: Option<u32>,
    /// [`Timer::Interrupt`].
    pub interrupt_ms: u32,
    /// [`Timer::Detach`].
    pub detach_ms: u32,
    /// [`Timer::Grace`].
    pub grace_ms: u32,
    /// [`Timer::Closeout`].
    pub closeout_ms: u32,
}

impl Default for Limits {
    fn default() -> Limits {
        const SECOND: u32 = 1_000;
        const MINUTE: u32 = 60 * SECOND;
        Limits {
            connections: 16,
            connections_per_principal: 8,
            queued: 32,
            queued_per_principal: 16,
            asks: 8,
            clients: 128,
            clients_per_principal: 64,
            batch: 256,
            retention: 100_000,
            pinned: 100_000,
            idle_ms: 30 * MINUTE,
            start_ms: MINUTE,
            turn_ms: None,
            interrupt_ms: 10 * SECOND,
            detach_ms: 30 * MINUTE,
            grace_ms: 10 * MINUTE,
            closeout_ms: 2 * MINUTE,
        }
    }
}

/// A limit that no session can live with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the limit `{limit}` is 0, and must be at least 1")]
pub struct ZeroLimitError {
    /// Its name.
    pub limit: &'static str,
}

impl Limits {
    /// Refuses limits that no session can live with.
    ///
    /// # Errors
    /// The first limit that is 0.
    pub fn check(&self) -> Result<(), ZeroLimitError> {
        let least = [
            ("connections", u64::from(self.connections)),
            ("connections_per_principal", u64::from(self.connections_per_principal)),
            ("queued", u64::from(self.queued)),
            ("queued_per_principal", u64::from(self.queued_per_principal)),
            ("asks", u64::from(self.asks)),
            ("clients", u64::from(self.clients)),
            ("clients_per_principal", u64::from(self.clients_per_principal)),
            ("batch", u64::from(self.batch)),
            ("retention", self.retention),
            ("pinned", self.pinned),
            ("idle_ms", u64::from(self.idle_ms)),
            ("start_ms", u64::from(self.start_ms)),
            ("turn_ms", u64::from(self.turn_ms.unwrap_or(1))),
            ("interrupt_ms", u64::from(self.interrupt_ms)),
            ("detach_ms", u64::from(self.detach_ms)),
            ("grace_ms", u64::from(self.grace_ms)),
            ("closeout_ms", u64::from(self.closeout_ms)),
        ];
        match least.iter().find(|(_, value)| *value == 0) {
            Some((limit, _)) => Err(ZeroLimitError { limit }),
            None => Ok(()),
        }
    }

    /// How long a timer runs, in milliseconds; none if it is never armed.
    pub const fn duration(&self, timer: Timer) -> Option<u32> {
        match timer {
            Timer::Idle => Some(self.idle_ms),
            Timer::Start => Some(self.start_ms),
            Timer::Turn => self.turn_ms,
            Timer::Interrupt => Some(self.interrupt_ms),
            Timer::Detach => Some(self.detach_ms),
            Timer::Grace => Some(self.grace_ms),
            Timer::Closeout => Some(self.closeout_ms),
        }
    }
}
