//! A store that fails on request.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bytes::Bytes;
use outlive::ids::Seq;
use outlive_server::store::{
    BoxFuture, Commit, CommitError, Memory, PageToken, SessionId, SessionPage, Store, StoreError,
    StoredSession, Version,
};
use tokio::sync::Semaphore;

/// What a store does instead of what it is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// As it is asked.
    None,
    /// Not done, and an error says that it failed.
    Fails,
    /// A commit that was kept; the error leaves it open.
    UnknownKept,
    /// A commit that was not kept; the error leaves it open.
    UnknownLost,
    /// Does not answer.
    Hangs,
    /// Answers when the [gate](Faulty::gate) is opened.
    Waits,
}

/// The next faults, as they are said.
#[derive(Debug, Default)]
struct Script {
    commits: VecDeque<Fault>,
    reads: VecDeque<Fault>,
    loads: VecDeque<Fault>,
    owners: VecDeque<Fault>,
}

impl Script {
    fn commit(&mut self) -> Fault {
        self.commits.pop_front().unwrap_or(Fault::None)
    }

    fn read(&mut self) -> Fault {
        self.reads.pop_front().unwrap_or(Fault::None)
    }

    fn load(&mut self) -> Fault {
        self.loads.pop_front().unwrap_or_else(|| self.read())
    }

    fn owner(&mut self) -> Fault {
        self.owners.pop_front().unwrap_or(Fault::None)
    }
}

#[derive(Clone)]
pub struct Faulty {
    pub memory: Memory,
    script: Arc<Mutex<Script>>,
    /// A permit for each call that waits, and may go on.
    pub gate: Arc<Semaphore>,
}

impl Faulty {
    pub fn new(memory: Memory) -> Faulty {
        Faulty { memory, script: Arc::default(), gate: Arc::new(Semaphore::new(0)) }
    }

    pub fn commits(&self, faults: impl IntoIterator<Item = Fault>) {
        self.script().commits.extend(faults);
    }

    pub fn reads(&self, faults: impl IntoIterator<Item = Fault>) {
        self.script().reads.extend(faults);
    }

    /// Of the loads alone: they go before what is said of all reads.
    pub fn loads(&self, faults: impl IntoIterator<Item = Fault>) {
        self.script().loads.extend(faults);
    }

    /// Of the questions whose the store is.
    pub fn owners(&self, faults: impl IntoIterator<Item = Fault>) {
        self.script().owners.extend(faults);
    }

    /// Whether every commit that was to fail has been asked for.
    pub fn has_failed(&self) -> bool {
        self.script().commits.is_empty()
    }

    /// From here on as it is asked.
    pub fn heals(&self) {
        *self.script() = Script::default();
    }

    fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap()
    }
}

fn io() -> StoreError {
    StoreError::Io("as it was told".into())
}

impl Faulty {
    async fn reading<T>(&self, fault: Fault, then: BoxFuture<'_, T>) -> Result<T, StoreError> {
        match fault {
            Fault::None => then.await,
            Fault::Fails | Fault::UnknownKept | Fault::UnknownLost => Err(io()),
            Fault::Hangs => std::future::pending().await,
            Fault::Waits => {
                self.gate.acquire().await.unwrap().forget();
                then.await
            }
        }
    }

    async fn writing(
        &self,
        then: impl FnOnce() -> BoxFuture<'static, (), CommitError> + Send,
    ) -> Result<(), CommitError> {
        let fault = self.script().commit();
        match fault {
            Fault::None => then().await,
            Fault::Fails => Err(io().into()),
            Fault::UnknownKept => {
                then().await?;
                Err(CommitError::Unknown("kept".into()))
            }
            Fault::UnknownLost => Err(CommitError::Unknown("lost".into())),
            Fault::Hangs => std::future::pending().await,
            Fault::Waits => {
                self.gate.acquire().await.unwrap().forget();
                then().await
            }
        }
    }
}

impl Store for Faulty {
    fn open(&self) -> BoxFuture<'_, ()> {
        self.memory.open()
    }

    fn renew(&self) -> BoxFuture<'_, bool> {
        let fault = self.script().owner();
        Box::pin(self.reading(fault, Box::pin(async { self.memory.renew().await })))
    }

    fn lease(&self) -> Option<Duration> {
        self.memory.lease()
    }

    fn judge(&self) -> BoxFuture<'_, bool> {
        self.memory.judge()
    }

    fn confirm<'a>(&'a self, session: &'a SessionId, version: Version) -> BoxFuture<'a, bool> {
        let fault = self.script().owner();
        Box::pin(
            self.reading(
                fault,
                Box::pin(async move { self.memory.confirm(session, version).await }),
            ),
        )
    }

    fn claim<'a>(&'a self, session: &'a SessionId) -> BoxFuture<'a, Option<StoredSession>> {
        self.memory.claim(session)
    }

    fn release<'a>(&'a self, session: &'a SessionId) -> BoxFuture<'a, ()> {
        self.memory.release(session)
    }

    fn leave(&self) -> BoxFuture<'_, ()> {
        self.memory.leave()
    }

    fn load<'a>(&'a self, session: &'a SessionId) -> BoxFuture<'a, Option<StoredSession>> {
        let fault = self.script().load();
        Box::pin(self.reading(fault, Box::pin(async { self.memory.load(session).await })))
    }

    fn commit(&self, commit: Commit) -> BoxFuture<'_, (), CommitError> {
        let memory = self.memory.clone();
        Box::pin(self.writing(move || Box::pin(async move { memory.commit(commit).await })))
    }

    fn read<'a>(
        &'a self,
        session: &'a SessionId,
        from: Seq,
        to: Seq,
        bytes: usize,
    ) -> BoxFuture<'a, Vec<Bytes>> {
        let fault = self.script().read();
        Box::pin(self.reading(
            fault,
            Box::pin(async move { self.memory.read(session, from, to, bytes).await }),
        ))
    }

    fn unfinished<'a>(
        &'a self,
        from: Option<&'a PageToken>,
        most: usize,
    ) -> BoxFuture<'a, SessionPage> {
        let fault = self.script().read();
        Box::pin(self.reading(fault, self.memory.unfinished(from, most)))
    }

    fn principal<'a>(&'a self, session: &'a SessionId) -> BoxFuture<'a, Option<String>> {
        let fault = self.script().read();
        Box::pin(self.reading(fault, self.memory.principal(session)))
    }

    fn sessions_of<'a>(
        &'a self,
        principal: &'a str,
        from: Option<&'a PageToken>,
        most: usize,
    ) -> BoxFuture<'a, SessionPage> {
        let fault = self.script().read();
        Box::pin(self.reading(fault, self.memory.sessions_of(principal, from, most)))
    }

    fn forget<'a>(&'a self, session: &'a SessionId) -> BoxFuture<'a, (), CommitError> {
        let (memory, session) = (self.memory.clone(), session.clone());
        Box::pin(self.writing(move || Box::pin(async move { memory.forget(&session).await })))
    }
}
