//! What a new owner asks for: the sessions that have not ended.

use std::collections::BTreeSet;
use std::format;
use std::vec::Vec;

use super::model::{Model, owned};
use super::{Verdict, ensure};
use crate::store::{SessionId, Store};
use crate::words::State;

pub(super) async fn unfinished_pages<S: Store>(again: &impl AsyncFn() -> S) -> Verdict {
    let store = owned(again).await?;
    listed(&store, &BTreeSet::new()).await?;
    let mut models = Vec::new();
    // In the order of their bytes these stand apart from their order in a dictionary, or as numbers.
    for name in ["b", "B", "a", "A", "_", "-", "Z", "z", "10", "9", "aa", "a-", "a_", "a0", "s_00"]
    {
        models.push(Model::new(name)?);
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
    listed(&owned(again).await?, &open).await
}

/// The store lists these, with pages of every size, and from every place.
async fn listed(store: &impl Store, should: &BTreeSet<SessionId>) -> Verdict {
    for most in [1, 2, 3, should.len().max(1), 1000] {
        let mut found: Vec<SessionId> = Vec::new();
        loop {
            let page = page(store, found.last(), most).await?;
            ensure!(page.len() <= most, "a page of {most} has {}", page.len());
            let done = page.is_empty();
            found.extend(page);
            if done || found.len() > should.len() {
                break;
            }
        }
        let same = found.iter().eq(should);
        ensure!(same, "listed in pages of {most}: {found:?}, and not {should:?}");
    }
    for name in ["", "-", "A", "a_", "zzz"] {
        let after: Option<SessionId> = name.parse().ok();
        let should: Vec<_> = should.iter().filter(|id| id.as_str() > name).cloned().collect();
        let found = page(store, after.as_ref(), 1000).await?;
        ensure!(found == should, "after {name:?} come {found:?}, and not {should:?}");
    }
    let none = page(store, None, 0).await?;
    ensure!(none.is_empty(), "a page of 0 has {none:?}");
    Ok(())
}

async fn page(
    store: &impl Store,
    after: Option<&SessionId>,
    most: usize,
) -> Result<Vec<SessionId>, std::string::String> {
    store.unfinished(after, most).await.map_err(|error| format!("not listed: {error}"))
}
