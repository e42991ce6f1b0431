//! Stores that several nodes share: who owns a session, and who takes it over.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use futures_util::future::join_all;
use strum::VariantArray;

use super::check::{CheckResult, ensure};
use super::model::{SessionModel, name};
use crate::store::{CommitError, Owner, SessionId, Store, StoredSession};

outlive::vocabulary! {
    /// What a store with several nodes is held to, beside every [`Check`](super::Check).
    NodeCheck as "snake_case" {
        OthersAreKeptOut = "A session that another node owns is not claimed, committed or forgotten, and not listed; its owner goes on.",
        ReleasedIsNobodys = "A released session is the next one's that claims it, as it was left; the one before commits to it no more.",
        OneClaims = "Of nodes that claim a session at once one gets it.",
        LeavingGivesUpAll = "A node that has left is none any more, and what it owned is nobody's.",
        ClaimedAtOnce = "What an owner was told is kept is in what is claimed from it, and nothing of it comes in afterwards.",
        BegunIsDecided = "A commit that nobody waits for any more is in what the next node claims, or never comes in; also if the session comes back to the node that began it.",
        NamesAreReplaced = "A node that opens under the name of another one takes its place, and leaves all others as they are.",
        JudgedByTheSteady = "A silent node is declared dead by one that has renewed its lease for long enough, and by no other; and stays so.",
    }
}

impl NodeCheck {
    /// Every check, in the order in which [`run_nodes`] makes them.
    pub const ALL: &[NodeCheck] = NodeCheck::VARIANTS;
}

/// A check that a store with several nodes does not pass.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("{check}: {}\n  {why}", .check.meaning())]
#[non_exhaustive]
pub struct NodeCheckError {
    /// The check.
    pub check: NodeCheck,
    /// What the check saw.
    pub why: String,
}

impl fmt::Debug for NodeCheckError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// Makes every [`NodeCheck`]. `fresh` makes a place where nothing is stored yet; what it returns gives a store at that
/// place for the node of a name, which the check [opens](Store::open). The store's lease should be short, such as half a
/// second: the checks wait until it is over.
///
/// # Errors
/// The checks that the store does not pass.
pub async fn run_nodes<S, A, F>(fresh: F) -> Result<(), Vec<NodeCheckError>>
where
    S: Store,
    A: AsyncFn(&'static str) -> S,
    F: Fn() -> A,
{
    let mut failures = Vec::new();
    for check in NodeCheck::ALL {
        failures.extend(check_nodes(*check, fresh()).await.err());
    }
    if failures.is_empty() { Ok(()) } else { Err(failures) }
}

/// Makes one check, at a place where nothing is stored yet.
///
/// # Errors
/// The store does not pass.
pub async fn check_nodes<S: Store, A: AsyncFn(&'static str) -> S>(
    check: NodeCheck,
    place: A,
) -> Result<(), NodeCheckError> {
    let verdict = match check {
        NodeCheck::OthersAreKeptOut => others_are_kept_out(&place).await,
        NodeCheck::ReleasedIsNobodys => released_is_nobodys(&place).await,
        NodeCheck::OneClaims => one_claims(&place).await,
        NodeCheck::LeavingGivesUpAll => leaving_gives_up_all(&place).await,
        NodeCheck::ClaimedAtOnce => claimed_at_once(&place).await,
        NodeCheck::BegunIsDecided => begun_is_decided(&place).await,
        NodeCheck::NamesAreReplaced => names_are_replaced(&place).await,
        NodeCheck::JudgedByTheSteady => judged_by_the_steady(&place).await,
    };
    verdict.map_err(|why| NodeCheckError { check, why })
}

async fn node<S: Store>(
    place: &impl AsyncFn(&'static str) -> S,
    name: &'static str,
) -> Result<S, String> {
    let store = place(name).await;
    store.open().await.map_err(|error| format!("{name} cannot open it: {error}"))?;
    Ok(store)
}

fn owner(of: Option<StoredSession>, id: &SessionId) -> Result<Owner, String> {
    of.map(|stored| stored.owner).ok_or_else(|| format!("{id} is not there"))
}

async fn loaded(store: &impl Store, id: &SessionId) -> Result<Owner, String> {
    let stored = store.load(id).await.map_err(|error| format!("{id} is not read: {error}"))?;
    let should = stored.as_ref().map(|stored| (stored.snapshot.state, stored.owner.clone()));
    let found = store.owner(id).await;
    ensure!(found.as_ref() == Ok(&should), "{id} is {should:?}, and who asks hears {found:?}");
    owner(stored, id)
}

async fn claimed(store: &impl Store, id: &SessionId) -> Result<Owner, String> {
    owner(store.claim(id).await.map_err(|error| format!("{id} is not claimed: {error}"))?, id)
}

async fn listed(store: &impl Store) -> Result<BTreeSet<SessionId>, String> {
    let page = store.unfinished(None, 100).await;
    Ok(page.map_err(|error| format!("not listed: {error}"))?.sessions.into_iter().collect())
}

/// Whoever asks does not own the session, and changes nothing of it.
async fn is_kept_out(store: &impl Store, model: &SessionModel) -> CheckResult {
    let id = &model.id;
    model.stale(store, model.next(1)).await?;
    let forgot = store.forget(id).await;
    ensure!(forgot == Err(CommitError::Stale), "{id} is another node's, and forgotten: {forgot:?}");
    let confirmed = store.confirm(id, model.version).await;
    ensure!(confirmed == Ok(false), "{id} is another node's, and is confirmed: {confirmed:?}");
    Ok(())
}

async fn others_are_kept_out<S: Store>(place: &impl AsyncFn(&'static str) -> S) -> CheckResult {
    let (one, two) = (node(place, "one").await?, node(place, "two").await?);
    let (mut model, mut other) = (SessionModel::new("of_one")?, SessionModel::new("of_two")?);
    model.add(&one, 3).await?;
    other.add(&two, 1).await?;
    for _ in 0..2 {
        let owners = [loaded(&two, &model.id).await?, claimed(&two, &model.id).await?];
        let another = |owner: &Owner| matches!(owner, Owner::Another { .. });
        ensure!(owners.iter().all(another), "{} is of a node that lives, and {owners:?}", model.id);
        is_kept_out(&two, &model).await?;
        model.add(&one, 2).await?;
        model.holds(&one).await?;
        let confirmed = one.confirm(&model.id, model.version).await;
        ensure!(confirmed == Ok(true), "the owner of {} is told {confirmed:?}", model.id);
        let confirmed = one.confirm(&model.id, model.version.next()).await;
        ensure!(confirmed == Ok(false), "of what {} never was is told {confirmed:?}", model.id);
    }
    for (store, own) in [(&one, &model.id), (&two, &other.id)] {
        let found = listed(store).await?;
        ensure!(found == BTreeSet::from([own.clone()]), "the owner of {own} is listed {found:?}");
    }
    // A name that is taken is taken for all nodes.
    let again = SessionModel::new(model.id.as_str())?.next(1);
    model.stale(&two, again).await?;
    model.holds(&one).await
}

async fn released_is_nobodys<S: Store>(place: &impl AsyncFn(&'static str) -> S) -> CheckResult {
    let (one, two) = (node(place, "one").await?, node(place, "two").await?);
    let mut model = SessionModel::new("released")?;
    model.add(&one, 3).await?;
    let done = two.release(&model.id).await;
    ensure!(done == Ok(()), "who does not own it releases it: {done:?}");
    model.add(&one, 1).await?;
    let (mut from, mut to) = (&one, &two);
    for _ in 0..4 {
        let id = &model.id;
        let done = from.release(id).await;
        ensure!(done == Ok(()), "{id} is not released: {done:?}");
        let owners = [loaded(from, id).await?, loaded(to, id).await?];
        ensure!(owners == [Owner::Nobody, Owner::Nobody], "{id} was released, and is {owners:?}");
        model.stale(from, model.next(1)).await?;
        let waits = to.judge().await;
        ensure!(waits == Ok(true), "{id} waits for an owner, and the others hear {waits:?}");
        ensure!(listed(to).await?.contains(id), "{id} is nobody's, and is not listed");
        let owner = claimed(to, id).await?;
        ensure!(owner == Owner::Ours, "{id} was nobody's, and who claims it is told {owner:?}");
        let waits = to.judge().await;
        ensure!(waits == Ok(false), "no session waits for an owner, and the others hear {waits:?}");
        is_kept_out(from, &model).await?;
        model.holds(to).await?;
        model.add(to, 2).await?;
        (from, to) = (to, from);
    }
    Ok(())
}

async fn one_claims<S: Store>(place: &impl AsyncFn(&'static str) -> S) -> CheckResult {
    const SESSIONS: usize = 24;
    let first = node(place, "first").await?;
    let nodes =
        &[node(place, "one").await?, node(place, "two").await?, node(place, "three").await?];
    let mut models = Vec::new();
    for number in 0..SESSIONS {
        let mut model = SessionModel::new(&format!("wanted{number}"))?;
        model.add(&first, 1).await?;
        models.push(model);
    }
    first.leave().await.map_err(|error| format!("it cannot leave: {error}"))?;
    let ids: Vec<SessionId> = models.iter().map(|model| model.id.clone()).collect();
    let claims = ids.iter().map(|id| join_all(nodes.iter().map(move |node| claimed(node, id))));
    for (model, owners) in models.iter_mut().zip(join_all(claims).await) {
        let owners = owners.into_iter().collect::<Result<Vec<_>, _>>()?;
        let own: Vec<usize> = (0..nodes.len()).filter(|at| owners[*at] == Owner::Ours).collect();
        let [own] = own[..] else { return Err(format!("{}: claimed as {owners:?}", model.id)) };
        for (at, other) in nodes.iter().enumerate() {
            if at != own {
                is_kept_out(other, model).await?;
            }
        }
        model.add(&nodes[own], 1).await?;
        model.holds(&nodes[own]).await?;
    }
    Ok(())
}

async fn leaving_gives_up_all<S: Store>(place: &impl AsyncFn(&'static str) -> S) -> CheckResult {
    let (one, two) = (node(place, "one").await?, node(place, "two").await?);
    let (mut model, new) = (SessionModel::new("left")?, SessionModel::new("new")?);
    model.add(&one, 2).await?;
    one.leave().await.map_err(|error| format!("it cannot leave: {error}"))?;
    let member = one.renew().await;
    ensure!(member == Ok(false), "it has left, and may own sessions: {member:?}");
    model.stale(&one, model.next(1)).await?;
    new.stale(&one, new.next(1)).await?;
    new.recorded(&two).await?;
    let waits = two.judge().await;
    ensure!(waits == Ok(true), "{} waits for an owner, and who asks hears {waits:?}", model.id);
    ensure!(listed(&two).await?.contains(&model.id), "{} is not listed", model.id);
    let owner = claimed(&two, &model.id).await?;
    ensure!(owner == Owner::Ours, "its owner has left, and who claims it is told {owner:?}");
    // Who has left claims nothing.
    two.release(&model.id).await.map_err(|error| format!("not released: {error}"))?;
    let owner = claimed(&one, &model.id).await?;
    ensure!(owner != Owner::Ours, "who has left claims {}", model.id);
    model.holds(&two).await?;
    model.add(&two, 1).await
}

/// An owner that commits on and on leaves, and its sessions are claimed one by one.
async fn claimed_at_once<S: Store>(place: &impl AsyncFn(&'static str) -> S) -> CheckResult {
    const SESSIONS: usize = 12;
    let (one, two) = (Arc::new(node(place, "one").await?), node(place, "two").await?);
    let (all, mut started) = tokio::sync::mpsc::channel::<()>(SESSIONS);
    let mut busy = Vec::new();
    for number in 0..SESSIONS {
        let mut model = SessionModel::new(&format!("busy{number}"))?;
        let (one, mut said) = (Arc::clone(&one), Some(all.clone()));
        busy.push(tokio::spawn(async move {
            loop {
                let commit = model.next(1);
                match one.commit(commit.clone()).await {
                    Ok(()) => model.keep(&commit),
                    Err(CommitError::Stale) => return Ok(model),
                    Err(error) => return Err(error.to_string()),
                }
                said.take();
                tokio::task::yield_now().await;
            }
        }));
    }
    drop(all);
    let _ = started.recv().await;
    for number in (0..SESSIONS).step_by(2) {
        // Released while it is committed; the others go with their node.
        let id = name(&format!("busy{number}"))?;
        one.release(&id).await.map_err(|error| format!("not released: {error}"))?;
    }
    let mut seen = Vec::new();
    for number in 0..SESSIONS {
        if number == SESSIONS / 2 {
            one.leave().await.map_err(|error| format!("it cannot leave: {error}"))?;
        }
        let id = name(&format!("busy{number}"))?;
        if number < SESSIONS / 2 && number % 2 == 1 {
            seen.push(None);
            continue;
        }
        let stored = two.claim(&id).await.map_err(|error| error.to_string())?;
        let stored = stored.filter(|stored| stored.owner == Owner::Ours);
        seen.push(Some(stored.ok_or_else(|| format!("{id} was nobody's, and is not claimed"))?));
    }
    for (busy, seen) in busy.into_iter().zip(seen) {
        let model = busy.await.map_err(|error| error.to_string())??;
        let (id, last) = (&model.id, model.version);
        if let Some(seen) = seen {
            let seen = seen.version;
            ensure!(
                seen == last,
                "{id}: who claimed it saw {seen:?}, and the owner before was told that {last:?} is kept"
            );
        }
        model.holds(&two).await?;
    }
    Ok(())
}

/// A session goes to another node, and half of the times straight back.
async fn begun_is_decided<S: Store>(place: &impl AsyncFn(&'static str) -> S) -> CheckResult {
    let (one, two) = (node(place, "one").await?, node(place, "two").await?);
    let lease = one.lease().ok_or("a store with several nodes has a lease")?;
    let mut model = SessionModel::new("begun")?;
    model.add(&one, 1).await?;
    let given = async |from: &S, to: &S, id: &SessionId| {
        from.release(id).await.map_err(|error| format!("{id} is not released: {error}"))?;
        let stored = to.claim(id).await.map_err(|error| format!("{id} is not claimed: {error}"))?;
        let stored = stored.filter(|stored| stored.owner == Owner::Ours);
        stored.ok_or_else(|| format!("{id} was released, and is not claimed"))
    };
    for round in 0..12 {
        let commit = model.next(2);
        {
            let mut begun = one.commit(commit.clone());
            let mut context = Context::from_waker(Waker::noop());
            for _ in 0..round % 3 {
                if begun.as_mut().poll(&mut context).is_ready() {
                    break;
                }
                tokio::task::yield_now().await;
            }
        }
        let seen = given(&one, &two, &model.id).await?;
        if seen.version == commit.expect.next() {
            model.keep(&commit);
        }
        if round % 2 == 0 {
            model.recorded(&two).await?;
            model.add(&two, 1).await?;
        }
        given(&two, &one, &model.id).await?;
        tokio::time::sleep(lease / 16).await;
        model.holds(&one).await?;
        model.add(&one, 1).await?;
    }
    Ok(())
}

async fn names_are_replaced<S: Store>(place: &impl AsyncFn(&'static str) -> S) -> CheckResult {
    let (one, two) = (node(place, "one").await?, node(place, "two").await?);
    let (mut model, mut other) = (SessionModel::new("of_one")?, SessionModel::new("of_two")?);
    model.add(&one, 1).await?;
    other.add(&two, 1).await?;
    let next = node(place, "one").await?;
    let members = [one.renew().await, two.renew().await, next.renew().await];
    ensure!(members == [Ok(false), Ok(true), Ok(true)], "after one was replaced: {members:?}");
    model.stale(&one, model.next(1)).await?;
    other.add(&two, 1).await?;
    let owner = loaded(&next, &other.id).await?;
    ensure!(matches!(owner, Owner::Another { .. }), "{} is {owner:?}", other.id);
    model.holds(&next).await?;
    model.add(&next, 1).await
}

async fn judged_by_the_steady<S: Store>(place: &impl AsyncFn(&'static str) -> S) -> CheckResult {
    let silent = node(place, "silent").await?;
    let lease = silent.lease().ok_or("a store with several nodes has a lease")?;
    let mut model = SessionModel::new("left_behind")?;
    model.add(&silent, 2).await?;
    tokio::time::sleep(lease + lease / 2).await;
    // After an outage of the store all leases are over: who comes back first judges nobody.
    let judge = node(place, "judge").await?;
    let waits = judge.judge().await;
    let owner = loaded(&judge, &model.id).await?;
    ensure!(
        waits == Ok(false) && matches!(owner, Owner::Another { .. }),
        "who has just come judges: {waits:?}, {owner:?}"
    );
    for round in 0.. {
        let member = judge.renew().await;
        ensure!(member == Ok(true), "who renews its lease hears {member:?}");
        judge.judge().await.map_err(|error| format!("it does not judge: {error}"))?;
        if loaded(&judge, &model.id).await? == Owner::Nobody {
            break;
        }
        ensure!(round < 100, "a node that is silent for {round} quarters of a lease is not dead");
        tokio::time::sleep((lease / 4).max(Duration::from_millis(1))).await;
    }
    let member = silent.renew().await;
    ensure!(member == Ok(false), "who is dead comes back: {member:?}");
    model.stale(&silent, model.next(1)).await?;
    model.holds(&judge).await?;
    model.add(&judge, 1).await
}
