//! The owner of the store, and earlier owners that may have lost commits.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicI64, Ordering};

use rusqlite::{Connection, params};

use super::faults::store_error;
use super::presence::{FileLoss, OpenFiles};
use super::sums::Sum;
use super::witness::Witness;
use crate::store::error::{Cause, StoreError};

/// The row of the file about its owners.
pub(super) struct OwnerRow {
    /// The number of the newest owner.
    pub(super) epoch: i64,
    /// What that owner chose by chance: no two histories of a store have the same.
    pub(super) run: i64,
    /// The transactions since the file was made.
    pub(super) commits: i64,
    /// Counted up with each owner, and with each time that the log is begun anew.
    generation: i64,
    /// The last owner that did not wait for the disk, and did not close the store; 0 if there is none.
    unsure: i64,
    /// The boot of the system in which that owner ran, if it is known.
    boot: Option<String>,
    /// The last owner before that one which may have lost commits; 0 if there is none.
    before: i64,
    /// The process that is the newest owner, for people; `None` if it has closed the store.
    pub(super) process: Option<String>,
}

impl OwnerRow {
    pub(super) fn of(conn: &Connection) -> Result<OwnerRow, StoreError> {
        let read = |row: &rusqlite::Row<'_>| {
            let owners = OwnerRow {
                epoch: row.get(0)?,
                run: row.get(1)?,
                commits: row.get(2)?,
                generation: row.get(3)?,
                unsure: row.get(4)?,
                boot: row.get(5)?,
                before: row.get(6)?,
                process: row.get(7)?,
            };
            Ok((owners, row.get::<_, i64>(8)?))
        };
        let (owners, sum) = conn
            .prepare_cached(
                "SELECT epoch, run, commits, generation, unsure, boot, before, process, sum FROM owner",
            )
            .and_then(|mut find| find.query_row([], read))
            .map_err(store_error)?;
        if sum != owners.sum() {
            return Err(StoreError::Corrupt("the row of its owner: its checksum differs".into()));
        }
        Ok(owners)
    }

    /// The checksum of the row.
    fn sum(&self) -> i64 {
        let OwnerRow { epoch, run, commits, generation, unsure, boot, before, process } = self;
        let process = process.as_deref().unwrap_or_default();
        let columns = format!("{epoch} {run} {commits} {generation} {unsure} {before} {process}");
        Sum::of("owner", 1, boot.as_deref().unwrap_or_default()).with(columns)
    }

    /// Counts the transaction that is under way. If the log was begun anew, another generation begins.
    pub(super) fn count(self, conn: &Connection, is_log_new: bool) -> Result<i64, StoreError> {
        let counted = OwnerRow { commits: self.commits + 1, ..self };
        let counted = if is_log_new { counted.next_generation(conn)? } else { counted };
        counted.write(conn)?;
        Ok(counted.commits)
    }

    fn next_generation(self, conn: &Connection) -> Result<OwnerRow, StoreError> {
        let generation = self.generation + 1;
        let mark = if generation % 2 == 0 {
            "UPDATE mark_even SET generation = ?1"
        } else {
            "UPDATE mark_odd SET generation = ?1"
        };
        conn.execute(mark, [generation]).map_err(store_error)?;
        Ok(OwnerRow { generation, ..self })
    }

    /// Whether the log belongs to the file: the row may be in the log, but not the marks of two generations.
    pub(super) fn require_own_log(&self, conn: &Connection) -> Result<(), StoreError> {
        let both = "SELECT mark_even.generation, mark_odd.generation FROM mark_even, mark_odd";
        let marks = conn.query_row(both, [], |row| Ok([row.get(0)?, row.get(1)?]));
        let right = [self.generation, self.generation - 1];
        let right = if self.generation % 2 == 0 { right } else { [right[1], right[0]] };
        let marks: [i64; 2] = marks.map_err(store_error)?;
        if marks != right {
            let why =
                "the log beside it (-wal) is not its own: if a copy was put back, delete the log";
            return Err(StoreError::Corrupt(why.into()));
        }
        Ok(())
    }

    fn write(&self, conn: &Connection) -> Result<(), StoreError> {
        let update = "UPDATE owner SET epoch = ?1, run = ?2, commits = ?3, generation = ?4,
            unsure = ?5, boot = ?6, before = ?7, process = ?8, sum = ?9";
        let OwnerRow { epoch, run, commits, generation, unsure, boot, before, process } = self;
        let sum = self.sum();
        let row = params![epoch, run, commits, generation, unsure, boot, before, process, sum];
        let written = conn.prepare_cached(update).and_then(|mut update| update.execute(row));
        written.map(|_| ()).map_err(store_error)
    }

    /// The last owner that may have lost commits, as seen in this boot; 0 if there is none. The system keeps what
    /// a killed process has written, until the system itself stops.
    pub(super) fn lost(&self, boot: Option<&str>) -> i64 {
        let same = boot.is_some() && boot == self.boot.as_deref();
        if same { self.before } else { self.unsure }
    }
}

/// Identifies this boot of the system; `None` where the system has no such number. In a container it is that of
/// the kernel, which keeps what was written.
pub(super) fn boot() -> Option<String> {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(id.trim().to_string()).filter(|id| !id.is_empty())
}

/// This process, for people: its number, and the host or container where the system says which it is.
fn this_process() -> String {
    let process = std::process::id();
    match std::fs::read_to_string("/proc/sys/kernel/hostname") {
        Ok(host) => format!("{process} on {}", host.trim()),
        Err(_) => process.to_string(),
    }
}

/// The ownership of this process, as far as it knows.
#[derive(Debug)]
pub(super) struct Ownership {
    /// The boot that this process runs in.
    boot: Option<String>,
    /// The number of this process as an owner; 0 until it takes the store.
    epoch: AtomicI64,
    /// The last owner before it that may have lost commits; 0 if none.
    before: AtomicI64,
    files: OpenFiles,
    /// What happened to the files, if this process lost the store by that.
    lost: OnceLock<FileLoss>,
}

impl Ownership {
    /// For a process that has only opened the file, which lost commits if it is `accused`.
    pub(super) fn new(
        owners: &OwnerRow,
        boot: Option<String>,
        accused: bool,
        files: OpenFiles,
    ) -> Ownership {
        let lost = if accused { owners.epoch } else { owners.lost(boot.as_deref()) };
        let before = AtomicI64::new(lost);
        Ownership { boot, epoch: AtomicI64::new(0), before, files, lost: OnceLock::new() }
    }

    pub(super) fn files(&self) -> &OpenFiles {
        &self.files
    }

    /// What happened to the files. Once something did, the store is lost to this process for good: what it
    /// commits would be found by no other. The connection must not be in a transaction.
    pub(super) fn file_loss(
        &self,
        conn: Option<&Connection>,
    ) -> Result<Option<&FileLoss>, StoreError> {
        if self.lost.get().is_none() {
            if let Err(loss) = self.files.check(conn)? {
                self.lost.get_or_init(|| {
                    tracing::error!(
                        store = %self.files.path().display(), %loss,
                        "a file of the store went away while it was in use: this process owns it no more"
                    );
                    loss
                });
            }
        }
        Ok(self.lost.get())
    }

    /// Whether it was noticed that something happened to the files.
    pub(super) fn is_lost(&self) -> bool {
        self.lost.get().is_some()
    }

    /// Fails if something happened to the files.
    pub(super) fn require_files(&self, conn: Option<&Connection>) -> Result<(), StoreError> {
        match self.file_loss(conn)? {
            Some(loss) => Err(StoreError::Io(loss.to_string().into())),
            None => Ok(()),
        }
    }

    pub(super) fn epoch(&self) -> i64 {
        self.epoch.load(Ordering::Acquire)
    }

    pub(super) fn before(&self) -> i64 {
        self.before.load(Ordering::Acquire)
    }

    /// Takes the store, in a transaction that is on the disk afterwards: the epoch, and what is `before`.
    pub(super) fn take(
        &self,
        conn: &Connection,
        witness: &mut Witness,
        restored: bool,
        fast: bool,
    ) -> Result<(i64, i64), StoreError> {
        let owners = OwnerRow::of(conn)?;
        // If this process was the last owner, it has lost nothing yet.
        let again = owners.epoch != 0 && owners.epoch == self.epoch();
        let found = witness.testimonies();
        let accused = match found.accuse(&owners) {
            _ if again => None,
            None if restored => Some("it was restored".into()),
            accused => accused,
        };
        // The witness may know later owners than an older copy does.
        let epoch = owners.epoch.max(found.newest()) + 1;
        let lost = if let Some(why) = &accused {
            let store = self.files.path().display();
            tracing::warn!(
                %store, %why,
                "the store may have lost its last commits: the logs of its sessions begin anew"
            );
            owners.epoch
        } else if again {
            self.before()
        } else {
            owners.lost(self.boot.as_deref())
        };
        let run = getrandom::u64().map_err(|error| {
            StoreError::Io(Cause::from(error.to_string()).context("no random numbers"))
        })?;
        let (run, commits) = (i64::from_ne_bytes(run.to_ne_bytes()), owners.commits);
        witness.announce(&found, (epoch, run, commits), self.files.path())?;
        let (unsure, boot, before) =
            if fast { (epoch, self.boot.clone(), lost) } else { (lost, None, 0) };
        let generation = owners.generation;
        if let Some(process) = owners.process.filter(|_| !again) {
            let store = self.files.path().display();
            tracing::warn!(
                %store, %process,
                "takes the store from a process that has not closed it: if that one still runs, it is fenced \
                 and ends; stop it first to let its turns finish"
            );
        }
        let process = Some(this_process());
        let taken = OwnerRow { epoch, run, commits, generation, unsure, boot, before, process };
        taken.next_generation(conn)?.write(conn)?;
        Ok((epoch, lost))
    }

    /// The transaction of [`take`](Ownership::take) has succeeded.
    pub(super) fn became(&self, (epoch, before): (i64, i64)) {
        self.before.store(before, Ordering::Release);
        self.epoch.store(epoch, Ordering::Release);
    }

    /// Records that this owner has closed the store and has lost no commit, unless the store has another owner.
    pub(super) fn leave(&self, conn: &Connection) -> Result<(), StoreError> {
        let (epoch, owners) = (self.epoch(), OwnerRow::of(conn)?);
        if owners.epoch != epoch {
            return Ok(());
        }
        let sure = if owners.unsure == epoch {
            OwnerRow { unsure: self.before(), boot: None, before: 0, ..owners }
        } else {
            owners
        };
        OwnerRow { process: None, ..sure }.write(conn)
    }

    /// Whether the last commits of a session may be lost, if the owner `wrote` made the last one that is stored.
    pub(super) fn lossy(&self, wrote: i64) -> bool {
        let epoch = self.epoch();
        (epoch == 0 || wrote < epoch) && wrote <= self.before()
    }
}
