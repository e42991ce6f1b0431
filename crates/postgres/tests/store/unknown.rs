//! Commits whose result nobody hears: what the store says of them stays so.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use outlive::ids::Seq;
use outlive_postgres::Postgres;
use outlive_server::store::{CommitError, Store as _};
use outlive_testkit::place::{commit, line, name};

use super::version;
use crate::place::Place;
use crate::proxy::{Late, Proxy};

async fn behind_a_proxy() -> Option<(Place, Proxy, Postgres)> {
    let place = Place::new().await?;
    let proxy = Proxy::new(&place).await;
    let store = Postgres::connect(&proxy.url(&place)).await.unwrap();
    store.open().await.unwrap();
    Some((place, proxy, store))
}

/// Carries out a write that is cut off on its way to the server.
async fn cut_off(proxy: &Proxy, write: impl Future<Output = Result<(), CommitError>>) -> Vec<Late> {
    proxy.hold();
    let cut = async {
        proxy.withheld().await;
        proxy.cut().await
    };
    let (answer, late) = tokio::join!(write, cut);
    assert!(matches!(answer, Err(CommitError::Unknown(_))), "{answer:?}");
    late
}

async fn arrive(late: Vec<Late>) {
    for late in late {
        late.arrive().await;
    }
}

#[tokio::test]
async fn a_commit_that_arrives_before_it_is_asked_for_is_there() {
    let Some((_place, proxy, store)) = behind_a_proxy().await else { return };
    for kept in 0..3 {
        let late = cut_off(&proxy, store.commit(commit("a", kept, kept, 1))).await;
        arrive(late).await;
        assert_eq!(version(&store, "a").await, kept + 1);
    }
    let lines = store.read(&name("a"), Seq(1), Seq(3), usize::MAX).await.unwrap();
    assert_eq!(lines, [line(1), line(2), line(3)]);
}

#[tokio::test]
async fn a_commit_that_was_denied_never_comes_in() {
    let Some((_place, proxy, store)) = behind_a_proxy().await else { return };
    for kept in 0..3 {
        let late = cut_off(&proxy, store.commit(commit("a", kept, kept, 2))).await;
        assert_eq!(version(&store, "a").await, kept);
        arrive(late).await;
        assert_eq!(version(&store, "a").await, kept);
        store.commit(commit("a", kept, kept, 1)).await.unwrap();
    }
    let lines = store.read(&name("a"), Seq(1), Seq(3), usize::MAX).await.unwrap();
    assert_eq!(lines, [line(1), line(2), line(3)]);
}

#[tokio::test]
async fn a_first_commit_that_was_denied_makes_no_session_later() {
    let Some((place, proxy, store)) = behind_a_proxy().await else { return };
    let late = cut_off(&proxy, store.commit(commit("a", 0, 0, 1))).await;
    assert!(store.load(&name("a")).await.unwrap().is_none());
    let client = place.client().await;
    let count = "SELECT count(*) FROM outlive.session";
    let rows: i64 = client.query_one(count, &[]).await.unwrap().get(0);
    assert_eq!(rows, 1, "the name waits");
    assert_eq!(store.unfinished(None, 9).await.unwrap().sessions, []);
    // A session of that name is made and forgotten, and what comes late makes it not again.
    store.commit(commit("a", 0, 0, 1)).await.unwrap();
    store.forget(&name("a")).await.unwrap();
    arrive(late).await;
    assert!(store.load(&name("a")).await.unwrap().is_none());
    // What waits for a dead node's commits goes with it.
    let next = Postgres::connect(&place.url()).await.unwrap();
    next.open().await.unwrap();
    assert_eq!(next.unfinished(None, 9).await.unwrap().sessions, []);
    let rows: i64 = client.query_one(count, &[]).await.unwrap().get(0);
    assert_eq!(rows, 0);
}

#[tokio::test]
async fn a_name_that_is_only_asked_for_leaves_nothing() {
    let Some(place) = Place::new().await else { return };
    let store = Postgres::connect(&place.url()).await.unwrap();
    store.open().await.unwrap();
    assert!(store.load(&name("a")).await.unwrap().is_none());
    let count = "SELECT count(*) FROM outlive.session";
    let rows: i64 = place.client().await.query_one(count, &[]).await.unwrap().get(0);
    assert_eq!(rows, 0);
}

#[tokio::test]
async fn a_session_that_was_not_forgotten_is_not_forgotten_later() {
    let Some((_place, proxy, store)) = behind_a_proxy().await else { return };
    store.commit(commit("a", 0, 0, 1)).await.unwrap();
    let late = cut_off(&proxy, async { store.forget(&name("a")).await }).await;
    assert_eq!(version(&store, "a").await, 1);
    arrive(late).await;
    assert_eq!(version(&store, "a").await, 1);
    store.commit(commit("a", 1, 1, 1)).await.unwrap();
}

/// The session is released and claimed again by the same node: its epoch is that of the late commit.
#[tokio::test]
async fn a_commit_from_before_a_release_does_not_come_in_after_it() {
    let Some((_place, proxy, store)) = behind_a_proxy().await else { return };
    store.commit(commit("a", 0, 0, 1)).await.unwrap();
    let late = cut_off(&proxy, store.commit(commit("a", 1, 1, 2))).await;
    store.release(&name("a")).await.unwrap();
    assert_eq!(store.claim(&name("a")).await.unwrap().unwrap().version.0, 1);
    arrive(late).await;
    assert_eq!(version(&store, "a").await, 1);
    store.commit(commit("a", 1, 1, 1)).await.unwrap();
}

/// How many commits of unknown result there are to be, or `OUTLIVE_CUTS`.
fn cuts() -> usize {
    std::env::var("OUTLIVE_CUTS").ok().and_then(|cuts| cuts.parse().ok()).unwrap_or(40)
}

#[tokio::test(flavor = "multi_thread")]
async fn backends_that_are_ended_in_commits_lose_and_double_nothing() {
    let Some(place) = Place::new().await else { return };
    let store = Postgres::connect(&place.url()).await.unwrap();
    store.open().await.unwrap();
    let unknown = Arc::new(AtomicUsize::new(0));
    let sessions = (0..8_u64).map(|number| {
        let (store, unknown) = (store.clone(), Arc::clone(&unknown));
        tokio::spawn(async move {
            let id = format!("s{number}");
            let mut kept = 0;
            while unknown.load(Ordering::Acquire) < cuts() || kept < 5 {
                match store.commit(commit(&id, kept, kept, 1)).await {
                    Ok(()) => kept += 1,
                    Err(CommitError::Failed(_)) => {}
                    Err(CommitError::Stale) => panic!("{id}: a commit came in after {kept}"),
                    Err(CommitError::Unknown(_)) => {
                        unknown.fetch_add(1, Ordering::AcqRel);
                        let stored = loop {
                            if let Ok(stored) = store.load(&name(&id)).await {
                                break stored.map_or(0, |stored| stored.version.0);
                            }
                        };
                        assert!(
                            stored == kept || stored == kept + 1,
                            "{id}: {stored} after {kept}"
                        );
                        kept = stored;
                    }
                }
                tokio::task::yield_now().await;
            }
            // The last one may have ended a connection that had nothing to do.
            let lines = loop {
                if let Ok(lines) = store.read(&name(&id), Seq(1), Seq(kept), usize::MAX).await {
                    break lines;
                }
            };
            assert_eq!(lines, (1..=kept).map(line).collect::<Vec<_>>());
        })
    });
    let sessions: Vec<_> = sessions.collect();
    let client = place.client().await;
    // A backend that is told twice ends once, and one that has just answered is missed by nobody: what counts is who noticed.
    while unknown.load(Ordering::Acquire) < cuts() {
        let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE datname = current_database() AND application_name = 'outlive' AND state = 'active'
            ORDER BY random() LIMIT 1";
        client.query(end, &[]).await.unwrap();
        tokio::task::yield_now().await;
    }
    for session in sessions {
        session.await.unwrap();
    }
}
