//! What a store promises, and two stores that keep it: in memory, and in a file (feature `sqlite`).
//!
//! The hub commits each step as one [`Commit`]: the log entries, and the session's record. A store knows
//! nothing of sessions; entries are opaque lines, and the record is a [`Snapshot`](outlive::session::Snapshot). It
//! promises four things, and [`conformance`](crate::conformance) tests any store for them:
//!
//! * a commit is atomic, and is durable when it returns `Ok`;
//! * each session has one owner at a time: the last one that [opened](Store::open) the store, or, where several nodes
//!   share a store, the one that [claimed](Store::claim) the session. Commits of an earlier owner are
//!   [`Stale`](CommitError::Stale), and so is a commit that expects another version of the record;
//! * a failure that is not [`Unknown`](CommitError::Unknown) has changed nothing, and what is unknown is settled by the
//!   next [`load`](Store::load);
//! * reads have no gaps, are in order, and are as large as requested; trimming only moves the log's base.

mod contract;
mod error;
mod memory;
mod rows;
mod session_id;
#[cfg(feature = "sqlite")]
mod sqlite;

pub use contract::{
    BoxFuture, Commit, Owner, PageToken, SessionPage, Store, StoredSession, Version,
};
pub use error::{Cause, CommitError, StoreError};
pub use memory::Memory;
pub use rows::{CommitRows, LogChunk};
pub use session_id::{ParseSessionIdError, SessionId};
#[cfg(feature = "sqlite")]
pub use sqlite::{Durability, Sqlite, SqliteOptions};
