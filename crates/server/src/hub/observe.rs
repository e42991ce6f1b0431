//! Watching a hub work: metrics, traces, a live view.

use core::time::Duration;

use crate::store::SessionId;
use outlive::Limits;
use outlive::log::LogId;
use outlive::session::{Event, Snapshot, Step};

/// Sees what a hub does. It is called from the sessions' tasks, in each session's order: be quick.
///
/// Everything is a default method that does nothing.
pub trait Observer: Send + Sync + 'static {
    /// A session is in memory from here on: new, or read back from the store as `snapshot`.
    fn on_load(
        &self,
        session: &SessionId,
        limits: &Limits,
        log: LogId,
        snapshot: Option<&Snapshot>,
    ) {
        _ = (session, limits, log, snapshot);
    }

    /// A step was adopted, or refused. [`Step::rules`] says which rows were taken, and
    /// [`Step::verdict`] what became of the event. [`Step::next`] is the session after it.
    fn on_step(&self, session: &SessionId, event: &Event, step: &Step) {
        _ = (session, event, step);
    }

    /// A commit was answered.
    fn on_commit(&self, session: &SessionId, entries: usize, took: Duration, kept: bool) {
        _ = (session, entries, took, kept);
    }

    /// A session left memory; its record is in the store.
    fn on_unload(&self, session: &SessionId) {
        _ = session;
    }
}

/// Sees nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoopObserver;

impl Observer for NoopObserver {}
