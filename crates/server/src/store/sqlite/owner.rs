//! Who owns the store, and which owners of before may have lost commits.

use std::string::{String, ToString};
use std::sync::atomic::{AtomicI64, Ordering};

use rusqlite::Connection;

/// What the file says of its owners.
pub(super) struct Owners {
    /// The newest one.
    pub(super) epoch: i64,
    /// The last one that did not wait for the disk, and did not close the store; 0 if there is none.
    unsure: i64,
    /// The boot of the system in which that one ran, if it is known.
    boot: Option<String>,
    /// The last one before that one which may have lost commits; 0 if there is none.
    before: i64,
}

impl Owners {
    pub(super) fn of(conn: &Connection) -> rusqlite::Result<Owners> {
        let mut read = conn.prepare_cached("SELECT epoch, unsure, boot, before FROM owner")?;
        read.query_row([], |row| {
            let (epoch, unsure, boot, before) =
                (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
            Ok(Owners { epoch, unsure, boot, before })
        })
    }

    /// The last one that may have lost commits, as seen in this boot; 0 if there is none. What a process
    /// has written stays with the system that runs it: a killed one loses nothing until the system goes.
    pub(super) fn lost(&self, boot: Option<&str>) -> i64 {
        let same = boot.is_some() && boot == self.boot.as_deref();
        if same { self.before } else { self.unsure }
    }
}

/// What tells this boot of the system from all others; none where nothing does. In a container it is that
/// of the kernel, which keeps what was written.
pub(super) fn boot() -> Option<String> {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(id.trim().to_string()).filter(|id| !id.is_empty())
}

/// Who owns the store, as far as this process knows.
#[derive(Debug)]
pub(super) struct Owner {
    /// The boot that this process runs in.
    boot: Option<String>,
    /// What this process was given when it took the store; 0 before.
    epoch: AtomicI64,
    /// The last owner before it that may have lost commits; 0 if none.
    before: AtomicI64,
}

impl Owner {
    /// Of who has only opened the file.
    pub(super) fn new(owners: &Owners, boot: Option<String>) -> Owner {
        let before = AtomicI64::new(owners.lost(boot.as_deref()));
        Owner { boot, epoch: AtomicI64::new(0), before }
    }

    pub(super) fn epoch(&self) -> i64 {
        self.epoch.load(Ordering::Acquire)
    }

    pub(super) fn before(&self) -> i64 {
        self.before.load(Ordering::Acquire)
    }

    /// Takes the store, in a transaction that is on the disk afterwards: the epoch, and what is `before`.
    pub(super) fn take(&self, conn: &Connection, fast: bool) -> rusqlite::Result<(i64, i64)> {
        let owners = Owners::of(conn)?;
        let epoch = owners.epoch + 1;
        // That this process is unsure of its own commits does not mean that it lost one.
        let again = owners.unsure != 0 && owners.unsure == self.epoch();
        let lost = if again { self.before() } else { owners.lost(self.boot.as_deref()) };
        let take = "UPDATE owner SET epoch = ?1, unsure = ?2, boot = ?3, before = ?4";
        if fast {
            conn.execute(take, (epoch, epoch, &self.boot, lost))?;
        } else {
            conn.execute(take, (epoch, lost, None::<String>, 0))?;
        }
        Ok((epoch, lost))
    }

    /// The store is taken.
    pub(super) fn became(&self, (epoch, before): (i64, i64)) {
        self.before.store(before, Ordering::Release);
        self.epoch.store(epoch, Ordering::Release);
    }

    /// Nothing is lost of what this owner committed: says so in the file, unless it has another one.
    pub(super) fn is_sure(&self, conn: &Connection) -> rusqlite::Result<()> {
        let mark = "UPDATE owner SET unsure = ?2, boot = NULL, before = 0
                    WHERE epoch = ?1 AND unsure = ?1";
        conn.execute(mark, [self.epoch(), self.before()]).map(|_| ())
    }

    /// Whether a later commit of a session may be lost, if this owner wrote the last one that is there.
    pub(super) fn lossy(&self, wrote: i64) -> bool {
        let epoch = self.epoch();
        (epoch == 0 || wrote < epoch) && wrote <= self.before()
    }
}
