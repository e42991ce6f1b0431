//! Who created which session.

use super::check::{CheckResult, ensure};
use super::model::{SessionModel, owned};
use crate::store::{SessionId, Store};
use outlive::State;

/// Also names that differ in case, or by what one ends with.
const PRINCIPALS: [&str; 5] = ["ann", "Ann", "ann2", "zoë \"z\"", ""];
/// Of each.
const SESSIONS: usize = 5;

pub(super) async fn of_a_principal<S: Store>(reopen: &impl AsyncFn() -> S) -> CheckResult {
    let store = owned(reopen).await?;
    let mut nobodys = SessionModel::new("nobodys")?;
    nobodys.add(&store, 1).await?;
    let mut models = Vec::new();
    for number in 0..SESSIONS {
        for (of, principal) in PRINCIPALS.iter().enumerate() {
            // Not in the order of their names.
            let mut model = SessionModel::new(&format!("s{}_{of}", (number * 7) % 5))?;
            let mut commit = model.next(0);
            commit.principal = Some((*principal).to_owned());
            model.commit(&store, commit).await?;
            models.push((*principal, model));
        }
    }
    let session = &nobodys.id;
    let told = store.principal(session).await.map_err(|error| format!("{session}: {error}"))?;
    ensure!(told.is_none(), "{session} was created for nobody, and is of {told:?}");
    lists(&store, &models).await?;
    // In any state; and a later commit changes nothing.
    for (_, model) in models.iter_mut().step_by(3) {
        let mut commit = model.next(1);
        commit.snapshot.state = State::Ended;
        commit.principal = Some("mallory".to_owned());
        model.commit(&store, commit).await?;
    }
    lists(&store, &models).await?;
    let (_, gone) = models.remove(PRINCIPALS.len());
    store.forget(&gone.id).await.map_err(|error| format!("not forgotten: {error}"))?;
    lists(&store, &models).await?;
    let told = store.principal(&gone.id).await.map_err(|error| format!("{}: {error}", gone.id))?;
    ensure!(told.is_none(), "{} was forgotten, and is of {told:?}", gone.id);
    // The name is used again, by another one.
    let mut again = gone.reborn()?;
    let mut commit = again.next(0);
    commit.principal = Some(PRINCIPALS[1].to_owned());
    again.commit(&store, commit).await?;
    models.push((PRINCIPALS[1], again));
    lists(&store, &models).await?;
    drop(store);
    lists(&owned(reopen).await?, &models).await
}

/// The store lists these sessions of each principal, the last of them first, with pages of every size.
async fn lists(store: &impl Store, models: &[(&str, SessionModel)]) -> CheckResult {
    for (principal, model) in models {
        let id = &model.id;
        let told = store.principal(id).await.map_err(|error| format!("{id}: {error}"))?;
        ensure!(told.as_deref() == Some(principal), "{id} is of {told:?}, not of {principal:?}");
    }
    for principal in PRINCIPALS.into_iter().chain(["mallory"]) {
        let of = models.iter().rev().filter(|(of, _)| *of == principal);
        let should: Vec<&SessionId> = of.map(|(_, model)| &model.id).collect();
        for most in [1, 2, SESSIONS, 1000] {
            let found = walk(store, principal, most).await?;
            let same = found.iter().eq(should.iter().copied());
            ensure!(
                same,
                "in pages of {most} the sessions of {principal:?} are {found:?}, not {should:?}"
            );
        }
    }
    Ok(())
}

async fn walk(store: &impl Store, of: &str, most: usize) -> Result<Vec<SessionId>, String> {
    let (mut found, mut from) = (Vec::new(), None);
    // A page may be empty, but not for ever.
    for _ in 0..100 {
        let page = store.sessions_of(of, from.as_ref(), most).await;
        let page = page.map_err(|error| format!("not listed from {from:?} on: {error}"))?;
        ensure!(page.sessions.len() <= most, "a page of {most} has {}", page.sessions.len());
        found.extend(page.sessions);
        from = page.next;
        if from.is_none() {
            return Ok(found);
        }
    }
    Err(format!("after 100 pages of {most} sessions of {of:?} there is still a next one"))
}
