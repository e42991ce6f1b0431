//! A store in memory, which ends with its process.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use super::contract::{
    BoxFuture, Commit, Owner, PageToken, SessionPage, Store, StoredSession, Version, fits,
};
use super::error::{CommitError, StoreError};
use super::session_id::SessionId;
use outlive::State;
use outlive::ids::Seq;
use outlive::session::Snapshot;

/// Sessions in memory: for tests, and for conversations that may end with the process.
///
/// Clones are handles of the same owner; [`another`](Memory::another) is a handle for another one. A store that is
/// [leased](Memory::leased) admits several [nodes](Memory::node), as a database does: to try a set-up of several hubs
/// in one process.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    shared: Arc<Mutex<MemorySessions>>,
    /// The number of this owner; 0 until it has opened the store.
    epoch: Arc<Mutex<u64>>,
    /// The name of this node, and where other nodes reach it.
    name: Arc<str>,
    address: Arc<str>,
}

#[derive(Debug, Default)]
struct MemorySessions {
    epoch: u64,
    /// The lease of a node; none: there is one owner for all sessions.
    lease: Option<Duration>,
    /// Every node that there was, by its epoch.
    nodes: BTreeMap<u64, MemoryNode>,
    sessions: BTreeMap<SessionId, MemorySession>,
    /// How many sessions were made.
    made: u64,
    /// The sessions of each principal, by the number of the session.
    of: BTreeMap<(String, u64), SessionId>,
}

/// A process that has opened a store with a lease.
#[derive(Debug)]
struct MemoryNode {
    name: Arc<str>,
    address: Arc<str>,
    lease_until: Instant,
    /// It has renewed its lease without a gap since then.
    steady_since: Instant,
    dead: bool,
}

#[derive(Debug)]
struct MemorySession {
    /// The epoch of the node that owns it. Without a lease it is not looked at.
    owner: Option<u64>,
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

    /// An empty store that admits several [nodes](Memory::node), each of which may be silent for as long as `lease`
    /// before others declare it dead. Time is tokio's.
    #[must_use]
    pub fn leased(lease: Duration) -> Memory {
        let shared = MemorySessions { lease: Some(lease), ..MemorySessions::default() };
        Memory { shared: Arc::new(Mutex::new(shared)), ..Memory::default() }
    }

    /// The same sessions for another node, which other nodes reach at `address`. When it [opens](Store::open) them, an
    /// earlier node of the same name is dead.
    #[must_use]
    pub fn node(&self, name: &str, address: &str) -> Memory {
        let (name, address) = (name.into(), address.into());
        Memory { shared: Arc::clone(&self.shared), epoch: Arc::default(), name, address }
    }

    /// The same sessions for another owner, which has yet to [open](Store::open) them: what a later process would
    /// see.
    #[must_use]
    pub fn another(&self) -> Memory {
        self.node(&self.name, &self.address)
    }

    fn with<T>(&self, act: impl FnOnce(&mut MemorySessions, u64) -> T) -> T {
        let epoch = *self.epoch.lock().unwrap_or_else(PoisonError::into_inner);
        act(&mut self.shared.lock().unwrap_or_else(PoisonError::into_inner), epoch)
    }
}

impl MemorySessions {
    /// Whether this owner may own sessions still.
    fn is_member(&self, epoch: u64) -> bool {
        match self.lease {
            None => self.epoch == epoch,
            Some(_) => self.nodes.get(&epoch).is_some_and(|node| !node.dead),
        }
    }

    /// Whose the session is, for this owner.
    fn owner(&self, session: &MemorySession, epoch: u64) -> Owner {
        if self.lease.is_none() {
            return Owner::Ours;
        }
        let owner = session.owner.and_then(|owner| self.nodes.get_key_value(&owner));
        match owner.filter(|(_, node)| !node.dead) {
            None => Owner::Nobody,
            Some((owner, _)) if *owner == epoch => Owner::Ours,
            Some((_, node)) => Owner::Another { address: node.address.to_string() },
        }
    }

    fn load(&self, session: &SessionId, epoch: u64) -> Option<StoredSession> {
        let kept = self.sessions.get(session)?;
        let stored = StoredSession::new(kept.snapshot.clone(), kept.version);
        Some(stored.owned_by(self.owner(kept, epoch)))
    }

    /// Whether this owner may commit to a session that is there.
    fn may_commit(&self, session: &SessionId, epoch: u64) -> bool {
        let kept = self.sessions.get(session);
        epoch != 0
            && self.is_member(epoch)
            && kept.is_none_or(|kept| self.owner(kept, epoch) == Owner::Ours)
    }

    /// Renews the lease of a node. Returns whether it is a member.
    fn renew(&mut self, epoch: u64) -> bool {
        let Some(lease) = self.lease else { return self.is_member(epoch) };
        let now = Instant::now();
        let Some(node) = self.nodes.get_mut(&epoch).filter(|node| !node.dead) else { return false };
        if node.lease_until < now {
            node.steady_since = now;
        }
        node.lease_until = now + lease;
        true
    }

    /// Declares dead who is silent. Returns whether unfinished sessions have no owner.
    fn judge(&mut self, epoch: u64) -> bool {
        let (Some(lease), now) = (self.lease, Instant::now()) else { return false };
        let steady = self.nodes.get(&epoch).is_some_and(|node| {
            !node.dead && node.lease_until > now && now - node.steady_since >= lease
        });
        if steady {
            let silent = self.nodes.values_mut().filter(|node| node.lease_until < now);
            silent.for_each(|node| node.dead = true);
        }
        self.is_member(epoch)
            && self.sessions.values().any(|kept| {
                kept.snapshot.state != State::Ended && self.owner(kept, epoch) == Owner::Nobody
            })
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
        let epoch = shared.epoch;
        if let Some(lease) = shared.lease {
            let now = Instant::now();
            let namesakes = shared.nodes.values_mut().filter(|node| node.name == self.name);
            namesakes.for_each(|node| node.dead = true);
            let (name, address) = (Arc::clone(&self.name), Arc::clone(&self.address));
            let (lease_until, steady_since) = (now + lease, now);
            let node = MemoryNode { name, address, lease_until, steady_since, dead: false };
            shared.nodes.insert(epoch, node);
        }
        *self.epoch.lock().unwrap_or_else(PoisonError::into_inner) = epoch;
        ready(Ok(()))
    }

    fn lease(&self) -> Option<Duration> {
        self.with(|shared, _| shared.lease)
    }

    fn renew(&self) -> BoxFuture<'_, bool> {
        ready(Ok(self.with(MemorySessions::renew)))
    }

    fn judge(&self) -> BoxFuture<'_, bool> {
        ready(Ok(self.with(MemorySessions::judge)))
    }

    fn confirm<'a>(&'a self, session: &'a SessionId, version: Version) -> BoxFuture<'a, bool> {
        ready(Ok(self.with(|shared, epoch| {
            let kept = shared.sessions.get(session);
            let ours = kept.is_some_and(|kept| {
                shared.owner(kept, epoch) == Owner::Ours && kept.version == version
            });
            shared.is_member(epoch) && (ours || shared.lease.is_none())
        })))
    }

    fn owner<'a>(&'a self, session: &'a SessionId) -> BoxFuture<'a, Option<(State, Owner)>> {
        ready(Ok(self.with(|shared, epoch| {
            let kept = shared.sessions.get(session)?;
            Some((kept.snapshot.state, shared.owner(kept, epoch)))
        })))
    }

    fn claim<'a>(&'a self, session: &'a SessionId) -> BoxFuture<'a, Option<StoredSession>> {
        ready(Ok(self.with(|shared, epoch| {
            let kept = shared.sessions.get(session)?;
            let nobodys = shared.owner(kept, epoch) == Owner::Nobody;
            if nobodys && shared.is_member(epoch) {
                shared.sessions.get_mut(session)?.owner = Some(epoch);
            }
            shared.load(session, epoch)
        })))
    }

    fn release<'a>(&'a self, session: &'a SessionId) -> BoxFuture<'a, ()> {
        self.with(|shared, epoch| {
            let kept = shared.sessions.get_mut(session);
            if let Some(kept) = kept.filter(|kept| kept.owner == Some(epoch)) {
                kept.owner = None;
            }
        });
        ready(Ok(()))
    }

    fn leave(&self) -> BoxFuture<'_, ()> {
        self.with(|shared, epoch| {
            if let Some(node) = shared.nodes.get_mut(&epoch) {
                node.dead = true;
            }
        });
        ready(Ok(()))
    }

    fn load<'a>(&'a self, session: &'a SessionId) -> BoxFuture<'a, Option<StoredSession>> {
        ready(Ok(self.with(|shared, epoch| shared.load(session, epoch))))
    }

    fn commit(&self, commit: Commit) -> BoxFuture<'_, (), CommitError> {
        ready(self.with(|shared, epoch| {
            if !shared.may_commit(&commit.session, epoch) {
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
                        owner: Some(epoch),
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
        ready(self.with(|shared, epoch| {
            let last: Option<SessionId> = from.map(PageToken::parse).transpose()?;
            let behind = (last.map_or(Bound::Unbounded, Bound::Excluded), Bound::Unbounded);
            let open = |(_, kept): &(&SessionId, &MemorySession)| {
                let theirs = matches!(shared.owner(kept, epoch), Owner::Another { .. });
                kept.snapshot.state != State::Ended && !theirs
            };
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
            if !shared.may_commit(session, epoch) {
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
