//! The thread that writes. It commits the waiting writes as one transaction, and replies afterwards.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tokio::sync::{oneshot, watch};

use super::faults::{is_rolled_back, store_error};
use super::options::Durability;
use super::owner::{OwnerRow, Ownership};
use super::presence::LogSalt;
use super::schema::{leave_log_on_close, synchronous};
use super::witness::Witness;
use super::write::{Write, WriteResult, apply, sweep};
use crate::store::error::{Cause, CommitError, StoreError};

/// The most writes of one transaction.
const MAX_WRITES: usize = 512;
/// A transaction with so many bytes takes no more writes.
const MAX_BYTES: usize = 4 * 1024 * 1024;

/// A command to the thread.
pub(super) enum WriterCommand {
    Own(oneshot::Sender<Result<(), StoreError>>),
    Write(PendingWrite),
}

/// A write, and where its result goes.
pub(super) struct PendingWrite {
    pub(super) write: Write,
    pub(super) reply: oneshot::Sender<Result<(), CommitError>>,
}

pub(super) struct Writer {
    pub(super) conn: Connection,
    pub(super) durability: Durability,
    /// How long another process may hold the lock.
    pub(super) busy_timeout: Duration,
    /// Whether the file is an older copy, until this process takes it.
    pub(super) restored: bool,
    pub(super) owner: Arc<Ownership>,
    pub(super) readers: Vec<JoinHandle<()>>,
    /// Whether chunks of forgotten sessions may be left.
    pub(super) sweeping: bool,
    pub(super) log: LogWatch,
    pub(super) salt: LogSalt,
    /// Whether the log was begun anew with the last transaction.
    pub(super) is_log_new: bool,
    pub(super) witness: Witness,
    /// How many transactions the file has, with the one that is under way.
    pub(super) commits: i64,
}

/// Whether the log gets into the file. `SQLite` tries it by itself when the log is 16 MiB long, and does not tell.
pub(super) struct LogWatch {
    /// From this size of the log on it is tried again, to know why it grows.
    look_at: u64,
    /// Transactions since it was tried.
    since: u32,
    /// Why the log did not get into the file.
    stuck: Option<String>,
}

/// A log that is longer by so much is looked at.
const LOG_GROWTH: u64 = 16 * 1024 * 1024;
/// While the log does not get into the file, it is tried every so many transactions.
const LOG_RETRY: u32 = 256;

impl LogWatch {
    pub(super) fn new(size: u64) -> LogWatch {
        LogWatch { look_at: size.max(LOG_GROWTH) + LOG_GROWTH, since: 0, stuck: None }
    }

    /// After a transaction, which made the log so long.
    fn committed(&mut self, conn: &Connection, size: u64) {
        self.look_at = self.look_at.min(size.max(LOG_GROWTH) + LOG_GROWTH);
        self.since += 1;
        if size < self.look_at && (self.stuck.is_none() || self.since < LOG_RETRY) {
            return;
        }
        *self = LogWatch { stuck: self.look(conn, size), ..LogWatch::new(size) };
    }

    /// Why the log does not get into the file. It is logged when that is another reason than before.
    fn look(&self, conn: &Connection, size: u64) -> Option<String> {
        let is_done = |row: &rusqlite::Row<'_>| Ok(row.get::<_, i64>(1)? == row.get::<_, i64>(2)?);
        let stuck = match conn.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], is_done) {
            Ok(true) => None,
            Ok(false) => Some("other connections read the whole time".to_owned()),
            Err(error) => Some(store_error(error).to_string()),
        };
        match &stuck {
            Some(why) if stuck != self.stuck => {
                tracing::warn!(%why, bytes = size, "the log does not get into the file, and grows");
            }
            None if self.stuck.is_some() => tracing::info!("the log got into the file again"),
            Some(_) | None => {}
        }
        stuck
    }
}

/// Why a transaction failed.
enum TransactionError {
    /// It was not begun.
    NotBegun(StoreError),
    /// A write failed, or there was no room for all of them: each may succeed alone.
    RolledBack(StoreError),
    /// Its commit failed, and it may be in the log.
    Unknown(StoreError),
}

impl Writer {
    /// Carries out commands until every sender is dropped, and then brings the log into the file.
    pub(super) fn run(
        mut self,
        commands: &Receiver<WriterCommand>,
        closed: &watch::Sender<Option<Result<(), StoreError>>>,
    ) {
        if let Err(error) = self.conn.busy_timeout(Duration::ZERO) {
            tracing::warn!(%error, "SQLite waits by itself");
        }
        let mut held = None;
        while let Some(command) = held.take().or_else(|| self.next(commands)) {
            match command {
                WriterCommand::Own(reply) => {
                    let owned = self.own();
                    // The caller may have dropped its future.
                    let _ = reply.send(owned);
                }
                WriterCommand::Write(request) => held = self.gather(request, commands),
            }
        }
        let finished = self.finish();
        closed.send_replace(Some(finished));
    }

    /// The next command. While there is none, chunks of forgotten sessions are deleted.
    fn next(&mut self, commands: &Receiver<WriterCommand>) -> Option<WriterCommand> {
        while self.sweeping {
            match commands.try_recv() {
                Ok(command) => return Some(command),
                Err(TryRecvError::Disconnected) => return None,
                // A transaction without writes only sweeps.
                Err(TryRecvError::Empty) => {
                    if self.attempt(&[]).is_err() {
                        self.sweeping = false;
                    }
                }
            }
        }
        commands.recv().ok()
    }

    /// Commits this write and those that wait behind it; returns a command that is none.
    fn gather(
        &mut self,
        first: PendingWrite,
        commands: &Receiver<WriterCommand>,
    ) -> Option<WriterCommand> {
        let mut bytes = first.write.size();
        let mut batch = vec![first];
        let mut held = None;
        while batch.len() < MAX_WRITES && bytes < MAX_BYTES {
            match commands.try_recv() {
                Ok(WriterCommand::Write(request)) => {
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

    fn write(&mut self, batch: Vec<PendingWrite>) {
        let (writes, replies): (Vec<Write>, Vec<_>) =
            batch.into_iter().map(|request| (request.write, request.reply)).unzip();
        let answers = self.answers(&writes);
        for (reply, answer) in replies.into_iter().zip(answers) {
            let _ = reply.send(answer);
        }
    }

    /// The result of each write.
    fn answers(&mut self, writes: &[Write]) -> Vec<WriteResult> {
        match self.attempt(writes) {
            Ok(answers) => answers,
            // A write that does not fit must not fail the others.
            Err(TransactionError::RolledBack(_)) if writes.len() > 1 => {
                writes.chunks(1).flat_map(|write| self.answers(write)).collect()
            }
            Err(TransactionError::NotBegun(error) | TransactionError::RolledBack(error)) => {
                all(writes, &CommitError::Failed(error))
            }
            Err(TransactionError::Unknown(error)) => {
                let settled = self.settle();
                tracing::warn!(%error, settled = settled.is_ok(), "a commit failed at its end");
                all(
                    writes,
                    &match settled {
                        Ok(()) => CommitError::Failed(error),
                        Err(_) => CommitError::Unknown(Cause::from_error(error)),
                    },
                )
            }
        }
    }

    /// One transaction. A refused write does not fail the others.
    fn attempt(&mut self, writes: &[Write]) -> Result<Vec<WriteResult>, TransactionError> {
        if self.is_lost().map_err(TransactionError::NotBegun)? {
            return Ok(all(writes, &CommitError::Stale));
        }
        self.begin().map_err(TransactionError::NotBegun)?;
        match self.within(writes) {
            Ok(Some(answers)) => match self.conn.execute_batch("COMMIT") {
                Ok(()) => {
                    // Before anybody is told that they are kept.
                    self.witness.committed(self.commits);
                    self.is_log_new = self.salt.is_new();
                    let size = self.owner.files().committed();
                    self.log.committed(&self.conn, size);
                    Ok(answers)
                }
                Err(error) => {
                    self.roll_back();
                    let broken = if is_rolled_back(&error) {
                        TransactionError::RolledBack
                    } else {
                        TransactionError::Unknown
                    };
                    Err(broken(store_error(error)))
                }
            },
            Ok(None) => {
                self.roll_back();
                Ok(all(writes, &CommitError::Stale))
            }
            Err(error) => {
                self.roll_back();
                Err(TransactionError::RolledBack(error))
            }
        }
    }

    /// Whether something happened to the files. If it is only the log that was deleted, what is in it is brought
    /// into the file, or it would be gone with this process.
    fn is_lost(&mut self) -> Result<bool, StoreError> {
        if self.owner.file_loss(Some(&self.conn))?.is_none() {
            return Ok(false);
        }
        self.sweeping = false;
        if self.owner.files().can_be_saved() {
            let saved = self.conn.query_row("PRAGMA wal_checkpoint(FULL)", [], |_| Ok(()));
            if let Err(error) = saved {
                tracing::error!(%error, "the deleted log cannot be brought into the file");
            }
        }
        Ok(true)
    }

    /// Waits for the lock itself: `SQLite` tries less and less often, and a busy earlier owner would keep the next
    /// one out.
    fn begin(&self) -> Result<(), StoreError> {
        let deadline = Instant::now() + self.busy_timeout;
        let mut pause = Duration::from_micros(100);
        loop {
            let Err(error) = self.conn.execute_batch("BEGIN IMMEDIATE") else { return Ok(()) };
            let error = store_error(error);
            if !matches!(error, StoreError::Locked(_)) || Instant::now() >= deadline {
                return Err(error);
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(2));
        }
    }

    /// Carries out the writes; `None` if the store has another owner.
    fn within(&mut self, writes: &[Write]) -> Result<Option<Vec<WriteResult>>, StoreError> {
        let epoch = self.owner.epoch();
        let owners = OwnerRow::of(&self.conn)?;
        if epoch == 0 || epoch != owners.epoch {
            self.sweeping = false;
            return Ok(None);
        }
        self.commits = owners.count(&self.conn, self.is_log_new)?;
        let mut answers = Vec::with_capacity(writes.len());
        for write in writes {
            answers.push(apply(&self.conn, epoch, write).map_err(store_error)?);
            self.sweeping |= matches!(write, Write::Forget(_));
        }
        if self.sweeping {
            self.sweeping = sweep(&self.conn).map_err(store_error)?;
        }
        Ok(Some(answers))
    }

    /// Rolls back, unless `SQLite` has done so already.
    fn roll_back(&self) {
        if !self.conn.is_autocommit() {
            if let Err(error) = self.conn.execute_batch("ROLLBACK") {
                tracing::warn!(%error, "a transaction cannot be rolled back");
            }
        }
    }

    /// Overwrites a transaction whose commit failed. What makes it valid may be in the log, where a crash would
    /// find it; another transaction that succeeds takes its place.
    fn settle(&self) -> Result<(), StoreError> {
        self.begin()?;
        let touch = "UPDATE owner SET epoch = epoch; COMMIT";
        self.conn.execute_batch(touch).map_err(|error| {
            self.roll_back();
            store_error(error)
        })
    }

    /// Takes ownership. This is on the disk before the reply, whatever the durability of commits.
    fn own(&mut self) -> Result<(), StoreError> {
        self.owner.require_files(Some(&self.conn))?;
        let (owner, restored) = (Arc::clone(&self.owner), self.restored);
        let taken = self
            .durably(|conn, witness, fast| owner.take(conn, witness, restored, fast))
            .map_err(|error| self.name_holder(error))?;
        self.owner.became(taken);
        self.restored = false;
        self.witness.took();
        self.sweeping = true;
        Ok(())
    }

    /// Names the process that holds the lock for longer than the timeout, most likely: it is stopped within a
    /// transaction. Reading needs no lock.
    fn name_holder(&self, error: StoreError) -> StoreError {
        let owners = OwnerRow::of(&self.conn).ok();
        match (&error, owners.and_then(|owners| owners.process)) {
            (StoreError::Locked(_), Some(process)) => error.context(format_args!(
                "for more than {:?}; its last owner is process {process}, which has not closed it and may be \
                 stopped within a transaction",
                self.busy_timeout
            )),
            _ => error,
        }
    }

    /// A small transaction that is on the disk when it has succeeded, with everything before it.
    fn durably<T>(
        &mut self,
        act: impl FnOnce(&Connection, &mut Witness, bool) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let fast = self.durability == Durability::Fast;
        synchronous(&self.conn, Durability::Full).map_err(store_error)?;
        let done = self.begin().and_then(|()| {
            let acted = act(&self.conn, &mut self.witness, fast);
            let commit = || self.conn.execute_batch("COMMIT").map_err(store_error);
            acted.and_then(|made| commit().map(|()| made)).inspect_err(|_| self.roll_back())
        });
        synchronous(&self.conn, self.durability).map_err(store_error)?;
        done
    }

    /// Brings the log into the file, after the last command.
    fn finish(mut self) -> Result<(), StoreError> {
        for reader in self.readers.drain(..) {
            // A reader that panicked has nothing to finish.
            let _ = reader.join();
        }
        let lost = self.is_lost();
        if !matches!(lost, Ok(false)) {
            // The files that have the names by now may be those of another owner, or of none.
            leave_log_on_close(&self.conn, true).map_err(store_error)?;
            let told = lost.and_then(|_| self.owner.require_files(Some(&self.conn)));
            let closed = self.conn.close().map_err(|(_, error)| store_error(error));
            return told.and(closed);
        }
        // An owner that was replaced does not wait for the lock.
        let left = OwnerRow::of(&self.conn).and_then(|owners| {
            let owner = Arc::clone(&self.owner);
            if owner.epoch() == 0 || owner.epoch() != owners.epoch {
                return Ok(());
            }
            self.durably(|conn, _, _| owner.leave(conn))
        });
        let sure = match self.durability {
            Durability::Fast => left,
            // The next owner takes this one for killed, which costs nothing.
            Durability::Full => Ok(()),
        };
        // Other readers may delay it until they close; the log is as good as the file.
        let checkpointed = self
            .conn
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
            .or_else(|error| if is_rolled_back(&error) { Ok(()) } else { Err(store_error(error)) });
        self.witness.sync();
        let closed = self.conn.close().map_err(|(_, error)| store_error(error));
        sure.and(checkpointed).and(closed)
    }
}

fn all(writes: &[Write], error: &CommitError) -> Vec<WriteResult> {
    writes.iter().map(|_| Err(error.clone())).collect()
}
