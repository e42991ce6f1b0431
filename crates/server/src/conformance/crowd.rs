//! Many at once.

use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use futures_util::future::join_all;

use super::check::{CheckResult, ensure};
use super::model::{SessionModel, owned};
use crate::store::{Commit, CommitError, SessionId, Store};
use outlive::ids::Seq;

type Handles<T> = Vec<tokio::task::JoinHandle<Result<T, String>>>;

async fn joined<T>(tasks: Handles<T>) -> Result<Vec<T>, String> {
    let mut results = Vec::new();
    for task in tasks {
        results.push(task.await.map_err(|error| error.to_string())??);
    }
    Ok(results)
}

/// Commits, and says whether it was kept.
async fn contend(store: &impl Store, commit: Commit) -> Result<Option<Commit>, String> {
    match store.commit(commit.clone()).await {
        Ok(()) => Ok(Some(commit)),
        Err(CommitError::Stale) => Ok(None),
        Err(error) => Err(error.to_string()),
    }
}

pub(super) async fn one_wins<S: Store>(reopen: &impl AsyncFn() -> S) -> CheckResult {
    let store = Arc::new(owned(reopen).await?);
    let mut model = SessionModel::new("contended")?;
    for round in 0..30 {
        let commits = (1..=8).map(|lines| model.next(lines));
        // Step by step in turns, or as many threads as there are.
        let answers = if round % 2 == 0 {
            let all = join_all(commits.map(|commit| contend(&*store, commit))).await;
            all.into_iter().collect::<Result<Vec<_>, _>>()?
        } else {
            let spawned = commits.map(|commit| {
                let store = Arc::clone(&store);
                tokio::spawn(async move { contend(&*store, commit).await })
            });
            joined(spawned.collect()).await?
        };
        let won: Vec<_> = answers.into_iter().flatten().collect();
        let (count, version) = (won.len(), model.version.0);
        let [won] = &won[..] else {
            return Err(format!("{count} of 8 commits that expect version {version} are kept"));
        };
        model.keep(won);
        model.holds(&*store).await?;
    }
    Ok(())
}

pub(super) async fn interleaved<S: Store>(reopen: &impl AsyncFn() -> S) -> CheckResult {
    let store = Arc::new(owned(reopen).await?);
    let mut names: Vec<String> = (0..24).map(|number| format!("s{number}")).collect();
    // Names that a careless store takes for one.
    names.extend(["S1", "s_1", "s-1", "s01", "s1-", "1", "01"].map(String::from));
    let mut tasks: Handles<SessionModel> = Vec::new();
    for (place, name) in names.into_iter().enumerate() {
        let store = Arc::clone(&store);
        let mut model = SessionModel::new(&name)?;
        tasks.push(tokio::spawn(async move {
            for step in 0..25 {
                let count = (place + step) % 4;
                let base = model.head().saturating_sub(20).max(model.base());
                model.commit(&*store, model.adding(model.fresh(count), base)).await?;
                if (place + step) % 5 == 0 {
                    model.holds(&*store).await?;
                }
            }
            Ok(model)
        }));
    }
    let models = joined(tasks).await?;
    drop(store);
    let store = owned(reopen).await?;
    for model in &models {
        model.holds(&store).await?;
    }
    Ok(())
}

pub(super) async fn refused_alone<S: Store>(reopen: &impl AsyncFn() -> S) -> CheckResult {
    let store = owned(reopen).await?;
    let mut models = Vec::new();
    for number in 0..20 {
        let mut model = SessionModel::new(&format!("mixed{number}"))?;
        model.add(&store, 1).await?;
        models.push(model);
    }
    for round in 0..10 {
        let mut commits = Vec::new();
        for (number, model) in models.iter().enumerate() {
            let mut commit = model.next(2);
            if number % 3 == round % 3 {
                commit.expect = commit.expect.next();
            }
            commits.push(commit);
        }
        let answers = join_all(commits.iter().map(|commit| store.commit(commit.clone()))).await;
        for ((model, commit), answer) in models.iter_mut().zip(&commits).zip(answers) {
            let right = commit.expect == model.version;
            let should = if right { Ok(()) } else { Err(CommitError::Stale) };
            let (id, version) = (&model.id, model.version.0);
            ensure!(
                answer == should,
                "{id} has version {version}: a commit that expects {} is answered {answer:?}",
                commit.expect.0
            );
            if right {
                model.keep(commit);
            }
        }
    }
    for model in &models {
        model.holds(&store).await?;
    }
    Ok(())
}

/// Looks at a session whose commits have so many lines each; returns its head.
async fn look(store: &impl Store, id: &SessionId, lines: u64, last: u64) -> Result<u64, String> {
    let stored = store.load(id).await.map_err(|error| error.to_string())?;
    let stored = stored.ok_or("the record is gone")?;
    let head = stored.snapshot.log.head.0;
    ensure!(head >= last, "the head goes back from {last} to {head}");
    let committed = stored.version.0 * lines;
    ensure!(head == committed, "version {} with head {head}", stored.version.0);
    let from = last.min(head - 1) + 1;
    let read = store.read(id, Seq(from), Seq(head), usize::MAX).await;
    let count = read.as_ref().map_or(0, Vec::len);
    ensure!(
        count as u64 == head - from + 1,
        "the record's head is {head}, and {from}..={head} is read as {:?} ({count} lines)",
        read.err()
    );
    Ok(head)
}

pub(super) async fn seen_together<S: Store>(reopen: &impl AsyncFn() -> S) -> CheckResult {
    const LINES: u64 = 5;
    const COMMITS: u64 = 100;
    let store = Arc::new(owned(reopen).await?);
    let mut model = SessionModel::new("watched")?;
    model.add(&*store, 5).await?;
    let mut tasks: Handles<()> = Vec::new();
    for _ in 0..2 {
        let (store, id) = (Arc::clone(&store), model.id.clone());
        tasks.push(tokio::spawn(async move {
            let mut last = 0;
            while last < COMMITS * LINES {
                last = look(&*store, &id, LINES, last).await?;
                tokio::task::yield_now().await;
            }
            Ok(())
        }));
    }
    for _ in 1..COMMITS {
        // A reader looks between any two steps of a commit.
        let commit = model.next(5);
        let mut begun = store.commit(commit.clone());
        let answer = loop {
            let polled = begun.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            if let Poll::Ready(answer) = polled {
                break answer;
            }
            look(&*store, &model.id, LINES, model.head()).await?;
            tokio::task::yield_now().await;
        };
        ensure!(answer == Ok(()), "a commit is answered {answer:?}");
        drop(begun);
        model.keep(&commit);
        let head = look(&*store, &model.id, LINES, model.head()).await?;
        ensure!(head == model.head(), "a commit was answered, and is not seen");
    }
    joined(tasks).await?;
    model.holds(&*store).await
}

pub(super) async fn dropped_is_decided<S: Store>(reopen: &impl AsyncFn() -> S) -> CheckResult {
    let store = owned(reopen).await?;
    let (mut model, mut other) = (SessionModel::new("dropped")?, SessionModel::new("other")?);
    model.add(&store, 1).await?;
    for round in 0..60 {
        let commit = model.next(1 + round % 3);
        {
            let mut begun = store.commit(commit.clone());
            let mut context = Context::from_waker(Waker::noop());
            for _ in 0..round % 5 {
                if begun.as_mut().poll(&mut context).is_ready() {
                    break;
                }
                tokio::task::yield_now().await;
            }
        }
        if round % 4 == 0 {
            other.add(&store, 1).await?;
        }
        // One of the two, and it stays so: the next commit finds out.
        let next = model.next(4);
        match store.commit(next.clone()).await {
            Ok(()) => model.keep(&next),
            Err(CommitError::Stale) => {
                model.keep(&commit);
                model.holds(&store).await?;
                model.add(&store, 2).await?;
            }
            Err(error) => return Err(format!("after a dropped commit: {error}")),
        }
        model.holds(&store).await?;
    }
    other.holds(&store).await?;
    drop(store);
    model.holds(&owned(reopen).await?).await
}
