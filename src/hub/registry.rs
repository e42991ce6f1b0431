//! Which sessions are in memory, and the way to their drivers.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::vec::Vec;

use super::driver::{Birth, Driver};
use super::mailbox::{Inbox, Mailbox, NotDone, Visitor};
use super::shared::Shared;
use super::tail::Tail;
use crate::store::SessionId;

/// In order, so that a run of the same events is the same run.
#[derive(Debug, Default)]
pub(super) struct Registry {
    sessions: Mutex<BTreeMap<SessionId, Arc<Mailbox>>>,
}

impl Registry {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<SessionId, Arc<Mailbox>>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn len(&self) -> usize {
        self.lock().len()
    }

    pub(super) fn find(&self, id: &SessionId) -> Option<Arc<Mailbox>> {
        self.lock().get(id).cloned()
    }

    pub(super) fn all(&self) -> Vec<Arc<Mailbox>> {
        self.lock().values().cloned().collect()
    }

    /// Takes a mailbox out, if it is (still) this one.
    fn remove(&self, id: &SessionId, mailbox: &Arc<Mailbox>, idle: impl FnOnce() -> bool) -> bool {
        let mut sessions = self.lock();
        let known = sessions.get(id).is_some_and(|known| Arc::ptr_eq(known, mailbox));
        let goes = known && idle();
        if goes {
            sessions.remove(id);
        }
        goes
    }
}

impl Shared {
    /// The way to a session's driver, which is started if there is none.
    pub(super) fn visit(self: &Arc<Self>, id: &SessionId) -> Result<Visitor, NotDone> {
        self.enter(id, Birth::Load)
    }

    /// As [`visit`](Shared::visit), also for a session that is new. A hub that leaves takes nothing new in,
    /// and one that is fenced has nothing to say.
    pub(super) fn enter(
        self: &Arc<Self>,
        id: &SessionId,
        birth: Birth,
    ) -> Result<Visitor, NotDone> {
        let mut sessions = self.registry.lock();
        // Under the lock: who is let in here is still told of it when either begins.
        if self.is_fenced() {
            return Err(NotDone::Moved);
        }
        if let Some(mailbox) = sessions.get(id) {
            return Ok(Visitor::new(mailbox));
        }
        if self.is_draining() {
            return Err(NotDone::Draining);
        }
        let (mailbox, inbox) = Mailbox::new(Tail::new(self.options.tail_bytes));
        let mailbox = Arc::new(mailbox);
        sessions.insert(id.clone(), Arc::clone(&mailbox));
        let visitor = Visitor::new(&mailbox);
        drop(sessions);
        let driver = Driver::new(Arc::clone(self), id.clone(), mailbox, inbox);
        self.tasks.spawn(driver.run(birth));
        Ok(visitor)
    }

    /// Takes a driver out of the registry if nobody visits it and nothing waits for it. From then on
    /// nobody can.
    pub(super) fn retire(&self, id: &SessionId, mailbox: &Arc<Mailbox>, inbox: &Inbox) -> bool {
        let idle = || !mailbox.is_visited() && inbox.is_empty();
        let retired = self.registry.remove(id, mailbox, idle);
        if retired {
            self.observe(|observer| observer.left(id));
        }
        retired
    }

    /// Takes a driver out of the registry at once: whoever comes next gets another one.
    pub(super) fn strike(&self, id: &SessionId, mailbox: &Arc<Mailbox>) {
        if self.registry.remove(id, mailbox, || true) {
            self.observe(|observer| observer.left(id));
        }
    }
}
