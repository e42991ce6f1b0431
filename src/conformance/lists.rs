//! What a new owner asks for: the sessions that have not ended.

use std::collections::BTreeSet;
use std::format;
use std::vec::Vec;

use super::model::{Model, owned};
use super::{Verdict, ensure};
use crate::store::{Mark, SessionId, Store, Unfinished};
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
    let store = owned(again).await?;
    listed(&store, &open).await?;
    while_it_changes(&store, models, &open).await
}

/// The store lists these, with pages of every size.
async fn listed(store: &impl Store, should: &BTreeSet<SessionId>) -> Verdict {
    for most in [1, 2, 3, should.len().max(1), 1000] {
        let (mut found, mut from) = (Vec::new(), None);
        loop {
            let page = page(store, from.as_ref(), most).await?;
            found.extend(page.sessions);
            from = page.next;
            if from.is_none() || found.len() > should.len() {
                break;
            }
        }
        each_once(found, should, &format!("listed in pages of {most}"))?;
    }
    Ok(())
}

/// Between two pages one session of the page is forgotten, and the others are committed: all that are still
/// to come, come.
async fn while_it_changes(
    store: &impl Store,
    mut models: Vec<Model>,
    should: &BTreeSet<SessionId>,
) -> Verdict {
    let (mut found, mut from) = (Vec::new(), None);
    loop {
        let page = page(store, from.as_ref(), 3).await?;
        for id in &page.sessions {
            let Some(model) = models.iter_mut().find(|model| model.id == *id) else { continue };
            model.add(store, 1).await?;
        }
        if let Some(last) = page.sessions.last() {
            store.forget(last).await.map_err(|error| format!("not forgotten: {error}"))?;
        }
        found.extend(page.sessions);
        from = page.next;
        if from.is_none() || found.len() > should.len() {
            break;
        }
    }
    each_once(found, should, "listed while some are committed and forgotten")
}

fn each_once(mut found: Vec<SessionId>, should: &BTreeSet<SessionId>, how: &str) -> Verdict {
    found.sort();
    ensure!(found.iter().eq(should), "{how}: {found:?}, and not {should:?}");
    Ok(())
}

async fn page(
    store: &impl Store,
    from: Option<&Mark>,
    most: usize,
) -> Result<Unfinished, std::string::String> {
    let page =
        store.unfinished(from, most).await.map_err(|error| format!("not listed: {error}"))?;
    ensure!(page.sessions.len() <= most, "a page of {most} has {}", page.sessions.len());
    Ok(page)
}
