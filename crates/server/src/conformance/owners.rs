//! Several owners, one after the other.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::check::{CheckResult, ensure};
use super::model::{SessionModel, acquired, owned};
use crate::store::{CommitError, Store};

pub(super) async fn owner_first<S: Store>(reopen: &impl AsyncFn() -> S) -> CheckResult {
    let model = SessionModel::new("nobodys")?;
    let store = reopen().await;
    model.stale(&store, model.next(1)).await?;
    model.recorded(&store).await?;
    let forgot = store.forget(&model.id).await;
    ensure!(forgot == Err(CommitError::Stale), "who does not own it forgets: {forgot:?}");
    Ok(())
}

pub(super) async fn newest_owns<S: Store>(reopen: &impl AsyncFn() -> S) -> CheckResult {
    let first = owned(reopen).await?;
    let (mut model, mut other) = (SessionModel::new("handed_on")?, SessionModel::new("new")?);
    model.add(&first, 3).await?;
    let second = reopen().await;
    // It is there, but has taken nothing yet.
    model.add(&first, 1).await?;
    second.open().await.map_err(|error| format!("it cannot be opened: {error}"))?;
    model.holds(&second).await?;
    let owner = second.renew().await;
    ensure!(owner == Ok(true), "the newest one says that it is not the owner: {owner:?}");
    for _ in 0..2 {
        // The version would be right, and still.
        model.stale(&first, model.next(2)).await?;
        other.stale(&first, other.next(1)).await?;
        let forgot = first.forget(&model.id).await;
        ensure!(forgot == Err(CommitError::Stale), "who was fenced forgets: {forgot:?}");
        model.holds(&second).await?;
        other.recorded(&second).await?;
        model.add(&second, 2).await?;
    }
    other.add(&second, 1).await?;
    // The first one takes it back.
    first.open().await.map_err(|error| format!("it cannot be opened reopen: {error}"))?;
    model.stale(&second, model.next(1)).await?;
    model.holds(&first).await?;
    model.add(&first, 1).await?;
    model.holds(&first).await?;
    model.holds(&second).await
}

/// An owner that commits to many sessions while another one takes the store: what was on its way is in
/// before the new owner has it, or never comes in.
pub(super) async fn fenced_at_once<S: Store>(reopen: &impl AsyncFn() -> S) -> CheckResult {
    const SESSIONS: usize = 16;
    for round in 0..6 {
        let first = Arc::new(owned(reopen).await?);
        let second = reopen().await;
        let taken = Arc::new(AtomicBool::new(false));
        let (all, mut started) = tokio::sync::mpsc::channel::<()>(SESSIONS);
        let mut busy = Vec::new();
        for number in 0..SESSIONS {
            let mut model = SessionModel::new(&format!("busy-{round}-{number}"))?;
            let (first, taken, all) = (Arc::clone(&first), Arc::clone(&taken), all.clone());
            busy.push(tokio::spawn(async move {
                let (mut said, mut late) = (Some(all), 0);
                loop {
                    let commit = model.next(1);
                    match first.commit(commit.clone()).await {
                        Ok(()) => model.keep(&commit),
                        Err(CommitError::Stale) => return Ok(model),
                        Err(error) => return Err(error.to_string()),
                    }
                    said.take();
                    late += u32::from(taken.load(Ordering::Acquire));
                    if late > 20 {
                        return Err("an owner of before commits on and on".to_string());
                    }
                    tokio::task::yield_now().await;
                }
            }));
        }
        drop(all);
        // Until every session was committed once.
        let _ = started.recv().await;
        second.open().await.map_err(|error| format!("it cannot be opened: {error}"))?;
        taken.store(true, Ordering::Release);
        let mut seen = Vec::new();
        for number in 0..SESSIONS {
            let id = super::model::name(&format!("busy-{round}-{number}"))?;
            let stored = acquired(&second, &id).await?;
            seen.push(stored.map(|stored| stored.version));
        }
        for (busy, seen) in busy.into_iter().zip(seen) {
            let model = busy.await.map_err(|error| error.to_string())??;
            let (id, last) = (&model.id, model.version);
            ensure!(
                seen == Some(last),
                "{id}: the new owner saw {seen:?}, and the old one was told that {last:?} is kept"
            );
            model.holds(&second).await?;
        }
    }
    Ok(())
}

pub(super) async fn reopened_as_it_was<S: Store>(reopen: &impl AsyncFn() -> S) -> CheckResult {
    let mut models = Vec::new();
    for name in ["a", "b", "C"] {
        models.push(SessionModel::new(name)?);
    }
    for round in 0..5_u64 {
        let store = owned(reopen).await?;
        for model in &mut models {
            model.holds(&store).await?;
            for count in [1, 4] {
                let base = model.base() + round % 2;
                model.commit(&store, model.adding(model.fresh(count), base)).await?;
            }
        }
        // What is refused last is not there when it is opened again.
        for model in &models {
            let mut commit = model.next(1);
            commit.expect = commit.expect.next();
            model.stale(&store, commit).await?;
        }
    }
    let store = owned(reopen).await?;
    for model in &models {
        model.holds(&store).await?;
    }
    Ok(())
}
