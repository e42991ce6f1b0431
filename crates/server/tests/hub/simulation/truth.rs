//! What was kept, whoever kept it, and the store that keeps it, or does not.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use outlive::ids::Seq;
use outlive_server::store::{
    BoxFuture, Commit, CommitError, Memory, PageToken, SessionId, SessionPage, Store, StoreError,
    StoredSession,
};

use super::rng::Rng;

/// Every line that was ever committed, by its place: also what is trimmed by now.
#[derive(Clone, Default)]
pub(super) struct Truth(Arc<Mutex<BTreeMap<SessionId, Vec<Bytes>>>>);

impl Truth {
    pub(super) fn of(&self, session: &SessionId) -> Vec<Bytes> {
        self.0.lock().unwrap().get(session).cloned().unwrap_or_default()
    }

    pub(super) fn sessions(&self) -> Vec<SessionId> {
        self.0.lock().unwrap().keys().cloned().collect()
    }

    fn keep(&self, commit: &Commit) {
        let mut all = self.0.lock().unwrap();
        let log = all.entry(commit.session.clone()).or_default();
        assert_eq!(commit.first(), Seq(log.len() as u64 + 1), "a commit that leaves a hole");
        log.extend(commit.entries.iter().cloned());
    }
}

/// How often the store goes wrong, in a thousand.
#[derive(Clone, Debug)]
pub(super) struct Odds {
    pub(super) fails: u64,
    pub(super) unknown: u64,
    pub(super) slow: u64,
    pub(super) hangs: u64,
}

impl Odds {
    pub(super) const NONE: Odds = Odds { fails: 0, unknown: 0, slow: 0, hangs: 0 };

    pub(super) fn draw(rng: &mut Rng) -> Odds {
        if rng.often(300) {
            return Odds::NONE;
        }
        Odds {
            fails: rng.pick(&[0, 20, 100, 300]),
            unknown: rng.pick(&[0, 20, 100, 300]),
            slow: rng.pick(&[0, 100, 500]),
            hangs: rng.pick(&[0, 0, 2]),
        }
    }
}

/// What the store does instead of what it is asked.
enum Fault {
    None,
    Fails,
    Unknown,
    Hangs,
}

struct Chance {
    rng: Rng,
    odds: Odds,
}

/// A store that fails by chance.
#[derive(Clone)]
pub(super) struct Unsure {
    memory: Memory,
    truth: Truth,
    chance: Arc<Mutex<Chance>>,
}

impl Unsure {
    pub(super) fn new(memory: Memory, truth: Truth, rng: Rng, odds: Odds) -> Unsure {
        Unsure { memory, truth, chance: Arc::new(Mutex::new(Chance { rng, odds })) }
    }

    /// From here on it does as it is asked.
    pub(super) fn heal(&self) {
        self.chance.lock().unwrap().odds = Odds::NONE;
    }

    /// What goes wrong, how long it takes, and how long until that is told.
    fn draw(&self) -> (Fault, u64, u64) {
        let Chance { rng, odds } = &mut *self.chance.lock().unwrap();
        let slow = |rng: &mut Rng| if rng.often(odds.slow) { rng.between(1, 60) } else { 0 };
        let (before, after) = (slow(rng), slow(rng));
        let fault = if rng.often(odds.fails) {
            Fault::Fails
        } else if rng.often(odds.unknown) {
            Fault::Unknown
        } else if rng.often(odds.hangs) {
            Fault::Hangs
        } else {
            Fault::None
        };
        (fault, before, after)
    }

    fn flip(&self) -> bool {
        self.chance.lock().unwrap().rng.often(500)
    }

    async fn read_by<T>(
        &self,
        read: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let (fault, before, after) = self.draw();
        pause(before).await;
        match fault {
            Fault::None => {}
            Fault::Fails | Fault::Unknown => return Err(StoreError::Io("by chance".into())),
            Fault::Hangs => std::future::pending().await,
        }
        let answer = read.await;
        pause(after).await;
        answer
    }

    async fn write_by(
        &self,
        write: impl AsyncFnOnce() -> Result<(), CommitError>,
    ) -> Result<(), CommitError> {
        let (fault, before, after) = self.draw();
        pause(before).await;
        match fault {
            Fault::None => {
                write().await?;
                pause(after).await;
                Ok(())
            }
            Fault::Fails => Err(StoreError::Io("by chance".into()).into()),
            Fault::Hangs => std::future::pending().await,
            Fault::Unknown => {
                if self.flip() {
                    write().await?;
                }
                pause(after).await;
                Err(CommitError::Unknown("by chance".into()))
            }
        }
    }
}

async fn pause(ms: u64) {
    if ms > 0 {
        tokio::time::sleep(Duration::from_millis(ms)).await;
    }
}

impl Store for Unsure {
    fn open(&self) -> BoxFuture<'_, ()> {
        self.memory.open()
    }

    fn renew(&self) -> BoxFuture<'_, bool> {
        Box::pin(self.read_by(self.memory.renew()))
    }

    fn load<'a>(&'a self, session: &'a SessionId) -> BoxFuture<'a, Option<StoredSession>> {
        Box::pin(self.read_by(async move { self.memory.load(session).await }))
    }

    fn commit(&self, commit: Commit) -> BoxFuture<'_, (), CommitError> {
        let (memory, truth) = (self.memory.clone(), self.truth.clone());
        Box::pin(async move {
            self.write_by(async move || {
                memory.commit(commit.clone()).await?;
                truth.keep(&commit);
                Ok(())
            })
            .await
        })
    }

    fn read<'a>(
        &'a self,
        session: &'a SessionId,
        from: Seq,
        to: Seq,
        bytes: usize,
    ) -> BoxFuture<'a, Vec<Bytes>> {
        Box::pin(self.read_by(async move { self.memory.read(session, from, to, bytes).await }))
    }

    fn unfinished<'a>(
        &'a self,
        from: Option<&'a PageToken>,
        most: usize,
    ) -> BoxFuture<'a, SessionPage> {
        Box::pin(self.read_by(async move { self.memory.unfinished(from, most).await }))
    }

    fn principal<'a>(&'a self, session: &'a SessionId) -> BoxFuture<'a, Option<String>> {
        Box::pin(self.read_by(async move { self.memory.principal(session).await }))
    }

    fn sessions_of<'a>(
        &'a self,
        principal: &'a str,
        from: Option<&'a PageToken>,
        most: usize,
    ) -> BoxFuture<'a, SessionPage> {
        Box::pin(self.read_by(async move { self.memory.sessions_of(principal, from, most).await }))
    }

    fn forget<'a>(&'a self, session: &'a SessionId) -> BoxFuture<'a, (), CommitError> {
        self.memory.forget(session)
    }
}
