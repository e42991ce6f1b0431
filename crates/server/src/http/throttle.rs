//! Connections and attaches of each principal, counted in bounded memory.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::{Duration, Instant};

use super::limits::EndpointLimits;
use outlive::CloseCode;

/// Counts the connections and attaches of each principal.
#[derive(Debug)]
pub(super) struct Throttle {
    accounts: Mutex<HashMap<String, Account>>,
    connections: u32,
    burst: u32,
    interval: Duration,
    principals: usize,
}

#[derive(Clone, Copy, Debug)]
struct Account {
    connections: u32,
    /// Attaches that are allowed now.
    tokens: u32,
    /// When `tokens` was right.
    at: Instant,
}

/// The limit that a principal has reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LimitExceeded {
    Connections,
    Attaches { retry_after: Duration },
}

impl LimitExceeded {
    /// For a peer that cannot read a status.
    pub(super) fn code(self) -> CloseCode {
        match self {
            LimitExceeded::Connections => CloseCode::Limit,
            LimitExceeded::Attaches { .. } => CloseCode::RateLimited,
        }
    }
}

/// A connection, which counts until this is dropped.
#[derive(Debug)]
pub(super) struct ConnectionPermit {
    throttle: Arc<Throttle>,
    principal: String,
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        if let Some(account) = self.throttle.lock().get_mut(&self.principal) {
            account.connections = account.connections.saturating_sub(1);
        }
    }
}

impl Throttle {
    pub(super) fn new(limits: &EndpointLimits) -> Throttle {
        Throttle {
            accounts: Mutex::default(),
            connections: limits.connections,
            burst: limits.attach_burst,
            interval: limits.attach_interval.max(Duration::from_millis(1)),
            principals: limits.principals.max(1),
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Account>> {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts one more attach of a principal, and one more connection.
    pub(super) fn attach(
        self: &Arc<Self>,
        principal: &str,
    ) -> Result<ConnectionPermit, LimitExceeded> {
        let now = Instant::now();
        let mut accounts = self.lock();
        if accounts.len() >= self.principals && !accounts.contains_key(principal) {
            self.evict(&mut accounts, now);
        }
        let fresh = Account { connections: 0, tokens: self.burst, at: now };
        let account = accounts.entry(principal.to_string()).or_insert(fresh);
        *account = self.refill(*account, now);
        if account.tokens == 0 {
            let retry_after = self.interval.saturating_sub(now - account.at);
            return Err(LimitExceeded::Attaches { retry_after });
        }
        account.tokens -= 1;
        if account.connections >= self.connections {
            return Err(LimitExceeded::Connections);
        }
        account.connections += 1;
        Ok(ConnectionPermit { throttle: Arc::clone(self), principal: principal.to_string() })
    }

    /// The account as it is now.
    fn refill(&self, account: Account, now: Instant) -> Account {
        let gained = (now - account.at).as_nanos() / self.interval.as_nanos();
        let gained = u32::try_from(gained).unwrap_or(u32::MAX);
        let tokens = account.tokens.saturating_add(gained);
        if tokens >= self.burst {
            return Account { tokens: self.burst, at: now, ..account };
        }
        Account { tokens, at: account.at + self.interval * gained, ..account }
    }

    /// Removes full accounts without a connection, or else all without a connection.
    fn evict(&self, accounts: &mut HashMap<String, Account>, now: Instant) {
        accounts.retain(|_, account| {
            account.connections > 0 || self.refill(*account, now).tokens < self.burst
        });
        if accounts.len() >= self.principals {
            accounts.retain(|_, account| account.connections > 0);
        }
    }
}
