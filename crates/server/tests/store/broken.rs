//! The kit is proved: stores that are wrong in one way each, and the check that notices.

// A flaw is named where it bites, and nowhere else.
#![allow(clippy::wildcard_enum_match_arm)]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use outlive::State;
use outlive::ids::Seq;
use outlive::session::Snapshot;
use outlive_server::conformance::{self, Check};
use outlive_server::store::{
    BoxFuture, Commit, CommitError, PageToken, SessionId, SessionPage, Store, StoreError,
    StoredSession, Version,
};
use strum::VariantArray;
use tokio::task::yield_now;

use super::flaws::{CAUGHT, Flaw};

#[derive(Clone, Debug, Default)]
struct Kept {
    /// The record as it was before the last commit, if there was one.
    before: Option<Snapshot>,
    snapshot: Option<Snapshot>,
    version: u64,
    /// Who created it, and after how many commits of any session.
    principal: Option<String>,
    born: u64,
    /// The lines, and the place of the first one of their commit.
    lines: BTreeMap<u64, (Bytes, u64)>,
}

#[derive(Debug, Default)]
struct Shared {
    epoch: u64,
    commits: u64,
    /// How many commits of an owner of before still come in.
    lenient: u32,
    /// Whether the commit before this one was refused.
    refused: bool,
    sessions: BTreeMap<String, Kept>,
    /// A commit of unknown result, which is still on its way.
    unsettled: Option<Commit>,
    /// Where pages were asked for.
    marks: BTreeSet<String>,
}

/// A store in memory, in which there is room for every flaw.
struct Broken {
    flaw: Flaw,
    shared: Arc<Mutex<Shared>>,
    epoch: Mutex<u64>,
}

impl Broken {
    fn key(&self, id: &SessionId) -> String {
        if self.flaw == Flaw::IgnoresCase { id.as_str().to_lowercase() } else { id.to_string() }
    }

    /// Whether whoever asks owns the store.
    fn owned(&self, shared: &mut Shared) -> bool {
        let epoch = *self.epoch.lock().unwrap();
        let lenient = shared.lenient > 0 && epoch + 1 == shared.epoch;
        if lenient {
            shared.lenient -= 1;
        }
        (epoch == shared.epoch && epoch > 0)
            || lenient
            || (epoch == 0 && self.flaw == Flaw::NeedsNoOwner)
            || (epoch > 0 && self.flaw == Flaw::LetsTheOldOwnerIn)
    }

    fn agrees(&self, expect: u64, version: u64) -> bool {
        match self.flaw {
            Flaw::TakesAnyVersion => true,
            Flaw::TakesOlderVersions => expect <= version,
            _ => expect == version,
        }
    }

    fn keep(&self, shared: &mut Shared, mut commit: Commit) {
        shared.commits += 1;
        if self.flaw == Flaw::AnswersBeforeItKeeps && shared.commits % 5 == 0 {
            return;
        }
        let (first, born) = (commit.first().0, shared.commits);
        let kept = shared.sessions.entry(self.key(&commit.session)).or_default();
        let count = commit.entries.len();
        match self.flaw {
            Flaw::DropsAnEntry if count > 2 => drop(commit.entries.remove(1)),
            Flaw::SwapsTwoLines if count > 2 => commit.entries.swap(0, 1),
            Flaw::TakesFewLines => commit.entries.truncate(1000),
            Flaw::ForgetsTheClients => commit.snapshot.clients.truncate(2),
            Flaw::ForgetsTheAsks => commit.snapshot.asks.clear(),
            _ => {}
        }
        for (entry, place) in commit.entries.iter_mut().zip(first..) {
            match self.flaw {
                Flaw::CutsLongLines => entry.truncate(65_536),
                Flaw::WritesInAscii if !entry.is_ascii() => {
                    *entry = Bytes::from(
                        String::from_utf8_lossy(entry).replace(|c: char| !c.is_ascii(), "?"),
                    );
                }
                _ => {}
            }
            let line = (entry.clone(), first);
            if self.flaw == Flaw::KeepsTheLogOfTheForgotten {
                // What is there already stays.
                kept.lines.entry(place).or_insert(line);
            } else {
                kept.lines.insert(place, line);
            }
        }
        if kept.version == 0 {
            kept.born = born;
        }
        if kept.version == 0 || self.flaw == Flaw::TakesAnotherPrincipal {
            kept.principal = commit.principal;
        }
        kept.before = kept.snapshot.replace(commit.snapshot);
        kept.version += 1;
    }

    fn commit_now(&self, commit: Commit) -> Result<(), CommitError> {
        let mut shared = self.shared.lock().unwrap();
        let version =
            shared.sessions.get(&self.key(&commit.session)).map_or(0, |kept| kept.version);
        let owned = self.owned(&mut shared);
        let refused = !owned || !self.agrees(commit.expect.0, version);
        let neighbour = self.flaw == Flaw::FailsTheNeighbours && shared.refused;
        shared.refused = refused;
        if refused || neighbour {
            return Err(CommitError::Stale);
        }
        self.keep(&mut shared, commit);
        Ok(())
    }

    fn edges(&self, kept: &Kept) -> Option<(u64, u64)> {
        let log = kept.snapshot.as_ref()?.log;
        Some(match self.flaw {
            Flaw::TrimsOneTooMany if log.base.0 > 0 => (log.base.0 + 1, log.head.0),
            Flaw::TrimsNothing => (0, log.head.0),
            Flaw::TrimsTheWholeChunk if log.base.0 > 0 => {
                let chunk = kept.lines.get(&log.base.0).map_or(0, |(_, first)| *first);
                let last = kept.lines.iter().filter(|(_, (_, first))| *first == chunk);
                (last.last().map_or(log.base.0, |(place, _)| *place), log.head.0)
            }
            _ => (log.base.0, log.head.0),
        })
    }

    fn read_now(
        &self,
        id: &SessionId,
        from: Seq,
        to: Seq,
        bytes: usize,
    ) -> Result<Vec<Bytes>, StoreError> {
        let shared = self.shared.lock().unwrap();
        let kept = shared.sessions.get(&self.key(id)).ok_or(StoreError::Trimmed)?;
        let (base, head) = self.edges(kept).ok_or(StoreError::Trimmed)?;
        let (mut from, mut to) = (from.0, to.0);
        match self.flaw {
            Flaw::CutsToWhatIsThere => (from, to) = (from.max(base + 1), to.min(head)),
            Flaw::TakesZeroForTheFirst => from = from.max(1),
            _ => {}
        }
        if from <= base || to > head || from > to {
            return Err(StoreError::Trimmed);
        }
        match self.flaw {
            Flaw::BeginsAtTheChunk => from = kept.lines[&from].1.max(base + 1),
            Flaw::EndsTooEarly if to - from > 6 => to -= 1,
            _ => {}
        }
        let mut read: Vec<_> =
            kept.lines.range(from..=to).map(|(_, (line, _))| line.clone()).collect();
        let (mut size, mut count) = (0, 0);
        for line in &read {
            size += line.len();
            let first = count == 0 && self.flaw != Flaw::GivesNothingOfALongLine;
            if size > bytes && !first {
                break;
            }
            count += 1;
        }
        match self.flaw {
            Flaw::IgnoresTheBytes => {}
            Flaw::GivesOneLineTooMany => read.truncate(count + 1),
            _ => read.truncate(count),
        }
        Ok(read)
    }
}

impl Store for Broken {
    fn open(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let mut shared = self.shared.lock().unwrap();
            shared.epoch += 1;
            *self.epoch.lock().unwrap() = shared.epoch;
            if self.flaw == Flaw::TakesTimeToFence {
                shared.lenient = 1000;
            }
            if self.flaw == Flaw::LosesTheLastCommit && shared.epoch > 1 {
                for kept in shared.sessions.values_mut() {
                    if let Some(before) = kept.before.take() {
                        kept.snapshot = Some(before);
                        kept.version -= 1;
                    }
                }
            }
            Ok(())
        })
    }

    fn load<'a>(&'a self, session: &'a SessionId) -> BoxFuture<'a, Option<StoredSession>> {
        Box::pin(async move {
            let mut shared = self.shared.lock().unwrap();
            let late = shared.unsettled.take();
            let kept = shared.sessions.get(&self.key(session));
            let loaded = kept.and_then(|kept| {
                let (snapshot, version) = (kept.snapshot.clone()?, Version(kept.version));
                Some(StoredSession::new(snapshot, version))
            });
            drop(shared);
            _ = late.map(|commit| self.commit_now(commit));
            Ok(loaded)
        })
    }

    fn commit(&self, commit: Commit) -> BoxFuture<'_, (), CommitError> {
        Box::pin(async move {
            match self.flaw {
                Flaw::ChecksThenActs => {
                    let key = self.key(&commit.session);
                    let version = {
                        let mut shared = self.shared.lock().unwrap();
                        if !self.owned(&mut shared) {
                            return Err(CommitError::Stale);
                        }
                        shared.sessions.get(&key).map_or(0, |kept| kept.version)
                    };
                    yield_now().await;
                    if version != commit.expect.0 {
                        return Err(CommitError::Stale);
                    }
                    self.keep(&mut self.shared.lock().unwrap(), commit);
                    Ok(())
                }
                // The record is there, and the lines only some time later.
                Flaw::ShowsTheRecordFirst | Flaw::IsHalfDoneWhenDropped => {
                    let empty = Commit { entries: Vec::new(), ..commit.clone() };
                    self.commit_now(empty)?;
                    yield_now().await;
                    let mut shared = self.shared.lock().unwrap();
                    let kept = shared.sessions.get_mut(&self.key(&commit.session)).unwrap();
                    let first = commit.first().0;
                    for (line, place) in commit.entries.into_iter().zip(first..) {
                        kept.lines.insert(place, (line, first));
                    }
                    Ok(())
                }
                Flaw::SettlesNothing if commit.expect.0 % 3 == 2 => {
                    self.shared.lock().unwrap().unsettled = Some(commit);
                    Err(CommitError::Unknown("no answer".into()))
                }
                _ => self.commit_now(commit),
            }
        })
    }

    fn read<'a>(
        &'a self,
        session: &'a SessionId,
        from: Seq,
        to: Seq,
        bytes: usize,
    ) -> BoxFuture<'a, Vec<Bytes>> {
        Box::pin(async move { self.read_now(session, from, to, bytes) })
    }

    fn unfinished<'a>(
        &'a self,
        from: Option<&'a PageToken>,
        most: usize,
    ) -> BoxFuture<'a, SessionPage> {
        Box::pin(async move {
            let mut shared = self.shared.lock().unwrap();
            if let Some(PageToken(mark)) = from {
                if !shared.marks.insert(mark.clone()) && self.flaw == Flaw::TakesAMarkOnce {
                    return Err(StoreError::Io("a mark of before".into()));
                }
            }
            let mut open: Vec<&String> = Vec::new();
            for (id, kept) in &shared.sessions {
                let Some(snapshot) = &kept.snapshot else { continue };
                if snapshot.state != State::Ended || self.flaw == Flaw::ListsTheEnded {
                    open.push(id);
                }
            }
            let from = from.map_or("", |PageToken(last)| last.as_str());
            // A place that is counted is another one when something is gone.
            let begin = match self.flaw {
                Flaw::CountsItsPlaces => from.parse().unwrap_or(0),
                Flaw::ListsTheLastOneAgain => open.partition_point(|id| id.as_str() < from),
                _ => open.partition_point(|id| id.as_str() <= from),
            };
            let many = match self.flaw {
                Flaw::ListsTooMany => most + 1,
                Flaw::ListsALittle => most.min(64),
                _ => most,
            };
            let page = &open[begin.min(open.len())..(begin + many).min(open.len())];
            let mark = match self.flaw {
                Flaw::CountsItsPlaces => (begin + page.len()).to_string(),
                _ => page.last().map_or_else(String::new, |last| (*last).clone()),
            };
            let more = match self.flaw {
                Flaw::ListsOnePage => false,
                Flaw::ListsForEver => true,
                _ => page.len() >= most,
            };
            let sessions = page.iter().map(|id| id.parse().unwrap()).collect();
            Ok(SessionPage::new(sessions, more.then_some(PageToken(mark))))
        })
    }

    fn principal<'a>(&'a self, session: &'a SessionId) -> BoxFuture<'a, Option<String>> {
        let shared = self.shared.lock().unwrap();
        let kept = shared.sessions.get(&self.key(session));
        let principal = kept.and_then(|kept| kept.principal.clone());
        Box::pin(async move { Ok(principal) })
    }

    fn sessions_of<'a>(
        &'a self,
        principal: &'a str,
        from: Option<&'a PageToken>,
        most: usize,
    ) -> BoxFuture<'a, SessionPage> {
        let shared = self.shared.lock().unwrap();
        let before = from.map_or(u64::MAX, |PageToken(born)| born.parse().unwrap());
        let is_of = |kept: &Kept| {
            let of = kept.principal.as_deref().unwrap_or("nobody");
            match self.flaw {
                Flaw::MixesPrincipals => of.eq_ignore_ascii_case(principal),
                _ => of == principal,
            }
        };
        let older = shared.sessions.iter().filter(|(_, kept)| is_of(kept) && kept.born < before);
        let mut older: Vec<_> = older.map(|(id, kept)| (kept.born, id)).collect();
        older.sort_unstable_by(|a, b| b.cmp(a));
        let more = older.len() > most;
        older.truncate(most);
        let next = older.last().filter(|_| more).map(|(born, _)| PageToken(born.to_string()));
        if self.flaw == Flaw::ListsByName {
            older.sort_unstable_by_key(|(_, id)| *id);
        }
        let sessions = older.iter().map(|(_, id)| id.parse().unwrap()).collect();
        Box::pin(async move { Ok(SessionPage::new(sessions, next)) })
    }

    fn forget<'a>(&'a self, session: &'a SessionId) -> BoxFuture<'a, (), CommitError> {
        Box::pin(async move {
            let mut shared = self.shared.lock().unwrap();
            let old = self.flaw == Flaw::LetsTheOldOwnerForget && *self.epoch.lock().unwrap() > 0;
            if !old && !self.owned(&mut shared) {
                return Err(CommitError::Stale);
            }
            let key = self.key(session);
            match self.flaw {
                Flaw::ForgetsNothing => {}
                Flaw::KeepsTheLogOfTheForgotten => {
                    if let Some(kept) = shared.sessions.get_mut(&key) {
                        (kept.snapshot, kept.before, kept.version) = (None, None, 0);
                    }
                }
                _ => drop(shared.sessions.remove(&key)),
            }
            Ok(())
        })
    }
}

fn broken(flaw: Flaw) -> impl AsyncFn() -> Broken {
    let shared: Arc<Mutex<Shared>> = Arc::default();
    async move || Broken { flaw, shared: Arc::clone(&shared), epoch: Mutex::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_flaw_is_noticed_by_the_check_that_is_meant_to() {
    conformance::run(|| broken(Flaw::None)).await.unwrap();
    let mut missed = Vec::new();
    for (flaw, check) in CAUGHT {
        if conformance::check(*check, broken(*flaw)).await.is_ok() {
            missed.push((flaw, check));
        }
    }
    assert!(missed.is_empty(), "not noticed: {missed:?}");
}

#[test]
fn every_check_notices_something() {
    let idle = Check::VARIANTS.iter().filter(|check| !CAUGHT.iter().any(|(_, by)| by == *check));
    assert_eq!(idle.collect::<Vec<_>>(), Vec::<&Check>::new());
}
