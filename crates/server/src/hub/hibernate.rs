//! Sessions that wait for a timer, or for a command, and for nothing else: values without a task, and
//! one clock for all of them.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::store::{SessionId, Version};
use outlive::Timer;
use outlive::ids::Generation;
use outlive::session::Session;

/// A session that sleeps: all that its driver knew.
#[derive(Debug)]
pub(super) struct Hibernated {
    pub(super) session: Session,
    pub(super) version: Version,
    /// When its last entry was committed, if that is known.
    pub(super) last_at: Option<u64>,
    pub(super) timer: Option<(Timer, Instant, Generation)>,
}

impl Hibernated {
    fn due(&self) -> Option<Instant> {
        self.timer.map(|(_, at, _)| at)
    }
}

/// When each session is to be woken. The clock is notified a last time when the queue is dropped.
#[derive(Debug, Default)]
pub(super) struct TimerQueue {
    due: BTreeSet<(Instant, SessionId)>,
    sooner: Arc<Notify>,
}

impl Drop for TimerQueue {
    fn drop(&mut self) {
        self.sooner.notify_one();
    }
}

impl TimerQueue {
    pub(super) fn set(&mut self, id: &SessionId, sleeper: &Hibernated) {
        let Some(at) = sleeper.due() else { return };
        if self.next().is_none_or(|next| at < next) {
            self.sooner.notify_one();
        }
        self.due.insert((at, id.clone()));
    }

    pub(super) fn unset(&mut self, id: &SessionId, sleeper: &Hibernated) {
        if let Some(at) = sleeper.due() {
            self.due.remove(&(at, id.clone()));
        }
    }

    /// When the first is due.
    pub(super) fn next(&self) -> Option<Instant> {
        self.due.first().map(|(at, _)| *at)
    }

    /// The first, if it is due.
    pub(super) fn pop_due(&mut self) -> Option<SessionId> {
        self.next().filter(|at| *at <= Instant::now())?;
        self.due.pop_first().map(|(_, id)| id)
    }

    /// No session is to be woken.
    pub(super) fn clear(&mut self) {
        self.due.clear();
    }

    /// Notified when the first is due sooner than it was.
    pub(super) fn sooner(&self) -> Arc<Notify> {
        Arc::clone(&self.sooner)
    }
}
