//! Watching a hub work: metrics, traces, a live view.

use core::time::Duration;

use crate::store::SessionId;
use outlive::ids::ConnectionId;
use outlive::log::LogId;
use outlive::session::{Event, Snapshot, Step};
use outlive::{CloseCode, Limits};

/// Why a node claims a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClaimKind {
    /// A client asks for it.
    Asked,
    /// Its owner is dead, or the process begins: nobody asks.
    Orphaned,
}

/// What happens to a hub as one of several nodes on a [store with a lease](crate::store::Store::lease). Of a store without
/// one there are renewals, which ask whether this process still owns it, settles and losses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NodeEvent {
    /// The store renewed the lease.
    Renewed,
    /// The store did not renew the lease: this node owns nothing any more.
    Refused,
    /// The store failed, or did not answer, when it was asked to renew the lease.
    Unanswered,
    /// The node asked for a session that nobody owns.
    Claimed {
        /// Why.
        kind: ClaimKind,
        /// Whether it has the session; another node was faster otherwise.
        taken: bool,
    },
    /// The node gave up a session that was in use, for it drains. Those that sleep go together, when it leaves.
    Released,
    /// The store said what became of a commit whose result was unknown.
    Settled {
        /// Whether the commit was kept.
        kept: bool,
    },
    /// A session turned out to be another node's, or its record not to be the one that this node goes by.
    Lost,
}

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

    /// Something happens to this process as a node. It is called from the task that renews the lease, and from those of
    /// sessions.
    fn on_node(&self, event: NodeEvent) {
        _ = event;
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
