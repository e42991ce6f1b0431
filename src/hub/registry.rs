//! Which sessions are in memory, and the way to their drivers.

use std::boxed::Box;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::vec::Vec;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::Shared;
use super::driver::{Birth, Driver};
use super::history::History;
use super::mailbox::{Command, Fact, Mailbox, Visitor};
use super::staff::{Employee, Job};
use super::tail::Tail;
use super::worker::{Mouth, Start};
use crate::ids::Incarnation;
use crate::store::SessionId;

/// Commands that wait for a driver before their senders do.
const COMMANDS: usize = 64;

/// Pieces of output that wait for a driver before their worker does.
const OUTPUTS: usize = 1_024;

#[derive(Debug)]
pub(super) struct Registry {
    sessions: Mutex<HashMap<SessionId, Arc<Mailbox>>>,
    recovery: Mutex<Option<JoinHandle<()>>>,
    recovered: watch::Sender<bool>,
}

impl Default for Registry {
    fn default() -> Registry {
        let recovered = watch::Sender::new(false);
        Registry { sessions: Mutex::default(), recovery: Mutex::default(), recovered }
    }
}

impl Registry {
    fn lock(&self) -> MutexGuard<'_, HashMap<SessionId, Arc<Mailbox>>> {
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

    pub(super) fn recovery(&self, task: JoinHandle<()>) {
        *self.recovery.lock().unwrap_or_else(PoisonError::into_inner) = Some(task);
    }

    pub(super) fn stop_recovery(&self) {
        if let Some(task) = self.recovery.lock().unwrap_or_else(PoisonError::into_inner).take() {
            task.abort();
        }
    }

    pub(super) fn set_recovered(&self) {
        self.recovered.send_replace(true);
    }

    pub(super) async fn recovered(&self) {
        // The sender is ours: it cannot be gone.
        _ = self.recovered.subscribe().wait_for(|done| *done).await;
    }
}

impl Shared {
    /// The way to a session's driver, which is started if there is none.
    pub(super) fn visit(self: &Arc<Self>, id: &SessionId) -> Visitor {
        self.enter(id, Birth::Load)
    }

    pub(super) fn enter(self: &Arc<Self>, id: &SessionId, birth: Birth) -> Visitor {
        let mut sessions = self.registry.lock();
        if let Some(mailbox) = sessions.get(id) {
            return Visitor::new(mailbox);
        }
        let (commands, inbox) = mpsc::channel(COMMANDS);
        let (facts, news) = mpsc::unbounded_channel();
        let tail = Tail::new(self.options.tail_bytes);
        let mailbox = Arc::new(Mailbox::new(commands, facts, tail));
        sessions.insert(id.clone(), Arc::clone(&mailbox));
        let visitor = Visitor::new(&mailbox);
        drop(sessions);
        let driver = Driver::new(Arc::clone(self), id.clone(), mailbox, inbox, news);
        self.tasks.spawn(driver.run(birth));
        visitor
    }

    /// Takes a driver out of the registry if nobody visits it and nothing waits for it. From then on
    /// nobody can.
    pub(super) fn retire(
        &self,
        id: &SessionId,
        mailbox: &Arc<Mailbox>,
        commands: &mpsc::Receiver<Box<Command>>,
        facts: &mpsc::UnboundedReceiver<Fact>,
    ) -> bool {
        let mut sessions = self.registry.lock();
        let idle = !mailbox.is_visited() && commands.is_empty() && facts.is_empty();
        if idle && sessions.get(id).is_some_and(|known| Arc::ptr_eq(known, mailbox)) {
            sessions.remove(id);
            self.observer.left(id);
        }
        idle
    }

    /// Takes a driver out of the registry at once: whoever comes next gets another one.
    pub(super) fn strike(&self, id: &SessionId, mailbox: &Arc<Mailbox>) {
        let mut sessions = self.registry.lock();
        if sessions.get(id).is_some_and(|known| Arc::ptr_eq(known, mailbox)) {
            sessions.remove(id);
            self.observer.left(id);
        }
    }

    /// Starts a worker. It waits until the one before is gone.
    pub(super) fn employ(
        &self,
        session: &SessionId,
        incarnation: Incarnation,
        resume: bool,
        before: Option<JoinHandle<()>>,
    ) -> Employee {
        let (orders, inbox) = mpsc::unbounded_channel();
        let (mouth, said) = mpsc::channel(OUTPUTS);
        let leave = CancellationToken::new();
        let history = History { store: Arc::clone(&self.store), session: session.clone() };
        let session = session.clone();
        let start = Start { session, incarnation, resume, history, leave: leave.clone() };
        let mouth = Mouth { said: mouth, most: self.options.body_bytes };
        let job = Job { start, mouth, orders: inbox, before };
        let task = self.tasks.spawn(self.employer.employ(job));
        Employee { incarnation, orders, said, leave, task }
    }
}
