//! A store that fails as planned.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;

use super::walk::Numbers;
use crate::store::{
    BoxFuture, Commit, CommitError, PageToken, SessionId, SessionPage, Store, StoreError,
    StoredSession,
};
use outlive::ids::Seq;

outlive::words! {
    /// What is asked of a store.
    Call as "snake_case" {
        Open = "Ownership is taken.",
        Load = "A record is read.",
        Commit = "A step is committed.",
        Read = "Entries are read.",
        Unfinished = "Sessions are listed.",
        Forget = "A session is forgotten.",
    }
}

/// What goes wrong with a call.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// It fails, and nothing was changed.
    Fails(StoreError),
    /// It is carried out, and the answer is lost: a commit is [`Unknown`](CommitError::Unknown). What
    /// cannot be unknown fails.
    Unknown,
    /// It is not carried out, and nobody knows: a commit is [`Unknown`](CommitError::Unknown). What
    /// cannot be unknown fails.
    UnknownAndLost,
    /// Begins only after this time, by tokio's clock.
    Late(Duration),
    /// It is carried out, and answered only after this time, by tokio's clock.
    LateAnswer(Duration),
    /// It is refused as [`Stale`](CommitError::Stale), as if there were another owner. What cannot be
    /// stale fails.
    Stale,
}

type Plan = dyn FnMut(Call, u64) -> Option<Fault> + Send;

/// A store around another one, in which calls go wrong as planned.
pub struct Faulty<S> {
    inner: S,
    state: Mutex<State>,
}

struct State {
    plan: Box<Plan>,
    /// How often each call was made.
    made: [u64; <Call as strum::EnumCount>::COUNT],
}

impl<S: fmt::Debug> fmt::Debug for Faulty<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Faulty").field("inner", &self.inner).finish_non_exhaustive()
    }
}

/// A plan in which one in `one_in` loads, reads and commits goes wrong, in ways and at times that the
/// seed decides. A call is late by at most `late`.
pub fn seeded(
    seed: u64,
    one_in: u64,
    late: Duration,
) -> impl FnMut(Call, u64) -> Option<Fault> + Send + 'static {
    let mut numbers = Numbers(seed);
    move |call, _| {
        let faulty = matches!(call, Call::Load | Call::Read | Call::Commit);
        if !faulty || numbers.below(one_in) != 0 {
            return None;
        }
        let most = u64::try_from(late.as_millis()).unwrap_or(u64::MAX);
        let time = Duration::from_millis(numbers.below(most.saturating_add(1)));
        Some(match numbers.below(6) {
            0 => Fault::Unknown,
            1 => Fault::UnknownAndLost,
            2 => Fault::Late(time),
            3 => Fault::LateAnswer(time),
            4 => Fault::Fails(StoreError::Full("planned".to_string())),
            _ => Fault::Fails(StoreError::Io("planned".to_string())),
        })
    }
}

impl<S> Faulty<S> {
    /// A store in which nothing goes wrong, until there is a [plan](Faulty::plan).
    pub fn new(inner: S) -> Faulty<S> {
        let state = State { plan: Box::new(|_, _| None), made: Default::default() };
        Faulty { inner, state: Mutex::new(state) }
    }

    /// From now on this plan decides: it is asked at each call, with how many of its kind were made
    /// before, and says what goes wrong, if anything.
    pub fn plan(&self, plan: impl FnMut(Call, u64) -> Option<Fault> + Send + 'static) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.plan = Box::new(plan);
    }

    /// From now on these faults happen to the next calls of this kind, one after the other; a call for
    /// which there is `None` goes well, as do all others.
    pub fn script(&self, call: Call, faults: impl IntoIterator<Item = Option<Fault>>) {
        let mut faults: Vec<_> = faults.into_iter().collect();
        faults.reverse();
        self.plan(move |made, _| if made == call { faults.pop().flatten() } else { None });
    }

    /// How many calls of this kind were made.
    pub fn made(&self, call: Call) -> u64 {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).made[call as usize]
    }

    /// The store around which this one is.
    pub const fn inner(&self) -> &S {
        &self.inner
    }

    fn fault(&self, call: Call) -> Option<Fault> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let made = state.made[call as usize];
        state.made[call as usize] += 1;
        (state.plan)(call, made)
    }
}

fn lost() -> StoreError {
    StoreError::Io("planned: the answer is lost".to_string())
}

/// What cannot be unknown or stale.
fn plainly<'a, T: Send + 'a>(
    fault: Option<Fault>,
    ask: impl FnOnce() -> BoxFuture<'a, T> + Send + 'a,
) -> BoxFuture<'a, T> {
    let Some(fault) = fault else { return ask() };
    Box::pin(async move {
        match fault {
            Fault::Fails(error) => Err(error),
            Fault::Unknown => ask().await.and(Err(lost())),
            Fault::UnknownAndLost | Fault::Stale => Err(lost()),
            Fault::Late(time) => {
                tokio::time::sleep(time).await;
                ask().await
            }
            Fault::LateAnswer(time) => {
                let answer = ask().await;
                tokio::time::sleep(time).await;
                answer
            }
        }
    })
}

/// What changes something.
fn changing<'a>(
    fault: Option<Fault>,
    act: impl FnOnce() -> BoxFuture<'a, (), CommitError> + Send + 'a,
) -> BoxFuture<'a, (), CommitError> {
    let Some(fault) = fault else { return act() };
    let unknown = || CommitError::Unknown("planned: the answer is lost".to_string());
    Box::pin(async move {
        match fault {
            Fault::Fails(error) => Err(CommitError::Failed(error)),
            Fault::Unknown => act().await.and(Err(unknown())),
            Fault::UnknownAndLost => Err(unknown()),
            Fault::Stale => Err(CommitError::Stale),
            Fault::Late(time) => {
                tokio::time::sleep(time).await;
                act().await
            }
            Fault::LateAnswer(time) => {
                let answer = act().await;
                tokio::time::sleep(time).await;
                answer
            }
        }
    })
}

impl<S: Store> Store for Faulty<S> {
    fn open(&self) -> BoxFuture<'_, ()> {
        plainly(self.fault(Call::Open), || self.inner.open())
    }

    /// As the store within says: no fault is played.
    fn is_owner(&self) -> BoxFuture<'_, bool> {
        self.inner.is_owner()
    }

    fn load<'a>(&'a self, session: &'a SessionId) -> BoxFuture<'a, Option<StoredSession>> {
        plainly(self.fault(Call::Load), || self.inner.load(session))
    }

    fn commit(&self, commit: Commit) -> BoxFuture<'_, (), CommitError> {
        changing(self.fault(Call::Commit), || self.inner.commit(commit))
    }

    fn read<'a>(
        &'a self,
        session: &'a SessionId,
        from: Seq,
        to: Seq,
        bytes: usize,
    ) -> BoxFuture<'a, Vec<Bytes>> {
        plainly(self.fault(Call::Read), move || self.inner.read(session, from, to, bytes))
    }

    fn unfinished<'a>(
        &'a self,
        from: Option<&'a PageToken>,
        most: usize,
    ) -> BoxFuture<'a, SessionPage> {
        plainly(self.fault(Call::Unfinished), move || self.inner.unfinished(from, most))
    }

    fn forget<'a>(&'a self, session: &'a SessionId) -> BoxFuture<'a, (), CommitError> {
        changing(self.fault(Call::Forget), || self.inner.forget(session))
    }
}
