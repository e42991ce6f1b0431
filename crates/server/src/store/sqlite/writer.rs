//! The thread that writes. What waits is committed as one transaction, and answered after it.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tokio::sync::{oneshot, watch};

use super::Durability;
use super::faults::{said, undone};
use super::owner::{Owner, Owners};
use super::schema::synchronous;
use super::write::{Applied, Write, apply, sweep};
use crate::store::{CommitError, StoreError};

/// At most so many writes share a transaction …
const MOST: usize = 512;
/// … and no more are added to one that has so many bytes.
const BYTES: usize = 4 * 1024 * 1024;

/// What the thread is asked to do.
pub(super) enum Job {
    Own(oneshot::Sender<Result<(), StoreError>>),
    Write(Request),
}

/// A write, and who waits for it.
pub(super) struct Request {
    pub(super) write: Write,
    pub(super) reply: oneshot::Sender<Result<(), CommitError>>,
}

pub(super) struct Writer {
    pub(super) conn: Connection,
    pub(super) durability: Durability,
    /// How long another process may hold the lock.
    pub(super) busy: Duration,
    pub(super) owner: Arc<Owner>,
    pub(super) readers: Vec<JoinHandle<()>>,
    /// Whether chunks of forgotten sessions may be left.
    pub(super) sweeping: bool,
}

/// Why a transaction came to nothing.
enum Broken {
    /// It was not begun.
    NotBegun(StoreError),
    /// A write failed, or there was no room for all of them: each may succeed alone.
    Undone(StoreError),
    /// Its end failed, and it may be in the log.
    Unknown(StoreError),
}

impl Writer {
    /// Works until nobody can ask any more, and then puts everything in order.
    pub(super) fn run(
        mut self,
        jobs: &Receiver<Job>,
        closed: &watch::Sender<Option<Result<(), StoreError>>>,
    ) {
        if let Err(error) = self.conn.busy_timeout(Duration::ZERO) {
            tracing::warn!(%error, "SQLite waits by itself");
        }
        let mut held = None;
        while let Some(job) = held.take().or_else(|| self.next(jobs)) {
            match job {
                Job::Own(reply) => {
                    let owned = self.own();
                    // Whoever asked may be gone: so is its interest.
                    let _ = reply.send(owned);
                }
                Job::Write(request) => held = self.gather(request, jobs),
            }
        }
        let finished = self.finish();
        closed.send_replace(Some(finished));
    }

    /// The next job. While there is none, what was forgotten is cleared away.
    fn next(&mut self, jobs: &Receiver<Job>) -> Option<Job> {
        while self.sweeping {
            match jobs.try_recv() {
                Ok(job) => return Some(job),
                Err(TryRecvError::Disconnected) => return None,
                // No writes: the transaction sweeps, and nothing else.
                Err(TryRecvError::Empty) => {
                    if self.attempt(&[]).is_err() {
                        self.sweeping = false;
                    }
                }
            }
        }
        jobs.recv().ok()
    }

    /// Commits this write and what waits behind it; hands back what is no write.
    fn gather(&mut self, first: Request, jobs: &Receiver<Job>) -> Option<Job> {
        let mut bytes = first.write.size();
        let mut batch = vec![first];
        let mut held = None;
        while batch.len() < MOST && bytes < BYTES {
            match jobs.try_recv() {
                Ok(Job::Write(request)) => {
                    bytes += request.write.size();
                    batch.push(request);
                }
                Ok(other) => {
                    held = Some(other);
                    break;
                }
                Err(_) => break,
            }
        }
        self.write(batch);
        held
    }

    fn write(&mut self, batch: Vec<Request>) {
        let (writes, replies): (Vec<Write>, Vec<_>) =
            batch.into_iter().map(|request| (request.write, request.reply)).unzip();
        let answers = self.answers(&writes);
        for (reply, answer) in replies.into_iter().zip(answers) {
            let _ = reply.send(answer);
        }
    }

    /// What each write is answered.
    fn answers(&mut self, writes: &[Write]) -> Vec<Applied> {
        match self.attempt(writes) {
            Ok(answers) => answers,
            // One that does not fit must not take the others with it.
            Err(Broken::Undone(_)) if writes.len() > 1 => {
                writes.chunks(1).flat_map(|write| self.answers(write)).collect()
            }
            Err(Broken::NotBegun(error) | Broken::Undone(error)) => {
                all(writes, &CommitError::Failed(error))
            }
            Err(Broken::Unknown(error)) => {
                let settled = self.settle();
                tracing::warn!(%error, settled = settled.is_ok(), "a commit failed at its end");
                all(
                    writes,
                    &match settled {
                        Ok(()) => CommitError::Failed(error),
                        Err(_) => CommitError::Unknown(std::format!("{error}")),
                    },
                )
            }
        }
    }

    /// One transaction. Refused writes are answered, and do not disturb the others.
    fn attempt(&mut self, writes: &[Write]) -> Result<Vec<Applied>, Broken> {
        self.begin().map_err(Broken::NotBegun)?;
        match self.within(writes) {
            Ok(Some(answers)) => match self.conn.execute_batch("COMMIT") {
                Ok(()) => Ok(answers),
                Err(error) => {
                    self.roll_back();
                    let broken = if undone(&error) { Broken::Undone } else { Broken::Unknown };
                    Err(broken(said(&error)))
                }
            },
            Ok(None) => {
                self.roll_back();
                Ok(all(writes, &CommitError::Stale))
            }
            Err(error) => {
                self.roll_back();
                Err(Broken::Undone(said(&error)))
            }
        }
    }

    /// Waits for the lock by itself: `SQLite` looks less and less often, and an owner of before that is
    /// busy would keep the next one out.
    fn begin(&self) -> Result<(), StoreError> {
        let deadline = Instant::now() + self.busy;
        let mut pause = Duration::from_micros(100);
        loop {
            let Err(error) = self.conn.execute_batch("BEGIN IMMEDIATE") else { return Ok(()) };
            let error = said(&error);
            if !matches!(error, StoreError::Locked(_)) || Instant::now() >= deadline {
                return Err(error);
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(2));
        }
    }

    /// The writes; none if the store has another owner.
    fn within(&mut self, writes: &[Write]) -> rusqlite::Result<Option<Vec<Applied>>> {
        let epoch = self.owner.epoch();
        if epoch == 0 || epoch != Owners::of(&self.conn)?.epoch {
            self.sweeping = false;
            return Ok(None);
        }
        let mut answers = Vec::with_capacity(writes.len());
        for write in writes {
            answers.push(apply(&self.conn, epoch, write)?);
            self.sweeping |= matches!(write, Write::Forget(_));
        }
        if self.sweeping {
            self.sweeping = sweep(&self.conn)?;
        }
        Ok(Some(answers))
    }

    /// After some errors `SQLite` has rolled back already.
    fn roll_back(&self) {
        if !self.conn.is_autocommit() {
            if let Err(error) = self.conn.execute_batch("ROLLBACK") {
                tracing::warn!(%error, "a transaction cannot be rolled back");
            }
        }
    }

    /// The end of a transaction failed, and what makes it valid may stand in the log, where a crash would
    /// find it. A transaction that succeeds stands in the same place: then the other one is gone.
    fn settle(&self) -> Result<(), StoreError> {
        self.begin()?;
        let touch = "UPDATE owner SET epoch = epoch; COMMIT";
        self.conn.execute_batch(touch).map_err(|error| {
            self.roll_back();
            said(&error)
        })
    }

    /// Takes ownership. This is on the disk when it is answered, however fast the commits are.
    fn own(&mut self) -> Result<(), StoreError> {
        let taken = self.durably(|conn, fast| self.owner.take(conn, fast))?;
        self.owner.became(taken);
        self.sweeping = true;
        Ok(())
    }

    /// A small transaction that is on the disk when it has succeeded, and everything before it as well.
    fn durably<T>(
        &self,
        act: impl FnOnce(&Connection, bool) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let fast = self.durability == Durability::Fast;
        synchronous(&self.conn, Durability::Full).map_err(|error| said(&error))?;
        let done = self.begin().and_then(|()| {
            let acted = act(&self.conn, fast);
            let ended = acted.and_then(|made| self.conn.execute_batch("COMMIT").map(|()| made));
            ended.map_err(|error| {
                self.roll_back();
                said(&error)
            })
        });
        synchronous(&self.conn, self.durability).map_err(|error| said(&error))?;
        done
    }

    /// Nobody can ask any more: what is in the log goes into the file.
    fn finish(mut self) -> Result<(), StoreError> {
        for reader in self.readers.drain(..) {
            // One that panicked has nothing to finish.
            let _ = reader.join();
        }
        let sure = if self.durability == Durability::Fast && self.owner.epoch() != 0 {
            self.durably(|conn, _| self.owner.is_sure(conn))
        } else {
            Ok(())
        };
        // If others read, it is done when they close. The log is as good as the file.
        let checkpointed = self
            .conn
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
            .or_else(|error| if undone(&error) { Ok(()) } else { Err(said(&error)) });
        let closed = self.conn.close().map_err(|(_, error)| said(&error));
        sure.and(checkpointed).and(closed)
    }
}

fn all(writes: &[Write], error: &CommitError) -> Vec<Applied> {
    writes.iter().map(|_| Err(error.clone())).collect()
}
