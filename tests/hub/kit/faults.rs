//! A store that fails when it is told to.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use outlive::ids::Seq;
use outlive::store::{Answer, Commit, CommitError, Memory, SessionId, Store, StoreError, Stored};

/// What a store does instead of what it is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// As it is asked.
    None,
    /// Not done, and says so.
    Fails,
    /// A commit that was kept, and does not say so.
    UnknownKept,
    /// A commit that was not kept, and does not say so.
    UnknownLost,
    /// Does not answer.
    Hangs,
}

/// Draws the faults.
pub(crate) trait Dice: Send + 'static {
    fn commit(&mut self) -> Fault;
    fn read(&mut self) -> Fault;
}

/// The next faults, as they are said.
#[derive(Debug, Default)]
pub(crate) struct Script {
    commits: VecDeque<Fault>,
    reads: VecDeque<Fault>,
}

impl Dice for Script {
    fn commit(&mut self) -> Fault {
        self.commits.pop_front().unwrap_or(Fault::None)
    }

    fn read(&mut self) -> Fault {
        self.reads.pop_front().unwrap_or(Fault::None)
    }
}

pub(crate) struct Faulty<D = Script> {
    pub(crate) memory: Memory,
    pub(crate) dice: Arc<Mutex<D>>,
}

impl<D> Clone for Faulty<D> {
    fn clone(&self) -> Faulty<D> {
        Faulty { memory: self.memory.clone(), dice: Arc::clone(&self.dice) }
    }
}

impl Faulty<Script> {
    pub(crate) fn new(memory: Memory) -> Faulty<Script> {
        Faulty { memory, dice: Arc::default() }
    }

    pub(crate) fn commits(&self, faults: impl IntoIterator<Item = Fault>) {
        self.dice.lock().unwrap().commits.extend(faults);
    }

    pub(crate) fn reads(&self, faults: impl IntoIterator<Item = Fault>) {
        self.dice.lock().unwrap().reads.extend(faults);
    }

    /// Whether every commit that was to fail has been asked for.
    pub(crate) fn has_failed(&self) -> bool {
        self.dice.lock().unwrap().commits.is_empty()
    }

    /// From here on as it is asked.
    pub(crate) fn heals(&self) {
        *self.dice.lock().unwrap() = Script::default();
    }
}

fn io() -> StoreError {
    StoreError::Io("as it was told".into())
}

impl<D: Dice> Faulty<D> {
    async fn reading<T>(&self, then: Answer<'_, T>) -> Result<T, StoreError> {
        let fault = self.dice.lock().unwrap().read();
        match fault {
            Fault::None => then.await,
            Fault::Fails | Fault::UnknownKept | Fault::UnknownLost => Err(io()),
            Fault::Hangs => std::future::pending().await,
        }
    }

    async fn writing(
        &self,
        then: impl FnOnce() -> Answer<'static, (), CommitError> + Send,
    ) -> Result<(), CommitError> {
        let fault = self.dice.lock().unwrap().commit();
        match fault {
            Fault::None => then().await,
            Fault::Fails => Err(io().into()),
            Fault::UnknownKept => {
                then().await?;
                Err(CommitError::Unknown("kept".into()))
            }
            Fault::UnknownLost => Err(CommitError::Unknown("lost".into())),
            Fault::Hangs => std::future::pending().await,
        }
    }
}

impl<D: Dice> Store for Faulty<D> {
    fn open(&self) -> Answer<'_, ()> {
        self.memory.open()
    }

    fn is_owner(&self) -> Answer<'_, bool> {
        self.memory.is_owner()
    }

    fn load<'a>(&'a self, session: &'a SessionId) -> Answer<'a, Option<Stored>> {
        Box::pin(self.reading(Box::pin(async { self.memory.load(session).await })))
    }

    fn commit(&self, commit: Commit) -> Answer<'_, (), CommitError> {
        let memory = self.memory.clone();
        Box::pin(self.writing(move || Box::pin(async move { memory.commit(commit).await })))
    }

    fn read<'a>(&'a self, session: &'a SessionId, from: Seq, to: Seq) -> Answer<'a, Vec<Bytes>> {
        Box::pin(self.reading(Box::pin(async move { self.memory.read(session, from, to).await })))
    }

    fn unfinished<'a>(
        &'a self,
        after: Option<&'a SessionId>,
        most: usize,
    ) -> Answer<'a, Vec<SessionId>> {
        Box::pin(self.reading(self.memory.unfinished(after, most)))
    }

    fn forget<'a>(&'a self, session: &'a SessionId) -> Answer<'a, (), CommitError> {
        let (memory, session) = (self.memory.clone(), session.clone());
        Box::pin(self.writing(move || Box::pin(async move { memory.forget(&session).await })))
    }
}
