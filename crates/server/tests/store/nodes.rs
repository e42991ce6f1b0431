//! The kit for several nodes is proved: the store in memory passes, and stores that are wrong in one way each do not.

// A flaw is named where it bites, and nowhere else.
#![allow(clippy::wildcard_enum_match_arm)]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use outlive::ids::Seq;
use outlive_server::conformance::{self, NodeCheck};
use outlive_server::store::{
    BoxFuture, Commit, CommitError, Memory, Owner, PageToken, SessionId, SessionPage, Store,
    StoreError, StoredSession, Version,
};
use tokio::task::yield_now;

/// Time is paused: no test waits for it.
const LEASE: Duration = Duration::from_millis(400);

/// What is wrong with a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flaw {
    None,
    ClaimsFromTheLiving,
    ListsWhatOthersOwn,
    CommitsForOthers,
    ForgetsForOthers,
    ConfirmsWhatOthersOwn,
    ConfirmsAnyVersion,
    ReleasesNothing,
    CommitsWhatItReleased,
    TellsOfNoOrphans,
    ClaimsWithoutLooking,
    LeavesNothing,
    RenewsTheDead,
    ClaimsWhenItHasLeft,
    LandsAfterTheClaim,
    LandsWhenItIsClaimedAgain,
    LetsTheNamesakeLive,
    TakesThePlaceOfAll,
    JudgesBeforeItIsSteady,
    JudgesNobody,
    ComesBackFromTheDead,
    CommitsWhenItWasJudged,
}

/// Each flaw, and the check that is meant to see it.
const CAUGHT: &[(Flaw, NodeCheck)] = &[
    (Flaw::ClaimsFromTheLiving, NodeCheck::OthersAreKeptOut),
    (Flaw::ListsWhatOthersOwn, NodeCheck::OthersAreKeptOut),
    (Flaw::CommitsForOthers, NodeCheck::OthersAreKeptOut),
    (Flaw::ForgetsForOthers, NodeCheck::OthersAreKeptOut),
    (Flaw::ConfirmsWhatOthersOwn, NodeCheck::OthersAreKeptOut),
    (Flaw::ConfirmsAnyVersion, NodeCheck::OthersAreKeptOut),
    (Flaw::ReleasesNothing, NodeCheck::ReleasedIsNobodys),
    (Flaw::CommitsWhatItReleased, NodeCheck::ReleasedIsNobodys),
    (Flaw::TellsOfNoOrphans, NodeCheck::ReleasedIsNobodys),
    (Flaw::ClaimsWithoutLooking, NodeCheck::OneClaims),
    (Flaw::LeavesNothing, NodeCheck::LeavingGivesUpAll),
    (Flaw::RenewsTheDead, NodeCheck::LeavingGivesUpAll),
    (Flaw::ClaimsWhenItHasLeft, NodeCheck::LeavingGivesUpAll),
    (Flaw::LandsAfterTheClaim, NodeCheck::ClaimedAtOnce),
    (Flaw::LandsWhenItIsClaimedAgain, NodeCheck::BegunIsDecided),
    (Flaw::LetsTheNamesakeLive, NodeCheck::NamesAreReplaced),
    (Flaw::TakesThePlaceOfAll, NodeCheck::NamesAreReplaced),
    (Flaw::JudgesBeforeItIsSteady, NodeCheck::JudgedByTheSteady),
    (Flaw::JudgesNobody, NodeCheck::JudgedByTheSteady),
    (Flaw::ComesBackFromTheDead, NodeCheck::JudgedByTheSteady),
    (Flaw::CommitsWhenItWasJudged, NodeCheck::JudgedByTheSteady),
];

/// A node of the store in memory, which can act in the name of the others.
struct Broken {
    flaw: Flaw,
    own: Memory,
    /// Its place among all.
    number: usize,
    all: Arc<Mutex<Vec<Memory>>>,
}

impl Broken {
    fn others(&self) -> Vec<Memory> {
        let all = self.all.lock().unwrap();
        let others = all.iter().enumerate().filter(|(number, _)| *number != self.number);
        others.map(|(_, other)| other.clone()).collect()
    }

    async fn is_nobodys(&self, session: &SessionId) -> bool {
        let stored = self.own.load(session).await.unwrap();
        stored.is_some_and(|stored| stored.owner == Owner::Nobody)
    }

    async fn owns(&self, session: &SessionId) -> Result<bool, StoreError> {
        Ok(matches!(self.own.owner(session).await?, Some((_, Owner::Ours))))
    }

    async fn is_dead(&self) -> bool {
        self.own.renew().await == Ok(false)
    }

    /// Commits in the name of another node that owns the session.
    async fn commit_as_another(&self, commit: &Commit) -> Result<(), CommitError> {
        let mut done = Err(CommitError::Stale);
        for other in self.others() {
            if done.is_err() {
                done = other.commit(commit.clone()).await;
            }
        }
        done
    }

    /// Commits to a session of nobody, which stays nobody's.
    async fn commit_to_nobodys(by: &Memory, commit: Commit) -> Result<(), CommitError> {
        let session = commit.session.clone();
        by.claim(&session).await?;
        let done = by.commit(commit).await;
        by.release(&session).await?;
        done
    }
}

impl Store for Broken {
    fn open(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            self.own.open().await?;
            if self.flaw == Flaw::TakesThePlaceOfAll {
                for other in self.others() {
                    other.leave().await?;
                }
            }
            Ok(())
        })
    }

    fn lease(&self) -> Option<Duration> {
        self.own.lease()
    }

    fn renew(&self) -> BoxFuture<'_, bool> {
        Box::pin(async move {
            let member = self.own.renew().await?;
            match self.flaw {
                Flaw::RenewsTheDead => Ok(true),
                Flaw::ComesBackFromTheDead if !member => self.own.open().await.map(|()| true),
                _ => Ok(member),
            }
        })
    }

    fn judge(&self) -> BoxFuture<'_, bool> {
        Box::pin(async move {
            match self.flaw {
                Flaw::JudgesNobody => return Ok(false),
                Flaw::JudgesBeforeItIsSteady => {
                    for other in self.others() {
                        other.leave().await?;
                    }
                }
                _ => {}
            }
            let waits = self.own.judge().await?;
            Ok(waits && self.flaw != Flaw::TellsOfNoOrphans)
        })
    }

    fn confirm<'a>(&'a self, session: &'a SessionId, version: Version) -> BoxFuture<'a, bool> {
        Box::pin(async move {
            match self.flaw {
                Flaw::ConfirmsWhatOthersOwn => self.own.renew().await,
                Flaw::ConfirmsAnyVersion => self.owns(session).await,
                _ => self.own.confirm(session, version).await,
            }
        })
    }

    fn claim<'a>(&'a self, session: &'a SessionId) -> BoxFuture<'a, Option<StoredSession>> {
        Box::pin(async move {
            let ours = |stored: StoredSession| stored.owned_by(Owner::Ours);
            match self.flaw {
                Flaw::ClaimsFromTheLiving => {
                    for other in self.others() {
                        other.release(session).await?;
                    }
                }
                Flaw::ClaimsWithoutLooking if self.is_nobodys(session).await => {
                    yield_now().await;
                    return Ok(self.own.claim(session).await?.map(ours));
                }
                Flaw::ClaimsWhenItHasLeft if self.is_dead().await => {
                    return Ok(self.own.load(session).await?.map(ours));
                }
                _ => {}
            }
            self.own.claim(session).await
        })
    }

    fn release<'a>(&'a self, session: &'a SessionId) -> BoxFuture<'a, ()> {
        match self.flaw {
            Flaw::ReleasesNothing => Box::pin(async { Ok(()) }),
            _ => self.own.release(session),
        }
    }

    fn leave(&self) -> BoxFuture<'_, ()> {
        match self.flaw {
            Flaw::LeavesNothing => Box::pin(async { Ok(()) }),
            _ => self.own.leave(),
        }
    }

    fn load<'a>(&'a self, session: &'a SessionId) -> BoxFuture<'a, Option<StoredSession>> {
        self.own.load(session)
    }

    fn commit(&self, commit: Commit) -> BoxFuture<'_, (), CommitError> {
        Box::pin(async move {
            match self.flaw {
                Flaw::LandsAfterTheClaim => {
                    // Whose it is, is looked at now; the commit comes in later.
                    let ours = self.owns(&commit.session).await?;
                    // Not all at the same time.
                    for _ in 0..=commit.session.as_str().bytes().last().unwrap_or(0) % 3 {
                        yield_now().await;
                    }
                    let done = self.own.commit(commit.clone()).await;
                    return if ours && done.is_err() {
                        self.commit_as_another(&commit).await
                    } else {
                        done
                    };
                }
                Flaw::LandsWhenItIsClaimedAgain => {
                    let own = self.own.clone();
                    let lands = tokio::spawn(async move {
                        yield_now().await;
                        own.commit(commit).await
                    });
                    return lands.await.unwrap();
                }
                _ => {}
            }
            let done = self.own.commit(commit.clone()).await;
            if done.is_ok() {
                return done;
            }
            let free = self.is_nobodys(&commit.session).await;
            match self.flaw {
                Flaw::CommitsForOthers => self.commit_as_another(&commit).await,
                Flaw::CommitsWhatItReleased if free => {
                    Broken::commit_to_nobodys(&self.own, commit).await
                }
                Flaw::CommitsWhenItWasJudged if free && self.is_dead().await => {
                    Broken::commit_to_nobodys(&self.others()[0], commit).await
                }
                _ => done,
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
        self.own.read(session, from, to, bytes)
    }

    fn unfinished<'a>(
        &'a self,
        from: Option<&'a PageToken>,
        most: usize,
    ) -> BoxFuture<'a, SessionPage> {
        Box::pin(async move {
            let mut page = self.own.unfinished(from, most).await?;
            if self.flaw == Flaw::ListsWhatOthersOwn {
                for other in self.others() {
                    page.sessions.extend(other.unfinished(from, most).await?.sessions);
                }
            }
            Ok(page)
        })
    }

    fn principal<'a>(&'a self, session: &'a SessionId) -> BoxFuture<'a, Option<String>> {
        self.own.principal(session)
    }

    fn sessions_of<'a>(
        &'a self,
        principal: &'a str,
        from: Option<&'a PageToken>,
        most: usize,
    ) -> BoxFuture<'a, SessionPage> {
        self.own.sessions_of(principal, from, most)
    }

    fn forget<'a>(&'a self, session: &'a SessionId) -> BoxFuture<'a, (), CommitError> {
        Box::pin(async move {
            let mut done = self.own.forget(session).await;
            if self.flaw == Flaw::ForgetsForOthers {
                for other in self.others() {
                    done = done.or(other.forget(session).await);
                }
            }
            done
        })
    }
}

/// A place for nodes with this flaw.
fn broken(flaw: Flaw) -> impl AsyncFn(&'static str) -> Broken {
    let (place, all) = (Memory::leased(LEASE), Arc::<Mutex<Vec<Memory>>>::default());
    async move |name| {
        let mut all_of_them = all.lock().unwrap();
        let number = all_of_them.len();
        let own = match flaw {
            Flaw::LetsTheNamesakeLive => place.node(&format!("{name}{number}"), name),
            _ => place.node(name, name),
        };
        all_of_them.push(own.clone());
        Broken { flaw, own, number, all: Arc::clone(&all) }
    }
}

#[tokio::test(start_paused = true)]
async fn the_store_in_memory_keeps_what_a_store_with_several_nodes_promises() {
    let fresh = || {
        let place = Memory::leased(LEASE);
        async move |name: &'static str| place.node(name, name)
    };
    conformance::run_nodes(fresh).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn every_flaw_of_a_node_is_noticed_by_the_check_that_is_meant_to() {
    conformance::run_nodes(|| broken(Flaw::None)).await.unwrap();
    let mut missed = Vec::new();
    for (flaw, check) in CAUGHT {
        if conformance::check_nodes(*check, broken(*flaw)).await.is_ok() {
            missed.push((flaw, check));
        }
    }
    assert!(missed.is_empty(), "not noticed: {missed:?}");
}

#[test]
fn every_check_of_nodes_notices_something() {
    let idle = NodeCheck::ALL.iter().filter(|check| !CAUGHT.iter().any(|(_, by)| by == *check));
    assert_eq!(idle.collect::<Vec<_>>(), Vec::<&NodeCheck>::new());
}
