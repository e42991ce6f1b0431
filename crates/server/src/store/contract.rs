//! The trait of a store, and what goes in and out of it.

use std::future::Future;
use std::pin::Pin;
use std::str::FromStr;
use std::time::Duration;

use bytes::Bytes;

use super::error::{CommitError, StoreError};
use super::session_id::SessionId;
use outlive::State;
use outlive::ids::Seq;
use outlive::routing;
use outlive::session::Snapshot;

/// A future behind a pointer, so that a hub can hold any store.
pub type BoxFuture<'a, T, E = StoreError> = Pin<Box<dyn Future<Output = Result<T, E>> + Send + 'a>>;

/// The number of commits of a session's record. A commit names the version that it builds on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(pub u64);

impl Version {
    /// The version of a session that was never committed.
    pub const NONE: Version = Version(0);

    /// The version that a commit makes.
    #[must_use]
    pub const fn next(self) -> Version {
        Version(self.0 + 1)
    }
}

/// One step of one session, to be kept as a whole. Exhaustive on purpose: a store that ignored a new field would
/// lose data.
#[derive(Clone, Debug)]
pub struct Commit {
    /// The session that makes the step.
    pub session: SessionId,
    /// The version that the record must have; [`Version::NONE`] if there must be no record. The commit makes the
    /// [next](Version::next) one.
    pub expect: Version,
    /// The record. Entries up to `snapshot.log.base` may be deleted from now on.
    pub snapshot: Snapshot,
    /// The new entries, in order, each a line of JSON without line breaks. The last one is at
    /// `snapshot.log.head`.
    pub entries: Vec<Bytes>,
    /// The principal that creates the session. It counts in a session's first commit, and is kept as long as the
    /// session; in any other it is not looked at.
    pub principal: Option<String>,
}

impl Commit {
    /// The place of the first new entry.
    pub fn first(&self) -> Seq {
        Seq(self.snapshot.log.head.0 + 1 - self.entries.len() as u64)
    }
}

/// Who owns a session, for the store handle that is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Owner {
    /// This handle does. A store that has one owner for all sessions says so of each.
    #[default]
    Ours,
    /// Another node does, and it is not dead: nobody else may [claim](Store::claim) the session.
    Another {
        /// Where that node is reached by other nodes, as its operator has said.
        address: String,
    },
    /// Nobody does: its owner has [released](Store::release) it, or is dead.
    Nobody,
}

impl Owner {
    /// What the routing table asks for.
    pub const fn kind(&self) -> routing::Owner {
        match self {
            Owner::Ours => routing::Owner::Ours,
            Owner::Another { .. } => routing::Owner::Another,
            Owner::Nobody => routing::Owner::Nobody,
        }
    }
}

/// The record of a session, as a store has it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoredSession {
    /// The record.
    pub snapshot: Snapshot,
    /// Its version.
    pub version: Version,
    /// Whether an earlier owner wrote the record, and the store may have lost that owner's last commits. A hub
    /// gives such a session a new log id when it recovers it.
    pub lossy: bool,
    /// Who owns the session.
    pub owner: Owner,
}

impl StoredSession {
    /// A record from a store that loses no commit. One that cannot exclude it sets
    /// [`lossy`](StoredSession::lossy) on every record of an earlier owner.
    pub fn new(snapshot: Snapshot, version: Version) -> StoredSession {
        StoredSession { snapshot, version, lossy: false, owner: Owner::Ours }
    }

    /// Sets [`lossy`](StoredSession::lossy).
    #[must_use]
    pub fn lossy(self, lossy: bool) -> StoredSession {
        StoredSession { lossy, ..self }
    }

    /// Sets [`owner`](StoredSession::owner).
    #[must_use]
    pub fn owned_by(self, owner: Owner) -> StoredSession {
        StoredSession { owner, ..self }
    }
}

/// A place in a store's list of sessions. Its text means something only to the store that made it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageToken(pub String);

impl PageToken {
    /// Parses a token that a store like this one made, for those who write a store.
    ///
    /// # Errors
    /// [`StoreError::PageToken`] if it has another form.
    pub fn parse<T: FromStr>(&self) -> Result<T, StoreError> {
        let PageToken(text) = self;
        let foreign = |_| StoreError::PageToken(format!("`{text}`").into());
        text.parse().map_err(foreign)
    }
}

/// A page of a list of sessions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionPage {
    /// The sessions.
    pub sessions: Vec<SessionId>,
    /// Where the next page begins; `None` if this is the last one.
    pub next: Option<PageToken>,
}

impl SessionPage {
    /// A page, and where the next one begins.
    pub fn new(sessions: Vec<SessionId>, next: Option<PageToken>) -> SessionPage {
        SessionPage { sessions, next }
    }
}

/// A store. See the [module](crate::store) for what it promises.
///
/// Every future may be dropped at any time: a commit that was begun then happens, perhaps later, or does not.
pub trait Store: Send + Sync + 'static {
    /// Makes this handle one that may own sessions. A hub does this once, before anything else.
    ///
    /// A store with one owner for all sessions takes all of them from the owner before, whose commits fail from now
    /// on. A database that admits one process at a time makes the next one wait for it instead, so that nothing is
    /// taken from an earlier owner. A store with a [lease](Store::lease) admits several nodes, each of which owns the
    /// sessions that it [claims](Store::claim) or creates.
    ///
    /// # Errors
    /// The store cannot be used.
    fn open(&self) -> BoxFuture<'_, ()>;

    /// How long a node may be silent before others may declare it [dead](Store::judge); `None` if the store has one
    /// owner for all sessions, which owns them until the next one opens it. A hub [renews](Store::renew) its lease
    /// several times within this time.
    fn lease(&self) -> Option<Duration> {
        None
    }

    /// Whether this handle may still own sessions: `false` is for good. If the store has a [lease](Store::lease), this
    /// renews it. A hub asks now and then, since a process without commits would not notice that it was fenced off.
    ///
    /// # Errors
    /// The store failed, which says nothing of the lease.
    fn renew(&self) -> BoxFuture<'_, bool> {
        Box::pin(core::future::ready(Ok(true)))
    }

    /// Declares dead each other node whose [lease](Store::lease) is over. Returns whether sessions of dead nodes wait
    /// for an owner: a hub then reads [`unfinished`](Store::unfinished) again. Only a handle that has itself renewed
    /// its lease for as long as a lease lasts judges others: after an outage of the database all leases are over.
    ///
    /// # Errors
    /// The store failed.
    fn judge(&self) -> BoxFuture<'_, bool> {
        Box::pin(core::future::ready(Ok(false)))
    }

    /// Whether this handle still owns a session, and the session's record has this version: a store that has lost
    /// commits since, as with a standby that was promoted, has an older one. A hub asks before it answers what commits
    /// nothing (a welcome, a refusal, an interrupt that is taken). So it should cost no more than the read of one row. If it
    /// returns `true` though another node owns the session, or its record is older, the hub notices that with its next
    /// commit, and may answer by old data until then.
    ///
    /// # Errors
    /// The store failed.
    fn confirm<'a>(&'a self, _session: &'a SessionId, _version: Version) -> BoxFuture<'a, bool> {
        self.renew()
    }

    /// The state of a session, and who owns it; `None` if there is no such session. A hub asks before it passes a request on
    /// to another node, and takes it for a hint: nothing need be settled. So it should cost no more than the read of one
    /// row.
    ///
    /// # Errors
    /// As for [`load`](Store::load).
    fn owner<'a>(&'a self, session: &'a SessionId) -> BoxFuture<'a, Option<(State, Owner)>> {
        Box::pin(async move {
            let stored = self.load(session).await?;
            Ok(stored.map(|StoredSession { snapshot, owner, .. }| (snapshot.state, owner)))
        })
    }

    /// Takes a session that [nobody](Owner::Nobody) owns. Returns its record as [`load`](Store::load) does, now owned
    /// by this handle; or as it is, if another one was faster. Nothing that an owner before has on its way comes in
    /// afterwards.
    ///
    /// # Errors
    /// As for [`load`](Store::load).
    fn claim<'a>(&'a self, session: &'a SessionId) -> BoxFuture<'a, Option<StoredSession>> {
        self.load(session)
    }

    /// Gives a session up, so that another node may [claim](Store::claim) it. It is no error if this handle does not
    /// own it. Ownership that is not released goes with the handle's [lease](Store::lease), so nobody waits for this to
    /// succeed.
    ///
    /// # Errors
    /// The store failed.
    fn release<'a>(&'a self, _session: &'a SessionId) -> BoxFuture<'a, ()> {
        Box::pin(core::future::ready(Ok(())))
    }

    /// Says that this handle will own nothing any more: what it owns is [nobody's](Owner::Nobody) from now on, and no
    /// other node waits for its [lease](Store::lease). A hub does this once, when it has left.
    ///
    /// # Errors
    /// The store failed.
    fn leave(&self) -> BoxFuture<'_, ()> {
        Box::pin(core::future::ready(Ok(())))
    }

    /// The record of a session; `None` if there is no such session.
    ///
    /// It settles what is unknown: if a [`commit`](Store::commit) or a [`forget`](Store::forget) of this session was
    /// [`Unknown`](CommitError::Unknown), it either is in what this returns, or never comes in. A store whose commits
    /// can still be on their way, as over a network, has to see to that before it reads: it makes the record one
    /// that the outstanding commit does not expect. A plain read is not enough, for the caller goes by what it
    /// returns: a commit that comes in later was denied to whoever asked for it, and fences its own owner off.
    ///
    /// # Errors
    /// The record cannot be read, or what is unknown cannot be settled. The caller asks again.
    fn load<'a>(&'a self, session: &'a SessionId) -> BoxFuture<'a, Option<StoredSession>>;

    /// Keeps a step. It is durable when this returns `Ok`.
    ///
    /// # Errors
    /// [`CommitError`] tells whether it was kept: it was not, or that is unknown. It is not kept if this handle does not
    /// own the session, and there is one.
    fn commit(&self, commit: Commit) -> BoxFuture<'_, (), CommitError>;

    /// The entries `from..=to`, in order: the first ones that have at most `bytes` bytes together, and at least
    /// one. The caller reads the rest from behind the last one.
    ///
    /// # Errors
    /// [`StoreError::Trimmed`] if one of `from..=to` is not retained any more (or never existed), if there is no
    /// such session, and if `from` is behind `to`.
    fn read<'a>(
        &'a self,
        session: &'a SessionId,
        from: Seq,
        to: Seq,
        bytes: usize,
    ) -> BoxFuture<'a, Vec<Bytes>>;

    /// Sessions whose record is not ENDED and that no other node owns: those that a new owner has to recover. A page
    /// has at most `most` of
    /// them; `most` is at least 1. A page may have fewer sessions, or none, and still a
    /// [`next`](SessionPage::next) one: the list ends where `next` is `None`. The first page is that of no token,
    /// each other one that of the `next` of the page before. After an error the same page is requested again: a
    /// token stays good.
    ///
    /// The order is the store's: best the one in which the records are stored, since each is read and committed
    /// soon. While pages are read, sessions are committed, created, ended and forgotten. A session that exists and
    /// is unfinished all the while is in exactly one page; any other may be listed or not. So a token is a place,
    /// not a session that may be gone: a number that every new session increments, and that is never reused, will
    /// do.
    ///
    /// # Errors
    /// The records cannot be read.
    fn unfinished<'a>(
        &'a self,
        from: Option<&'a PageToken>,
        most: usize,
    ) -> BoxFuture<'a, SessionPage>;

    /// The principal that created a session, as its first commit named it; `None` if it named none, or if there is no
    /// such session.
    ///
    /// # Errors
    /// It cannot be read.
    fn principal<'a>(&'a self, session: &'a SessionId) -> BoxFuture<'a, Option<String>>;

    /// The sessions that a principal has created and that were not forgotten, whatever their state, the newest first.
    /// The pages are those of [`unfinished`](Store::unfinished), but for the order.
    ///
    /// # Errors
    /// The list cannot be read; [`StoreError::PageToken`] if the token is none of this store.
    fn sessions_of<'a>(
        &'a self,
        principal: &'a str,
        from: Option<&'a PageToken>,
        most: usize,
    ) -> BoxFuture<'a, SessionPage>;

    /// Deletes a session and its log. It is no error if there is none.
    ///
    /// # Errors
    /// As for [`commit`](Store::commit).
    fn forget<'a>(&'a self, session: &'a SessionId) -> BoxFuture<'a, (), CommitError>;
}

/// Called with one line after the other: whether the line belongs to a [read](Store::read) of at most `bytes`
/// bytes.
pub(super) fn fits(bytes: usize) -> impl FnMut(&[u8]) -> bool {
    let mut left = None;
    move |line| {
        // The first one always does.
        let fits = left.is_none_or(|left| line.len() <= left);
        left = Some(left.unwrap_or(bytes).saturating_sub(line.len()));
        fits
    }
}
