//! One session, one owner: records, versions, and what is forgotten.

use super::check::{CheckResult, ensure};
use super::model::{SessionModel, owned};
use crate::store::{CommitError, Store, StoreError, Version};
use outlive::State;
use outlive::ids::Seq;

pub(super) async fn kept_is_read<S: Store>(reopen: &impl AsyncFn() -> S) -> CheckResult {
    let store = owned(reopen).await?;
    let mut model = SessionModel::new("kept")?;
    model.recorded(&store).await?;
    // The first commit has no lines, as that of a session that was created.
    for count in [0, 1, 3, 0, 1, 1, 7, 100, 0, 2] {
        model.add(&store, count).await?;
        model.holds(&store).await?;
    }
    let mut ended = model.next(1);
    ended.snapshot.state = State::Ended;
    model.commit(&store, ended).await?;
    model.holds(&store).await?;
    // A first commit may have lines.
    let mut at_once = SessionModel::new("at_once")?;
    at_once.add(&store, 2).await?;
    at_once.holds(&store).await
}

pub(super) async fn versions_agree<S: Store>(reopen: &impl AsyncFn() -> S) -> CheckResult {
    let store = owned(reopen).await?;
    let mut model = SessionModel::new("versions")?;
    // Nothing is there: only the first version can be made.
    let mut early = model.next(1);
    early.expect = Version(1);
    model.stale(&store, early).await?;
    model.recorded(&store).await?;
    for _ in 0..4 {
        model.add(&store, 2).await?;
        let now = model.version.0;
        for other in (0..now).chain([now + 1, now + 2, u64::MAX >> 1]) {
            let mut commit = model.next(2);
            commit.expect = Version(other);
            model.stale(&store, commit).await?;
            model.holds(&store).await?;
        }
    }
    model.add(&store, 1).await?;
    model.holds(&store).await
}

pub(super) async fn forgotten<S: Store>(reopen: &impl AsyncFn() -> S) -> CheckResult {
    let store = owned(reopen).await?;
    let (mut model, mut other) =
        (SessionModel::new("forget_me")?, SessionModel::new("forget_me_not")?);
    for count in [1, 2, 40, 3] {
        model.add(&store, count).await?;
        other.add(&store, count).await?;
    }
    for _ in 0..2 {
        // The second time there is none, which is no error.
        let done = store.forget(&model.id).await;
        ensure!(done == Ok(()), "forgetting {} is answered {done:?}", model.id);
        gone(&store, &model).await?;
    }
    let next = model.next(1);
    let mut model = model.reborn()?;
    // What was on its way to the one of before does not make it again.
    model.stale(&store, next).await?;
    gone(&store, &model).await?;
    for count in [0, 1, 5] {
        model.add(&store, count).await?;
        model.holds(&store).await?;
        model.reads(&store, 1, model.head() + 1).await?;
    }
    other.holds(&store).await?;
    drop(store);
    let store = owned(reopen).await?;
    model.holds(&store).await?;
    other.holds(&store).await
}

async fn gone(store: &impl Store, model: &SessionModel) -> CheckResult {
    let id = &model.id;
    let found = store.load(id).await.map_err(|error| format!("{id} is not read: {error}"))?;
    ensure!(found.is_none(), "{id} was forgotten, and is there");
    let read = store.read(id, Seq(1), Seq(1), usize::MAX).await;
    ensure!(read == Err(StoreError::Trimmed), "{id} was forgotten, and its log is read: {read:?}");
    let open = store.unfinished(None, 100).await.map_err(|error| format!("not listed: {error}"))?;
    ensure!(!open.sessions.contains(id), "{id} was forgotten, and is listed");
    Ok(())
}

/// Only a store that says so now and then is really asked: one that speaks to its database over connections that
/// break, or [one around it](super::FaultyStore).
pub(super) async fn unknown_is_settled<S: Store>(reopen: &impl AsyncFn() -> S) -> CheckResult {
    let store = owned(reopen).await?;
    let mut model = SessionModel::new("unknown")?;
    for round in 0..60 {
        let commit = model.next(1 + round % 3);
        match store.commit(commit.clone()).await {
            Ok(()) => model.keep(&commit),
            Err(CommitError::Failed(_)) => {}
            Err(CommitError::Unknown(_)) => {
                if settled(&store, &model).await? == commit.expect.next() {
                    model.keep(&commit);
                }
            }
            Err(CommitError::Stale) => {
                let (id, version) = (&model.id, model.version.0);
                return Err(format!(
                    "{id} had version {version}, and has another: a commit came in later"
                ));
            }
        }
        model.holds(&store).await?;
    }
    drop(store);
    model.holds(&owned(reopen).await?).await
}

/// The version that the store has, however often it takes.
async fn settled<S: Store>(store: &S, model: &SessionModel) -> Result<Version, String> {
    let mut last = String::new();
    for _ in 0..100 {
        match store.load(&model.id).await {
            Ok(stored) => return Ok(stored.map_or(Version::NONE, |stored| stored.version)),
            Err(error) => last = error.to_string(),
        }
        tokio::task::yield_now().await;
    }
    Err(format!("{} is not read after a commit of unknown result: {last}", model.id))
}
