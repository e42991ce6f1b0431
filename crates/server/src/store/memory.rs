//! A store in memory, which ends with its process.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

use super::contract::{
    BoxFuture, Commit, PageToken, SessionPage, Store, StoredSession, Version, fits,
};
use super::error::{CommitError, StoreError};
use super::session_id::SessionId;
use outlive::State;
use outlive::ids::Seq;
use outlive::session::Snapshot;

/// Sessions in memory: for tests, and for conversations that may end with the process.
///
/// Clones are handles of the same owner; [`another`](Memory::another) is a handle for another one.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    shared: Arc<Mutex<MemorySessions>>,
    /// The number of this owner; 0 until it has opened the store.
    epoch: Arc<Mutex<u64>>,
}

#[derive(Debug, Default)]
struct MemorySessions {
    epoch: u64,
    sessions: BTreeMap<SessionId, MemorySession>,
    /// How many sessions were made.
    made: u64,
    /// The sessions of each principal, by the number of the session.
    of: BTreeMap<(String, u64), SessionId>,
}

#[derive(Debug)]
struct MemorySession {
    snapshot: Snapshot,
    version: Version,
    entries: VecDeque<Bytes>,
    /// The number of the session, and who created it.
    made: u64,
    principal: Option<String>,
}

impl Memory {
    /// An empty store.
    pub fn new() -> Memory {
        Memory::default()
    }

    /// The same sessions for another owner, which has yet to [open](Store::open) them: what a later process would
    /// see.
    #[must_use]
    pub fn another(&self) -> Memory {
        Memory { shared: Arc::clone(&self.shared), epoch: Arc::default() }
    }

    fn with<T>(&self, act: impl FnOnce(&mut MemorySessions, u64) -> T) -> T {
        let epoch = *self.epoch.lock().unwrap_or_else(PoisonError::into_inner);
        act(&mut self.shared.lock().unwrap_or_else(PoisonError::into_inner), epoch)
    }
}

/// A future that is ready.
fn ready<'a, T: Send + 'a, E: Send + 'a>(result: Result<T, E>) -> BoxFuture<'a, T, E> {
    Box::pin(std::future::ready(result))
}

impl Store for Memory {
    fn open(&self) -> BoxFuture<'_, ()> {
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        shared.epoch += 1;
        *self.epoch.lock().unwrap_or_else(PoisonError::into_inner) = shared.epoch;
        ready(Ok(()))
    }

    fn renew(&self) -> BoxFuture<'_, bool> {
        ready(Ok(self.with(|shared, epoch| shared.epoch == epoch)))
    }

    fn load<'a>(&'a self, session: &'a SessionId) -> BoxFuture<'a, Option<StoredSession>> {
        ready(Ok(self.with(|shared, _| {
            let kept = shared.sessions.get(session)?;
            let (snapshot, version) = (kept.snapshot.clone(), kept.version);
            Some(StoredSession::new(snapshot, version))
        })))
    }

    fn commit(&self, commit: Commit) -> BoxFuture<'_, (), CommitError> {
        ready(self.with(|shared, epoch| {
            if epoch == 0 || shared.epoch != epoch {
                return Err(CommitError::Stale);
            }
            let Commit { session, expect, snapshot, entries, principal } = commit;
            let kept = match shared.sessions.get_mut(&session) {
                Some(kept) if kept.version == expect => {
                    kept.snapshot = snapshot;
                    kept
                }
                None if expect == Version::NONE => {
                    shared.made += 1;
                    let made = shared.made;
                    if let Some(principal) = &principal {
                        shared.of.insert((principal.clone(), made), session.clone());
                    }
                    shared.sessions.entry(session).or_insert(MemorySession {
                        snapshot,
                        version: expect,
                        entries: VecDeque::new(),
                        made,
                        principal,
                    })
                }
                Some(_) | None => return Err(CommitError::Stale),
            };
            kept.version = expect.next();
            kept.entries.extend(entries);
            let log = &kept.snapshot.log;
            let retained = usize::try_from(log.head.0 - log.base.0).unwrap_or(usize::MAX);
            let surplus = kept.entries.len().saturating_sub(retained);
            kept.entries.drain(..surplus);
            if kept.snapshot.state == State::Ended {
                // It may be kept for long.
                kept.entries.shrink_to_fit();
            }
            Ok(())
        }))
    }

    fn read<'a>(
        &'a self,
        session: &'a SessionId,
        from: Seq,
        to: Seq,
        bytes: usize,
    ) -> BoxFuture<'a, Vec<Bytes>> {
        ready(self.with(|shared, _| {
            let kept = shared.sessions.get(session).ok_or(StoreError::Trimmed)?;
            let log = &kept.snapshot.log;
            if from <= log.base || to > log.head || from > to {
                return Err(StoreError::Trimmed);
            }
            let place = |seq: Seq| usize::try_from(seq.0 - log.base.0).unwrap_or(usize::MAX);
            let mut fits = fits(bytes);
            let range = kept.entries.range(place(from) - 1..place(to));
            Ok(range.take_while(|line| fits(line)).cloned().collect())
        }))
    }

    /// In the order of their names: a token is the last one of its page.
    fn unfinished<'a>(
        &'a self,
        from: Option<&'a PageToken>,
        most: usize,
    ) -> BoxFuture<'a, SessionPage> {
        ready(self.with(|shared, _| {
            let last: Option<SessionId> = from.map(PageToken::parse).transpose()?;
            let behind = (last.map_or(Bound::Unbounded, Bound::Excluded), Bound::Unbounded);
            let open =
                |(_, kept): &(&SessionId, &MemorySession)| kept.snapshot.state != State::Ended;
            let open = shared.sessions.range(behind).filter(open).take(most);
            let sessions: Vec<SessionId> = open.map(|(session, _)| session.clone()).collect();
            let last = sessions.last().filter(|_| sessions.len() == most);
            let next = last.map(|last| PageToken(last.to_string()));
            Ok(SessionPage::new(sessions, next))
        }))
    }

    fn principal<'a>(&'a self, session: &'a SessionId) -> BoxFuture<'a, Option<String>> {
        ready(Ok(self.with(|shared, _| shared.sessions.get(session)?.principal.clone())))
    }

    /// A token is the number of the last one of its page.
    fn sessions_of<'a>(
        &'a self,
        principal: &'a str,
        from: Option<&'a PageToken>,
        most: usize,
    ) -> BoxFuture<'a, SessionPage> {
        ready(self.with(|shared, _| {
            let before: u64 = from.map_or(Ok(u64::MAX), PageToken::parse)?;
            let place = |made| (principal.to_owned(), made);
            let older = shared.of.range(place(0)..place(before)).rev().take(most);
            let older: Vec<_> = older.map(|((_, made), id)| (*made, id.clone())).collect();
            let last = older.last().filter(|_| older.len() == most);
            let next = last.map(|(made, _)| PageToken(made.to_string()));
            Ok(SessionPage::new(older.into_iter().map(|(_, id)| id).collect(), next))
        }))
    }

    fn forget<'a>(&'a self, session: &'a SessionId) -> BoxFuture<'a, (), CommitError> {
        ready(self.with(|shared, epoch| {
            if epoch == 0 || shared.epoch != epoch {
                return Err(CommitError::Stale);
            }
            let gone = shared.sessions.remove(session);
            if let Some(MemorySession { made, principal: Some(principal), .. }) = gone {
                shared.of.remove(&(principal, made));
            }
            Ok(())
        }))
    }
}
