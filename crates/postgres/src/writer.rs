//! What is written. Writes wait in one queue; two tasks, with a connection each, take what waits there as one statement.
//!
//! A session is in one statement at a time, so its writes are carried out in order, and no two statements of this node
//! wait for each other.

use std::collections::{HashSet, VecDeque};
use std::mem::{Discriminant, discriminant};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use outlive_server::store::{Cause, CommitError, SessionId, StoreError};
use tokio::sync::{Notify, oneshot};

use super::attempts::Attempts;
use super::connect::Connection;
use super::faults::{cause, is_rolled_back, store_error};
use super::node::Node;
use super::prepare::PreparedCommit;
use super::sql::Sql;
use super::statement;

/// The most writes of one statement.
const MAX_WRITES: usize = 512;
/// A statement with so many bytes takes no more writes.
const MAX_BYTES: usize = 4 * 1024 * 1024;

/// What is to be written of a session. A statement has writes of one kind.
#[derive(Debug)]
pub(super) enum Write {
    Create(Box<PreparedCommit>),
    Commit(Box<PreparedCommit>),
    Claim,
    Release,
    /// With the number from which on the row takes statements.
    Settle(i32),
    Forget,
}

impl Write {
    fn size(&self) -> usize {
        match self {
            Write::Create(commit) | Write::Commit(commit) => commit.rows.size(),
            Write::Claim | Write::Release | Write::Settle(_) | Write::Forget => 0,
        }
    }

    /// Whether it matters to the caller if it comes in later.
    fn is_settled(&self) -> bool {
        matches!(self, Write::Create(_) | Write::Commit(_) | Write::Forget)
    }
}

/// Whether it was taken: `false` means that the row does not fit, and nothing was changed.
pub(super) type WriteResult = Result<bool, CommitError>;

/// A write, and where its result goes.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) session: SessionId,
    pub(super) write: Write,
    pub(super) reply: oneshot::Sender<WriteResult>,
}

#[derive(Debug, Default)]
struct QueueState {
    waiting: VecDeque<Pending>,
    /// Sessions that are in a statement.
    busy: HashSet<SessionId>,
    closed: bool,
}

/// The writes that wait.
#[derive(Debug, Default)]
pub(super) struct Queue {
    state: Mutex<QueueState>,
    wake: Notify,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, QueueState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a write. Returns whether it did: it does not once it is closed.
    pub(super) fn push(&self, pending: Pending) -> bool {
        let mut state = self.lock();
        if state.closed {
            return false;
        }
        state.waiting.push_back(pending);
        drop(state);
        self.wake.notify_one();
        true
    }

    pub(super) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// What waits is still written.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.wake.notify_one();
    }

    /// Writes of one kind, of as many sessions; `None` once the queue is closed and empty.
    async fn next(&self) -> Option<Vec<Pending>> {
        loop {
            {
                let mut state = self.lock();
                let batch = state.take();
                let done = state.closed && state.waiting.is_empty();
                if done || (!batch.is_empty() && !state.waiting.is_empty()) {
                    // The other task takes the rest, or ends too.
                    self.wake.notify_one();
                }
                if !batch.is_empty() {
                    return Some(batch);
                }
                if done {
                    return None;
                }
                // What waits is of sessions that are in a statement: the task that has it takes them.
            }
            self.wake.notified().await;
        }
    }

    fn done(&self, batch: &[Pending]) {
        let mut state = self.lock();
        for pending in batch {
            state.busy.remove(&pending.session);
        }
    }
}

impl QueueState {
    fn take(&mut self) -> Vec<Pending> {
        let (mut batch, mut bytes) = (Vec::new(), 0);
        let mut kind: Option<Discriminant<Write>> = None;
        let (mut passed, mut held) = (VecDeque::new(), HashSet::new());
        while batch.len() < MAX_WRITES && bytes < MAX_BYTES {
            let Some(pending) = self.waiting.pop_front() else { break };
            let own = discriminant(&pending.write);
            let waits = self.busy.contains(&pending.session)
                || held.contains(&pending.session)
                || kind.is_some_and(|kind| kind != own);
            if waits {
                // Neither does a later one of its session overtake it.
                held.insert(pending.session.clone());
                passed.push_back(pending);
            } else {
                kind = Some(own);
                bytes += pending.write.size();
                self.busy.insert(pending.session.clone());
                batch.push(pending);
            }
        }
        if !passed.is_empty() {
            passed.append(&mut self.waiting);
            self.waiting = passed;
        }
        batch
    }
}

/// Why a statement has failed.
enum StatementError {
    /// It was not sent, or was rolled back: each of its writes may succeed alone.
    Failed(StoreError),
    /// It may have been carried out, or may be on its way still.
    Unknown(Cause),
}

/// A task that writes.
pub(super) struct Writer {
    pub(super) queue: Arc<Queue>,
    pub(super) connection: Connection,
    pub(super) sql: Arc<Sql>,
    pub(super) node: Arc<Node>,
    pub(super) attempts: Arc<Attempts>,
}

impl Writer {
    /// Writes until the queue is closed.
    pub(super) async fn run(self) {
        while let Some(batch) = self.queue.next().await {
            let results = self.results(&batch).await;
            for (pending, result) in batch.iter().zip(&results) {
                if pending.write.is_settled() && matches!(result, Err(CommitError::Unknown(_))) {
                    // Also if nobody waits for the answer.
                    self.attempts.unknown(&pending.session);
                }
            }
            self.queue.done(&batch);
            for (pending, result) in batch.into_iter().zip(results) {
                // The caller may have dropped its future.
                let _ = pending.reply.send(result);
            }
        }
    }

    /// The result of each write.
    async fn results(&self, batch: &[Pending]) -> Vec<WriteResult> {
        match self.attempt(batch).await {
            Ok(done) => done.into_iter().map(Ok).collect(),
            // A write that does not fit must not fail the others.
            Err(StatementError::Failed(StoreError::ReadOnly(error))) => {
                all(batch, &CommitError::Failed(StoreError::ReadOnly(error)))
            }
            Err(StatementError::Failed(_)) if batch.len() > 1 => {
                let mut results = Vec::with_capacity(batch.len());
                for one in batch.chunks(1) {
                    results.extend(match self.attempt(one).await {
                        Ok(done) => done.into_iter().map(Ok).collect(),
                        Err(error) => all(one, &error.into()),
                    });
                }
                results
            }
            Err(error) => all(batch, &error.into()),
        }
    }

    /// One statement.
    async fn attempt(&self, batch: &[Pending]) -> Result<Vec<bool>, StatementError> {
        let client = self.connection.client().await.map_err(StatementError::Failed)?;
        let epoch = self.node.epoch();
        let answer = statement::run(&client, &self.sql, epoch, &self.attempts, batch).await;
        let rows = match answer {
            Ok(rows) => rows,
            Err(error) if is_rolled_back(&error) => {
                let error = store_error(&error);
                if matches!(error, StoreError::ReadOnly(_)) {
                    self.connection.leave(&client).await;
                }
                return Err(StatementError::Failed(error));
            }
            Err(error) => {
                self.connection.leave(&client).await;
                return Err(StatementError::Unknown(cause(&error)));
            }
        };
        let mut done = vec![false; batch.len()];
        for row in rows {
            let number: i64 =
                row.try_get(0).map_err(|error| StatementError::Unknown(cause(&error)))?;
            if let Some(done) = usize::try_from(number - 1).ok().and_then(|at| done.get_mut(at)) {
                *done = true;
            }
        }
        Ok(done)
    }
}

impl From<StatementError> for CommitError {
    fn from(error: StatementError) -> CommitError {
        match error {
            StatementError::Failed(error) => CommitError::Failed(error),
            StatementError::Unknown(cause) => CommitError::Unknown(cause),
        }
    }
}

fn all(batch: &[Pending], error: &CommitError) -> Vec<WriteResult> {
    batch.iter().map(|_| Err(error.clone())).collect()
}
