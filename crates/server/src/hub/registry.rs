//! Which sessions are in memory, and the way to their drivers.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::time::Instant;

use super::hibernate::{Hibernated, TimerQueue};
use super::mailbox::Mailbox;
use crate::store::SessionId;

/// Every session that is in memory.
#[derive(Debug, Default)]
pub(super) struct Registry {
    sessions: Mutex<Sessions>,
}

#[derive(Debug, Default)]
pub(super) struct Sessions {
    /// In order, so that a run of the same events is the same run.
    places: BTreeMap<SessionId, Place>,
    alarms: TimerQueue,
}

#[derive(Debug)]
enum Place {
    /// It has a driver.
    Awake(Arc<Mailbox>),
    /// It has none.
    Asleep(Box<Hibernated>),
}

impl Sessions {
    /// The mailbox, if the session has a driver.
    pub(super) fn awake(&self, id: &SessionId) -> Option<&Arc<Mailbox>> {
        match self.places.get(id)? {
            Place::Awake(mailbox) => Some(mailbox),
            Place::Asleep(_) => None,
        }
    }

    /// Gives the session a driver. Returns what it is woken with.
    pub(super) fn wake(
        &mut self,
        id: &SessionId,
        mailbox: Arc<Mailbox>,
    ) -> Option<Box<Hibernated>> {
        match self.places.insert(id.clone(), Place::Awake(mailbox))? {
            Place::Awake(_) => None,
            Place::Asleep(sleeper) => {
                self.alarms.unset(id, &sleeper);
                Some(sleeper)
            }
        }
    }
}

impl Registry {
    pub(super) fn lock(&self) -> MutexGuard<'_, Sessions> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn len(&self) -> usize {
        self.lock().places.len()
    }

    /// Whether the session is in memory.
    pub(super) fn contains(&self, id: &SessionId) -> bool {
        self.lock().places.contains_key(id)
    }

    /// The way to a session's driver, if it has one.
    pub(super) fn find(&self, id: &SessionId) -> Option<Arc<Mailbox>> {
        self.lock().awake(id).cloned()
    }

    /// The ways to all drivers.
    pub(super) fn all(&self) -> Vec<Arc<Mailbox>> {
        let awake = |place: &Place| match place {
            Place::Awake(mailbox) => Some(Arc::clone(mailbox)),
            Place::Asleep(_) => None,
        };
        self.lock().places.values().filter_map(awake).collect()
    }

    /// Takes a mailbox out, if it is (still) this one; or puts in its place who sleeps from now on.
    pub(super) fn remove(
        &self,
        id: &SessionId,
        mailbox: &Arc<Mailbox>,
        idle: impl FnOnce() -> bool,
        sleeper: impl FnOnce() -> Option<Box<Hibernated>>,
    ) -> bool {
        let mut sessions = self.lock();
        let known = sessions.awake(id).is_some_and(|known| Arc::ptr_eq(known, mailbox));
        let goes = known && idle();
        if goes {
            match sleeper() {
                Some(sleeper) => {
                    sessions.alarms.set(id, &sleeper);
                    sessions.places.insert(id.clone(), Place::Asleep(sleeper));
                }
                None => _ = sessions.places.remove(id),
            }
        }
        goes
    }

    /// Takes out the sessions that hibernate.
    pub(super) fn take_sleepers(&self) -> Vec<SessionId> {
        let mut sessions = self.lock();
        let mut taken = Vec::new();
        sessions.places.retain(|id, place| match place {
            Place::Awake(_) => true,
            Place::Asleep(_) => {
                taken.push(id.clone());
                false
            }
        });
        sessions.alarms.clear();
        taken
    }

    /// The first session that is to be woken by now.
    pub(super) fn pop_due(&self) -> Option<SessionId> {
        self.lock().alarms.pop_due()
    }

    /// When to ring next.
    pub(super) fn next_alarm(&self) -> Option<Instant> {
        self.lock().alarms.next()
    }

    /// Notified when that is sooner than it was.
    pub(super) fn sooner(&self) -> Arc<Notify> {
        self.lock().alarms.sooner()
    }
}
