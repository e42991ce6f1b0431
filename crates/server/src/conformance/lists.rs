//! What a new owner asks for: the sessions that have not ended.

use std::collections::BTreeSet;
use std::task::{Context, Poll, Waker};

use futures_util::future::join_all;

use super::check::{CheckResult, ensure};
use super::model::{SessionModel, owned};
use crate::store::{PageToken, SessionId, SessionPage, Store};
use outlive::State;

/// More than a hub asks for at once.
const MANY: usize = 1_500;

pub(super) async fn unfinished_pages<S: Store>(reopen: &impl AsyncFn() -> S) -> CheckResult {
    let store = owned(reopen).await?;
    listed(&store, &BTreeSet::new()).await?;
    let mut models = Vec::new();
    // In the order of their bytes these stand apart from their order in a dictionary, or as numbers.
    for name in ["b", "B", "a", "A", "_", "-", "Z", "z", "10", "9", "aa", "a-", "a_", "a0", "s_00"]
    {
        models.push(SessionModel::new(name)?);
    }
    for (place, model) in models.iter_mut().enumerate() {
        // CREATED is unfinished as well.
        model.add(&store, usize::from(place % 4 != 0)).await?;
    }
    let mut open: BTreeSet<SessionId> = models.iter().map(|model| model.id.clone()).collect();
    listed(&store, &open).await?;
    for model in models.iter_mut().step_by(3) {
        let mut commit = model.next(1);
        commit.snapshot.state = State::Ended;
        model.commit(&store, commit).await?;
        open.remove(&model.id);
    }
    listed(&store, &open).await?;
    // One is reopened, one forgotten.
    let mut reopened = models[3].next(1);
    reopened.snapshot.state = State::Suspended;
    models[3].commit(&store, reopened).await?;
    open.insert(models[3].id.clone());
    store.forget(&models[1].id).await.map_err(|error| format!("not forgotten: {error}"))?;
    open.remove(&models[1].id);
    listed(&store, &open).await?;
    drop(store);
    let store = owned(reopen).await?;
    listed(&store, &open).await?;
    for model in models.iter().filter(|model| open.contains(&model.id)) {
        model.recorded(&store).await?;
    }
    while_it_changes(&store, models, open).await
}

pub(super) async fn unfinished_many<S: Store>(reopen: &impl AsyncFn() -> S) -> CheckResult {
    let store = owned(reopen).await?;
    let mut open = BTreeSet::new();
    let mut commits = Vec::new();
    for number in 0..MANY {
        let model = SessionModel::new(&format!("many_{number}"))?;
        let mut commit = model.next(1);
        // A third of them, side by side: more than some pages have.
        if (number / 100) % 3 == 1 {
            commit.snapshot.state = State::Ended;
        } else {
            open.insert(model.id);
        }
        commits.push(store.commit(commit));
    }
    for answer in join_all(commits).await {
        answer.map_err(|error| format!("one of {MANY} new sessions is not committed: {error}"))?;
    }
    for most in [50, 999, 1_000] {
        let found = walk(&store, most, open.len(), async |_| Ok(())).await?;
        each_once(&found, &open, &format!("in pages of {most}"))?;
    }
    Ok(())
}

/// The store lists these, with pages of every size.
async fn listed(store: &impl Store, should: &BTreeSet<SessionId>) -> CheckResult {
    for most in [1, 2, 3, should.len().max(1), 1000] {
        let found = walk(store, most, should.len(), async |_| Ok(())).await?;
        each_once(&found, should, &format!("in pages of {most}"))?;
    }
    Ok(())
}

/// Between two pages the last session of a page is forgotten, and the others are committed: all that are
/// still to come, come.
async fn while_it_changes(
    store: &impl Store,
    mut models: Vec<SessionModel>,
    should: BTreeSet<SessionId>,
) -> CheckResult {
    let found = walk(store, 3, should.len(), async |page| {
        let Some((last, others)) = page.split_last() else { return Ok(()) };
        for model in models.iter_mut().filter(|model| others.contains(&model.id)) {
            model.add(store, 1).await?;
        }
        store.forget(last).await.map_err(|error| format!("not forgotten: {error}"))
    });
    each_once(&found.await?, &should, "in pages of 3, each committed and its last one forgotten")
}

/// All pages, and what is done behind each.
async fn walk(
    store: &impl Store,
    most: usize,
    sessions: usize,
    mut behind: impl AsyncFnMut(&[SessionId]) -> CheckResult,
) -> Result<Vec<SessionId>, String> {
    let (mut found, mut from) = (Vec::new(), None);
    // A page may be empty, but not for ever.
    let pages = 100 + 10 * sessions;
    for _ in 0..pages {
        let page = page(store, from.as_ref(), most).await?;
        behind(&page.sessions).await?;
        found.extend(page.sessions);
        from = page.next;
        if from.is_none() {
            return Ok(found);
        }
    }
    Err(format!("{sessions} sessions, and after {pages} pages of {most} there is still a next one"))
}

/// A page. It is asked for reopen: an answer may be lost, and a future dropped.
async fn page(
    store: &impl Store,
    from: Option<&PageToken>,
    most: usize,
) -> Result<SessionPage, String> {
    let mut page = SessionPage::default();
    for round in 1..=2 {
        let asked = store.unfinished(from, most).await;
        let told = |error| format!("not listed from {from:?} on, asked {round} times: {error}");
        page = asked.map_err(told)?;
        let mut begun = store.unfinished(from, most);
        let _: Poll<_> = begun.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    }
    ensure!(page.sessions.len() <= most, "a page of {most} has {}", page.sessions.len());
    Ok(page)
}

fn each_once(found: &[SessionId], should: &BTreeSet<SessionId>, how: &str) -> CheckResult {
    let mut seen = BTreeSet::new();
    let twice = found.iter().filter(|id| !seen.insert(*id)).collect::<Vec<_>>();
    let missing = should.iter().filter(|id| !seen.contains(id)).collect::<Vec<_>>();
    let wrong = seen.iter().filter(|id| !should.contains(*id)).copied().collect::<Vec<_>>();
    ensure!(
        twice.is_empty() && missing.is_empty() && wrong.is_empty(),
        "{} sessions are listed {how}, and not the {} that have not ended: missing {}; twice {}; ended or forgotten {}",
        found.len(),
        should.len(),
        some(&missing),
        some(&twice),
        some(&wrong)
    );
    Ok(())
}

/// The first of them.
fn some(ids: &[&SessionId]) -> String {
    const FIRST: usize = 5;
    if ids.is_empty() {
        return "none".into();
    }
    let first = ids.iter().take(FIRST).map(|id| id.as_str()).collect::<Vec<_>>().join(", ");
    match ids.len().saturating_sub(FIRST) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}
