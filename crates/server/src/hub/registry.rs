//! Which sessions are in memory, and the way to their drivers.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::time::Instant;

use super::driver::{Driver, SpawnMode};
use super::hibernate::{Hibernated, TimerQueue};
use super::mailbox::{CommandError, DriverRef, Inbox, Mailbox};
use super::recent_frames::RecentFrames;
use super::shared::Shared;
use crate::store::SessionId;

/// Every session that is in memory.
#[derive(Debug, Default)]
pub(super) struct Registry {
    sessions: Mutex<Sessions>,
}

#[derive(Debug, Default)]
struct Sessions {
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
    fn awake(&self, id: &SessionId) -> Option<&Arc<Mailbox>> {
        match self.places.get(id)? {
            Place::Awake(mailbox) => Some(mailbox),
            Place::Asleep(_) => None,
        }
    }

    /// Gives the session a driver. Returns what it is woken with.
    fn wake(&mut self, id: &SessionId, mailbox: Arc<Mailbox>) -> Option<Box<Hibernated>> {
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
    fn lock(&self) -> MutexGuard<'_, Sessions> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn len(&self) -> usize {
        self.lock().places.len()
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
    fn remove(
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

    /// Takes out those who sleep.
    fn take_sleepers(&self) -> Vec<SessionId> {
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

    /// The first who is to be woken by now.
    pub(super) fn ring(&self) -> Option<SessionId> {
        self.lock().alarms.ring()
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

impl Shared {
    /// The way to a session's driver, which is started if there is none.
    pub(super) fn get_or_spawn(
        self: &Arc<Self>,
        id: &SessionId,
    ) -> Result<DriverRef, CommandError> {
        self.enter(id, SpawnMode::Load)
    }

    /// As [`visit`](Shared::visit), also for a session that is new. A hub that leaves takes nothing new in,
    /// and one that is fenced has nothing to say.
    pub(super) fn enter(
        self: &Arc<Self>,
        id: &SessionId,
        birth: SpawnMode,
    ) -> Result<DriverRef, CommandError> {
        let mut sessions = self.registry.lock();
        // Under the lock: who is let in here is still told of it when either begins.
        if self.is_fenced() {
            return Err(CommandError::Moved);
        }
        if let Some(mailbox) = sessions.awake(id) {
            return Ok(DriverRef::new(mailbox));
        }
        if self.is_draining() {
            return Err(CommandError::Draining);
        }
        let (mailbox, inbox) = Mailbox::new(RecentFrames::new(self.options.tail_bytes));
        let mailbox = Arc::new(mailbox);
        let birth = sessions.wake(id, Arc::clone(&mailbox)).map_or(birth, SpawnMode::Wake);
        let visitor = DriverRef::new(&mailbox);
        drop(sessions);
        let driver = Driver::new(Arc::clone(self), id.clone(), mailbox, inbox);
        self.tasks.spawn(driver.run(birth));
        Ok(visitor)
    }

    /// Takes a driver out of the registry if nobody visits it and nothing waits for it. From then on
    /// nobody can.
    pub(super) fn remove_if_idle(
        &self,
        id: &SessionId,
        mailbox: &Arc<Mailbox>,
        inbox: &Inbox,
    ) -> bool {
        let retired = self.registry.remove(id, mailbox, || is_idle(mailbox, inbox), || None);
        if retired {
            self.observe(|observer| observer.on_unload(id));
        }
        retired
    }

    /// As [`retire`](Shared::retire), but the session stays in memory: whoever comes next wakes it.
    pub(super) fn hibernate_if_idle(
        &self,
        id: &SessionId,
        mailbox: &Arc<Mailbox>,
        inbox: &Inbox,
        sleeper: impl FnOnce() -> Box<Hibernated>,
    ) -> bool {
        self.registry.remove(id, mailbox, || is_idle(mailbox, inbox), || Some(sleeper()))
    }

    /// Takes a driver out of the registry at once: whoever comes next gets another one.
    pub(super) fn remove(&self, id: &SessionId, mailbox: &Arc<Mailbox>) {
        if self.registry.remove(id, mailbox, || true, || None) {
            self.observe(|observer| observer.on_unload(id));
        }
    }

    /// Sessions that sleep are left to the next process. This one lets nobody in who would wake them.
    pub(super) fn leave_sleepers(&self) {
        for id in self.registry.take_sleepers() {
            self.observe(|observer| observer.on_unload(&id));
        }
    }
}

fn is_idle(mailbox: &Mailbox, inbox: &Inbox) -> bool {
    !mailbox.is_visited() && inbox.is_empty()
}
