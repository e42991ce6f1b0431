//! Connections and attaches of each principal, counted in bounded memory.

use std::collections::HashMap;
use std::string::{String, ToString};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::{Duration, Instant};

use super::limits::EndpointLimits;
use outlive::CloseCode;

/// Counts.
#[derive(Debug)]
pub(super) struct Throttle {
    accounts: Mutex<HashMap<String, Account>>,
    connections: u32,
    attaches: u32,
    each: Duration,
    principals: usize,
}

#[derive(Clone, Copy, Debug)]
struct Account {
    connections: u32,
    /// Attaches that may come.
    left: u32,
    /// When `left` was right.
    at: Instant,
}

/// What a principal has too much of, and when it may try again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TooMany {
    Connections,
    Attaches { wait: Duration },
}

impl TooMany {
    /// What a peer is told that cannot read a status.
    pub(super) fn code(self) -> CloseCode {
        match self {
            TooMany::Connections => CloseCode::Limit,
            TooMany::Attaches { .. } => CloseCode::RateLimited,
        }
    }
}

/// A connection that counts as long as this is kept.
#[derive(Debug)]
pub(super) struct Seat {
    throttle: Arc<Throttle>,
    principal: String,
}

impl Drop for Seat {
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
            attaches: limits.attaches,
            each: Duration::from_millis(u64::from(limits.attach_ms.max(1))),
            principals: limits.principals.max(1),
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Account>> {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One more attach of a principal, and one more connection.
    pub(super) fn attach(self: &Arc<Self>, principal: &str) -> Result<Seat, TooMany> {
        let now = Instant::now();
        let mut accounts = self.lock();
        if accounts.len() >= self.principals && !accounts.contains_key(principal) {
            self.forget(&mut accounts, now);
        }
        let fresh = Account { connections: 0, left: self.attaches, at: now };
        let account = accounts.entry(principal.to_string()).or_insert(fresh);
        *account = self.refill(*account, now);
        if account.left == 0 {
            return Err(TooMany::Attaches { wait: self.each.saturating_sub(now - account.at) });
        }
        account.left -= 1;
        if account.connections >= self.connections {
            return Err(TooMany::Connections);
        }
        account.connections += 1;
        Ok(Seat { throttle: Arc::clone(self), principal: principal.to_string() })
    }

    /// The account as it is now.
    fn refill(&self, account: Account, now: Instant) -> Account {
        let each = self.each.as_millis();
        let gained = u32::try_from((now - account.at).as_millis() / each).unwrap_or(u32::MAX);
        let left = account.left.saturating_add(gained);
        if left >= self.attaches {
            return Account { left: self.attaches, at: now, ..account };
        }
        Account { left, at: account.at + self.each * gained, ..account }
    }

    /// Forgets who has nothing, or else who has no connection.
    fn forget(&self, accounts: &mut HashMap<String, Account>, now: Instant) {
        accounts.retain(|_, account| {
            account.connections > 0 || self.refill(*account, now).left < self.attaches
        });
        if accounts.len() >= self.principals {
            accounts.retain(|_, account| account.connections > 0);
        }
    }
}
