//! The owner of the store, and earlier owners that may have lost commits.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicI64, Ordering};

use rusqlite::{Connection, params};

use super::faults::store_error;
use super::presence::{FileLoss, OpenFiles};
use super::sums::Sum;
use crate::store::error::StoreError;

/// The row of the file about its owners.
pub(super) struct OwnerRow {
    /// The number of the newest owner.
    pub(super) epoch: i64,
    /// The last owner that did not wait for the disk, and did not close the store; 0 if there is none.
    unsure: i64,
    /// The boot of the system in which that owner ran, if it is known.
    boot: Option<String>,
    /// The last owner before that one which may have lost commits; 0 if there is none.
    before: i64,
}

impl OwnerRow {
    pub(super) fn of(conn: &Connection) -> Result<OwnerRow, StoreError> {
        let read = |row: &rusqlite::Row<'_>| {
            let (epoch, unsure, boot, before) =
                (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
            Ok((OwnerRow { epoch, unsure, boot, before }, row.get::<_, i64>(4)?))
        };
        let (owners, sum) = conn
            .prepare_cached("SELECT epoch, unsure, boot, before, sum FROM owner")
            .and_then(|mut find| find.query_row([], read))
            .map_err(store_error)?;
        if sum != owners.sum() {
            return Err(StoreError::Corrupt("the row of its owner: its checksum differs".into()));
        }
        Ok(owners)
    }

    /// The checksum of the row.
    fn sum(&self) -> i64 {
        let OwnerRow { epoch, unsure, boot, before } = self;
        let boot = boot.as_deref().unwrap_or_default();
        Sum::of("owner", 1, boot).with(format_args!("{epoch} {unsure} {before}"))
    }

    fn write(&self, conn: &Connection) -> Result<(), StoreError> {
        let update = "UPDATE owner SET epoch = ?1, unsure = ?2, boot = ?3, before = ?4, sum = ?5";
        let OwnerRow { epoch, unsure, boot, before } = self;
        conn.prepare_cached(update)
            .and_then(|mut update| update.execute(params![epoch, unsure, boot, before, self.sum()]))
            .map(|_| ())
            .map_err(store_error)
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
    /// For a process that has only opened the file.
    pub(super) fn new(owners: &OwnerRow, boot: Option<String>, files: OpenFiles) -> Ownership {
        let before = AtomicI64::new(owners.lost(boot.as_deref()));
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
    pub(super) fn take(&self, conn: &Connection, fast: bool) -> Result<(i64, i64), StoreError> {
        let owners = OwnerRow::of(conn)?;
        let epoch = owners.epoch + 1;
        // If the unsure owner is this process, it has lost nothing yet.
        let again = owners.unsure != 0 && owners.unsure == self.epoch();
        let lost = if again { self.before() } else { owners.lost(self.boot.as_deref()) };
        let taken = if fast {
            OwnerRow { epoch, unsure: epoch, boot: self.boot.clone(), before: lost }
        } else {
            OwnerRow { epoch, unsure: lost, boot: None, before: 0 }
        };
        taken.write(conn)?;
        Ok((epoch, lost))
    }

    /// The transaction of [`take`](Ownership::take) has succeeded.
    pub(super) fn became(&self, (epoch, before): (i64, i64)) {
        self.before.store(before, Ordering::Release);
        self.epoch.store(epoch, Ordering::Release);
    }

    /// Records that this owner has lost no commit, unless the file has another owner.
    pub(super) fn is_sure(&self, conn: &Connection) -> Result<(), StoreError> {
        let (epoch, owners) = (self.epoch(), OwnerRow::of(conn)?);
        if owners.epoch != epoch || owners.unsure != epoch {
            return Ok(());
        }
        OwnerRow { epoch, unsure: self.before(), boot: None, before: 0 }.write(conn)
    }

    /// Whether the last commits of a session may be lost, if the owner `wrote` made the last one that is stored.
    pub(super) fn lossy(&self, wrote: i64) -> bool {
        let epoch = self.epoch();
        (epoch == 0 || wrote < epoch) && wrote <= self.before()
    }
}
