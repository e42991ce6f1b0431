//! A store that fails as planned.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;

use super::rng::Rng;
use crate::store::{
    BoxFuture, Commit, CommitError, PageToken, SessionId, SessionPage, Store, StoreError,
    StoredSession, Version,
};
use outlive::ids::Seq;

outlive::vocabulary! {
    /// A method of a store.
    StoreCall as "snake_case" {
        Open = "Ownership is taken.",
        Load = "A record is read.",
        Commit = "A step is committed.",
        Read = "Entries are read.",
        Unfinished = "Sessions are listed.",
        Principal = "The principal of a session is read.",
        SessionsOf = "The sessions of a principal are listed.",
        Forget = "A session is forgotten.",
    }
}

/// How a call fails.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreFault {
    /// The call fails, and nothing was changed.
    Fails(StoreError),
    /// The call is carried out, and its result is lost: a commit is [`Unknown`](CommitError::Unknown), a read
    /// fails.
    Unknown,
    /// The call is not carried out, and the caller cannot know: a commit is [`Unknown`](CommitError::Unknown), a
    /// read fails.
    UnknownAndLost,
    /// A commit is [`Unknown`](CommitError::Unknown), and comes in only after the next [`load`](Store::load) of its
    /// session has been answered: what no store may do, for a load settles what is unknown. Any other call fails as
    /// with [`UnknownAndLost`](StoreFault::UnknownAndLost).
    UnknownAndUnsettled,
    /// The call begins only after this time, by tokio's clock.
    Late(Duration),
    /// The call is carried out, and returns only after this time, by tokio's clock.
    LateAnswer(Duration),
    /// A commit is refused as [`Stale`](CommitError::Stale), as if there were another owner; a read fails.
    Stale,
}

type Plan = dyn FnMut(StoreCall, u64) -> Option<StoreFault> + Send;

/// A store around another one, in which calls fail as planned.
pub struct FaultyStore<S> {
    inner: S,
    state: Mutex<FaultState>,
}

struct FaultState {
    plan: Box<Plan>,
    /// How often each call was made.
    made: [u64; <StoreCall as strum::EnumCount>::COUNT],
    /// Commits that are still on their way.
    unsettled: Vec<Commit>,
}

impl<S: fmt::Debug> fmt::Debug for FaultyStore<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FaultyStore").field("inner", &self.inner).finish_non_exhaustive()
    }
}

/// A plan in which one in `one_in` loads, reads and commits fails, in ways and at times that the seed decides. A
/// call is late by at most `late`.
pub fn seeded_faults(
    seed: u64,
    one_in: u64,
    late: Duration,
) -> impl FnMut(StoreCall, u64) -> Option<StoreFault> + Send + 'static {
    let mut rng = Rng(seed);
    move |call, _| {
        let faulty = matches!(call, StoreCall::Load | StoreCall::Read | StoreCall::Commit);
        if !faulty || rng.below(one_in) != 0 {
            return None;
        }
        let most = u64::try_from(late.as_millis()).unwrap_or(u64::MAX);
        let time = Duration::from_millis(rng.below(most.saturating_add(1)));
        Some(match rng.below(6) {
            0 => StoreFault::Unknown,
            1 => StoreFault::UnknownAndLost,
            2 => StoreFault::Late(time),
            3 => StoreFault::LateAnswer(time),
            4 => StoreFault::Fails(StoreError::Full("planned".into())),
            _ => StoreFault::Fails(StoreError::Io("planned".into())),
        })
    }
}

impl<S> FaultyStore<S> {
    /// A store in which no call fails, until there is a [plan](FaultyStore::plan).
    pub fn new(inner: S) -> FaultyStore<S> {
        let (plan, made, unsettled) = (Box::new(|_, _| None), Default::default(), Vec::new());
        let state = FaultState { plan, made, unsettled };
        FaultyStore { inner, state: Mutex::new(state) }
    }

    /// From now on this plan decides: it is called with each call, and the number of earlier calls of its kind, and
    /// returns how the call fails, if it does.
    pub fn plan(&self, plan: impl FnMut(StoreCall, u64) -> Option<StoreFault> + Send + 'static) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.plan = Box::new(plan);
    }

    /// From now on the next calls of this kind have these faults, one after the other; with `None` a call succeeds,
    /// and so do all others.
    pub fn script(&self, call: StoreCall, faults: impl IntoIterator<Item = Option<StoreFault>>) {
        let mut faults: Vec<_> = faults.into_iter().collect();
        faults.reverse();
        self.plan(move |made, _| if made == call { faults.pop().flatten() } else { None });
    }

    /// The number of calls of this kind so far.
    pub fn call_count(&self, call: StoreCall) -> u64 {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).made[call as usize]
    }

    /// The inner store.
    pub const fn inner(&self) -> &S {
        &self.inner
    }

    fn fault(&self, call: StoreCall) -> Option<StoreFault> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let made = state.made[call as usize];
        state.made[call as usize] += 1;
        (state.plan)(call, made)
    }

    /// The commits of a session that are still on their way.
    fn take_unsettled(&self, session: &SessionId) -> Vec<Commit> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (out, kept) = std::mem::take(&mut state.unsettled)
            .into_iter()
            .partition(|commit| commit.session == *session);
        state.unsettled = kept;
        out
    }
}

fn lost() -> StoreError {
    StoreError::Io("planned: the answer is lost".into())
}

/// A call that cannot be unknown or stale.
fn plainly<'a, T: Send + 'a>(
    fault: Option<StoreFault>,
    ask: impl FnOnce() -> BoxFuture<'a, T> + Send + 'a,
) -> BoxFuture<'a, T> {
    let Some(fault) = fault else { return ask() };
    Box::pin(async move {
        match fault {
            StoreFault::Fails(error) => Err(error),
            StoreFault::Unknown => ask().await.and(Err(lost())),
            StoreFault::UnknownAndLost | StoreFault::UnknownAndUnsettled | StoreFault::Stale => {
                Err(lost())
            }
            StoreFault::Late(time) => {
                tokio::time::sleep(time).await;
                ask().await
            }
            StoreFault::LateAnswer(time) => {
                let answer = ask().await;
                tokio::time::sleep(time).await;
                answer
            }
        }
    })
}

/// A call that changes something.
fn changing<'a>(
    fault: Option<StoreFault>,
    act: impl FnOnce() -> BoxFuture<'a, (), CommitError> + Send + 'a,
) -> BoxFuture<'a, (), CommitError> {
    let Some(fault) = fault else { return act() };
    let unknown = || CommitError::Unknown("planned: the answer is lost".into());
    Box::pin(async move {
        match fault {
            StoreFault::Fails(error) => Err(CommitError::Failed(error)),
            StoreFault::Unknown => act().await.and(Err(unknown())),
            StoreFault::UnknownAndLost | StoreFault::UnknownAndUnsettled => Err(unknown()),
            StoreFault::Stale => Err(CommitError::Stale),
            StoreFault::Late(time) => {
                tokio::time::sleep(time).await;
                act().await
            }
            StoreFault::LateAnswer(time) => {
                let answer = act().await;
                tokio::time::sleep(time).await;
                answer
            }
        }
    })
}

impl<S: Store> Store for FaultyStore<S> {
    fn open(&self) -> BoxFuture<'_, ()> {
        plainly(self.fault(StoreCall::Open), || self.inner.open())
    }

    fn lease(&self) -> Option<Duration> {
        self.inner.lease()
    }

    /// As the inner store, like all calls about nodes: they never fail as planned.
    fn renew(&self) -> BoxFuture<'_, bool> {
        self.inner.renew()
    }

    fn judge(&self) -> BoxFuture<'_, bool> {
        self.inner.judge()
    }

    fn confirm<'a>(&'a self, session: &'a SessionId, version: Version) -> BoxFuture<'a, bool> {
        self.inner.confirm(session, version)
    }

    fn claim<'a>(&'a self, session: &'a SessionId) -> BoxFuture<'a, Option<StoredSession>> {
        self.inner.claim(session)
    }

    fn release<'a>(&'a self, session: &'a SessionId) -> BoxFuture<'a, ()> {
        self.inner.release(session)
    }

    fn leave(&self) -> BoxFuture<'_, ()> {
        self.inner.leave()
    }

    fn load<'a>(&'a self, session: &'a SessionId) -> BoxFuture<'a, Option<StoredSession>> {
        let loaded = plainly(self.fault(StoreCall::Load), || self.inner.load(session));
        let late = self.take_unsettled(session);
        if late.is_empty() {
            return loaded;
        }
        Box::pin(async move {
            let loaded = loaded.await;
            for commit in late {
                // If the record is another by now, it comes too late.
                let _ = self.inner.commit(commit).await;
            }
            loaded
        })
    }

    fn commit(&self, commit: Commit) -> BoxFuture<'_, (), CommitError> {
        let fault = self.fault(StoreCall::Commit);
        if fault == Some(StoreFault::UnknownAndUnsettled) {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.unsettled.push(commit.clone());
        }
        changing(fault, || self.inner.commit(commit))
    }

    fn read<'a>(
        &'a self,
        session: &'a SessionId,
        from: Seq,
        to: Seq,
        bytes: usize,
    ) -> BoxFuture<'a, Vec<Bytes>> {
        plainly(self.fault(StoreCall::Read), move || self.inner.read(session, from, to, bytes))
    }

    fn unfinished<'a>(
        &'a self,
        from: Option<&'a PageToken>,
        most: usize,
    ) -> BoxFuture<'a, SessionPage> {
        plainly(self.fault(StoreCall::Unfinished), move || self.inner.unfinished(from, most))
    }

    fn principal<'a>(&'a self, session: &'a SessionId) -> BoxFuture<'a, Option<String>> {
        plainly(self.fault(StoreCall::Principal), || self.inner.principal(session))
    }

    fn sessions_of<'a>(
        &'a self,
        principal: &'a str,
        from: Option<&'a PageToken>,
        most: usize,
    ) -> BoxFuture<'a, SessionPage> {
        plainly(self.fault(StoreCall::SessionsOf), move || {
            self.inner.sessions_of(principal, from, most)
        })
    }

    fn forget<'a>(&'a self, session: &'a SessionId) -> BoxFuture<'a, (), CommitError> {
        changing(self.fault(StoreCall::Forget), || self.inner.forget(session))
    }
}
