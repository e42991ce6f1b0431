//! What a store promises, and two stores that keep it: in memory, and in a file (feature `sqlite`).
//!
//! The hub commits each step as one [`Commit`]: the log entries, and the session's record. A store knows
//! nothing of sessions; entries are opaque lines, and the record is a [`Snapshot`]. What it has to promise
//! is little, and [`conformance`](crate::conformance) holds any store to it:
//!
//! * a commit is atomic, and is durable when it is answered with `Ok`;
//! * whoever [opened](Store::open) the store last owns it: commits of an owner of before are
//!   [`Stale`](CommitError::Stale), as is a commit that expects another version of the record;
//! * a failure that is not [`Unknown`](CommitError::Unknown) has changed nothing;
//! * reads are gapless and in order, and as large as was asked; trimming only moves the log's base.

mod error;
mod memory;
mod session_id;
#[cfg(feature = "sqlite")]
mod sqlite;

use std::future::Future;
use std::pin::Pin;
use std::str::FromStr;

use bytes::Bytes;

pub use error::{CommitError, StoreError};
pub use memory::Memory;
pub use session_id::{ParseSessionIdError, SessionId};
#[cfg(feature = "sqlite")]
pub use sqlite::{Durability, Options, Sqlite};

use outlive::ids::Seq;
use outlive::session::Snapshot;

/// What a store answers: a future that can be sent, so that a hub can hold any store.
pub type BoxFuture<'a, T, E = StoreError> = Pin<Box<dyn Future<Output = Result<T, E>> + Send + 'a>>;

/// How often a session's record was committed. A commit names the version it builds on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(pub u64);

impl Version {
    /// Of a session that was never committed.
    pub const NONE: Version = Version(0);

    /// The version that a commit makes.
    #[must_use]
    pub const fn next(self) -> Version {
        Version(self.0 + 1)
    }
}

/// One step of one session, to be kept as one.
#[derive(Clone, Debug)]
pub struct Commit {
    /// Whose.
    pub session: SessionId,
    /// The version the record must have; [`Version::NONE`] if there must be none. Afterwards it has the
    /// [next](Version::next) one.
    pub expect: Version,
    /// The record. Entries up to `snapshot.log.base` may be forgotten from now on.
    pub snapshot: Snapshot,
    /// The new entries, in order, each a line of JSON without line breaks. The last one stands at
    /// `snapshot.log.head`.
    pub entries: Vec<Bytes>,
}

impl Commit {
    /// The place of the first new entry.
    pub fn first(&self) -> Seq {
        Seq(self.snapshot.log.head.0 + 1 - self.entries.len() as u64)
    }
}

/// What a store knows of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredSession {
    /// The record.
    pub snapshot: Snapshot,
    /// Its version.
    pub version: Version,
    /// Whether an owner of before wrote it, and the store may have lost what that one committed last. One
    /// that can tell says so; one that cannot says yes.
    /// The hub gives such a session a new log id when it recovers it.
    pub lossy: bool,
}

/// A place in a store's list of sessions. Only the store that made it knows what it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageToken(pub String);

impl PageToken {
    /// What it says, if a store like this one made it.
    fn read<T: FromStr>(&self) -> Result<T, StoreError> {
        let PageToken(text) = self;
        text.parse().map_err(|_| StoreError::Io(format!("`{text}` is no mark of this store")))
    }
}

/// A page of the sessions that have not ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionPage {
    /// These.
    pub sessions: Vec<SessionId>,
    /// Where the next page begins; none if this is the last one.
    pub next: Option<PageToken>,
}

/// A store. See the [module](crate::store) for what it promises.
///
/// All futures may be dropped at any time: a commit that was begun then happens, perhaps later, or does not.
pub trait Store: Send + Sync + 'static {
    /// Takes ownership: whoever owned the store before cannot commit any more. A hub does this once,
    /// before anything else. Where a database lets in one process at a time, the next one waits for it
    /// before there is a store to open, and nobody is taken over from.
    ///
    /// # Errors
    /// The store cannot be used.
    fn open(&self) -> BoxFuture<'_, ()>;

    /// Whether whoever opened the store here still owns it. A hub asks now and then, and before it refuses
    /// something: a process that has nothing to commit would not notice that another one has taken over. A
    /// store that never says no tells it with the next commit.
    ///
    /// # Errors
    /// The store does not answer.
    fn is_owner(&self) -> BoxFuture<'_, bool> {
        Box::pin(core::future::ready(Ok(true)))
    }

    /// The record of a session; none if there is no such session.
    ///
    /// # Errors
    /// The record cannot be read.
    fn load<'a>(&'a self, session: &'a SessionId) -> BoxFuture<'a, Option<StoredSession>>;

    /// Keeps a step.
    ///
    /// # Errors
    /// [`CommitError`] says whether it was kept: not, or nobody knows.
    fn commit(&self, commit: Commit) -> BoxFuture<'_, (), CommitError>;

    /// The entries `from..=to`, in order: as many of the first ones as have at most `bytes` bytes together,
    /// and one at least. Whoever wants the rest reads on behind them.
    ///
    /// # Errors
    /// [`StoreError::Trimmed`] if one of `from..=to` is not retained any more (or never was there), if there is
    /// no such session, and if `from` is behind `to`.
    fn read<'a>(
        &'a self,
        session: &'a SessionId,
        from: Seq,
        to: Seq,
        bytes: usize,
    ) -> BoxFuture<'a, Vec<Bytes>>;

    /// Sessions whose record is not ENDED: those that a new owner has to recover. A page has at most `most`
    /// of them, which is 1 or more. It may have fewer, or none, and still a [`next`](SessionPage::next) one: the
    /// list ends where there is none. The first page begins at no mark, each other one at the `next` of the
    /// page before. After an error the same page is asked for again: a mark stays good.
    ///
    /// The order is the store's: best the one in which the records lie, for each is read and committed soon.
    /// While pages are read, sessions are committed, made, ended and forgotten. One that is there and unfinished
    /// all the while is in one page, and in one alone; any other may be listed or not. So a mark is a place,
    /// and not a session that may be gone: a number that each new session counts up, and that is never used
    /// for another one, will do.
    ///
    /// # Errors
    /// The records cannot be read.
    fn unfinished<'a>(
        &'a self,
        from: Option<&'a PageToken>,
        most: usize,
    ) -> BoxFuture<'a, SessionPage>;

    /// Forgets a session and its log. It is no error if there is none.
    ///
    /// # Errors
    /// As for [`commit`](Store::commit).
    fn forget<'a>(&'a self, session: &'a SessionId) -> BoxFuture<'a, (), CommitError>;
}

/// Says of one line after the other whether it belongs to a [read](Store::read) of so many bytes.
fn fits(bytes: usize) -> impl FnMut(&[u8]) -> bool {
    let mut left = None;
    move |line| {
        // The first one always does.
        let fits = left.is_none_or(|left| line.len() <= left);
        left = Some(left.unwrap_or(bytes).saturating_sub(line.len()));
        fits
    }
}
