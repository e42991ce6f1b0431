//! Connections and attaches of each principal, counted in bounded memory.
//!
//! A name takes its own seat again: a client that comes back in the place of a connection that hangs is not refused
//! for that one. So the limit on connections counts names in sessions, and an upgrade is let in before it has one.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

use super::limits::EndpointLimits;
use crate::hub::client_id;
use crate::store::SessionId;
use outlive::CloseCode;
use outlive::ids::ClientId;

/// Counts the connections and attaches of each principal.
#[derive(Debug)]
pub(super) struct Throttle {
    accounts: Mutex<Accounts>,
    connections: usize,
    burst: u32,
    interval: Duration,
    principals: usize,
}

#[derive(Debug, Default)]
struct Accounts {
    of: HashMap<String, Account>,
    revocations: Revocations,
}

/// How many revocations there were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Revocations(u64);

#[derive(Debug)]
struct Account {
    /// The connections of each name, in each session. All but the newest are on their way out.
    seats: HashMap<Seat, u32>,
    /// Connections that have not said their names yet.
    arrivals: u32,
    /// Attaches that are allowed now.
    tokens: u32,
    /// When `tokens` was right.
    at: Instant,
    /// Cancelled when the principal is revoked.
    revoked: CancellationToken,
}

/// A client's place in a session.
type Seat = (SessionId, ClientId);

impl Account {
    fn is_connected(&self) -> bool {
        !self.seats.is_empty() || self.arrivals > 0
    }
}

/// The limit that a principal has reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LimitExceeded {
    Connections,
    Attaches { retry_after: Duration },
}

impl LimitExceeded {
    /// How long it lasts at least.
    pub(super) fn retry_after(self) -> Duration {
        match self {
            LimitExceeded::Connections => Duration::from_secs(5),
            LimitExceeded::Attaches { retry_after } => retry_after,
        }
    }

    /// For a peer that cannot read a status.
    pub(super) fn code(self) -> CloseCode {
        match self {
            LimitExceeded::Connections => CloseCode::Overloaded,
            LimitExceeded::Attaches { .. } => CloseCode::RateLimited,
        }
    }
}

/// A connection that has not said its name. It counts until this is dropped.
#[derive(Debug)]
pub(super) struct Arrival {
    throttle: Arc<Throttle>,
    principal: String,
    revoked: CancellationToken,
}

impl Drop for Arrival {
    fn drop(&mut self) {
        if let Some(account) = self.throttle.lock().of.get_mut(&self.principal) {
            account.arrivals = account.arrivals.saturating_sub(1);
        }
    }
}

impl Arrival {
    /// Takes the seat of a name, which may be taken by an older connection of the same one.
    pub(super) fn seat(
        self,
        session: &SessionId,
        client: &str,
    ) -> Result<ConnectionPermit, LimitExceeded> {
        let throttle = Arc::clone(&self.throttle);
        let principal = self.principal.clone();
        let seat = (session.clone(), client_id(&principal, client));
        if let Some(account) = throttle.lock().of.get_mut(&principal) {
            if account.seats.len() >= throttle.connections && !account.seats.contains_key(&seat) {
                return Err(LimitExceeded::Connections);
            }
            *account.seats.entry(seat.clone()).or_default() += 1;
        }
        let revoked = self.revoked.clone();
        Ok(ConnectionPermit { throttle, principal, seat, revoked })
    }
}

/// A connection of a name, which has a seat until this is dropped.
#[derive(Debug)]
pub(super) struct ConnectionPermit {
    throttle: Arc<Throttle>,
    principal: String,
    seat: Seat,
    revoked: CancellationToken,
}

impl ConnectionPermit {
    /// The principal that has it.
    pub(super) fn principal(&self) -> &str {
        &self.principal
    }

    /// Returns when the principal is revoked.
    pub(super) async fn revoked(&self) {
        self.revoked.cancelled().await;
    }

    /// Whether the principal was revoked.
    pub(super) fn is_revoked(&self) -> bool {
        self.revoked.is_cancelled()
    }
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        let mut accounts = self.throttle.lock();
        let Some(account) = accounts.of.get_mut(&self.principal) else { return };
        if let Entry::Occupied(mut seat) = account.seats.entry(self.seat.clone()) {
            *seat.get_mut() -= 1;
            if *seat.get() == 0 {
                seat.remove();
            }
        }
    }
}

impl Throttle {
    pub(super) fn new(limits: &EndpointLimits) -> Throttle {
        Throttle {
            accounts: Mutex::default(),
            connections: limits.connections.try_into().unwrap_or(usize::MAX),
            burst: limits.attach_burst,
            interval: limits.attach_interval.max(Duration::from_millis(1)),
            principals: limits.principals.max(1),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Accounts> {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many revocations there were: to be asked before a request is authorised, for [`arrive`](Throttle::arrive).
    pub(super) fn revocations(&self) -> Revocations {
        self.lock().revocations
    }

    /// Tells every connection of a principal, and those that are being authorised, that it is revoked.
    pub(super) fn revoke(&self, principal: &str) {
        let mut accounts = self.lock();
        accounts.revocations.0 += 1;
        if let Some(account) = accounts.of.get_mut(principal) {
            core::mem::take(&mut account.revoked).cancel();
        }
    }

    /// Counts one more attach of a principal, and one more connection without a name. None: somebody was revoked since
    /// there were `seen` revocations, so the request has to be authorised again.
    pub(super) fn arrive(
        self: &Arc<Self>,
        principal: &str,
        seen: Revocations,
    ) -> Option<Result<Arrival, LimitExceeded>> {
        let mut accounts = self.lock();
        (accounts.revocations == seen).then(|| self.count(&mut accounts.of, principal))
    }

    fn count(
        self: &Arc<Self>,
        accounts: &mut HashMap<String, Account>,
        principal: &str,
    ) -> Result<Arrival, LimitExceeded> {
        let now = Instant::now();
        if accounts.len() >= self.principals && !accounts.contains_key(principal) {
            self.evict(accounts, now);
        }
        let account = accounts.entry(principal.to_string()).or_insert_with(|| Account {
            seats: HashMap::new(),
            arrivals: 0,
            tokens: self.burst,
            at: now,
            revoked: CancellationToken::new(),
        });
        (account.tokens, account.at) = self.refill(account, now);
        if account.tokens == 0 {
            let retry_after = self.interval.saturating_sub(now - account.at);
            return Err(LimitExceeded::Attaches { retry_after });
        }
        account.tokens -= 1;
        if account.arrivals as usize >= self.connections {
            return Err(LimitExceeded::Connections);
        }
        account.arrivals += 1;
        let revoked = account.revoked.clone();
        Ok(Arrival { throttle: Arc::clone(self), principal: principal.to_string(), revoked })
    }

    /// The tokens that the account has now, and when that was right.
    fn refill(&self, account: &Account, now: Instant) -> (u32, Instant) {
        let gained = (now - account.at).as_nanos() / self.interval.as_nanos();
        let gained = u32::try_from(gained).unwrap_or(u32::MAX);
        let tokens = account.tokens.saturating_add(gained);
        if tokens >= self.burst {
            return (self.burst, now);
        }
        (tokens, account.at + self.interval * gained)
    }

    /// Removes full accounts without a connection, or else all without a connection.
    fn evict(&self, accounts: &mut HashMap<String, Account>, now: Instant) {
        accounts.retain(|_, account| {
            account.is_connected() || self.refill(account, now).0 < self.burst
        });
        if accounts.len() >= self.principals {
            accounts.retain(|_, account| account.is_connected());
        }
    }
}
