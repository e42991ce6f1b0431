//! Watching a hub work: metrics, traces, a live view.

use core::time::Duration;

use crate::store::SessionId;
use outlive::ids::ConnectionId;
use outlive::log::LogId;
use outlive::session::{Event, Snapshot, Step};
use outlive::{CloseCode, Limits};

/// Sees what a hub does. It is called from the tasks of sessions and connections, in each one's order: be quick.
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

    /// A transport was accepted. It has not said hello yet, and perhaps never does.
    fn on_connect(&self, connection: ConnectionId) {
        _ = connection;
    }

    /// A transport is over, once for each [`on_connect`](Observer::on_connect). `code` is the one with which this end closed
    /// it; `None` if the peer closed it, or it was lost.
    fn on_disconnect(&self, connection: ConnectionId, code: Option<CloseCode>) {
        _ = (connection, code);
    }
}

/// Sees nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoopObserver;

impl Observer for NoopObserver {}
