//! What a later owner is told of commits that may be lost.

use outlive::store::{Durability, Sqlite, Store};

use super::super::place::{Place, commit, name};

async fn taken(place: &Place, durability: Durability) -> Sqlite {
    let store = Sqlite::options().durability(durability).open(place.file()).unwrap();
    store.open().await.unwrap();
    store
}

/// Its process is gone, without an order.
#[allow(clippy::mem_forget)]
fn crash(store: Sqlite) {
    std::mem::forget(store);
}

async fn lossy(store: &Sqlite, session: &str) -> bool {
    store.load(&name(session)).await.unwrap().unwrap().lossy
}

#[tokio::test]
async fn nothing_is_lossy_while_every_owner_waited_for_the_disk() {
    let place = Place::new();
    let store = taken(&place, Durability::Full).await;
    store.commit(commit("a", 0, 0, 1)).await.unwrap();
    assert!(!lossy(&store, "a").await);
    crash(store);
    for durability in [Durability::Full, Durability::Fast] {
        assert!(!lossy(&taken(&place, durability).await, "a").await);
    }
}

#[tokio::test]
async fn a_fast_owner_that_crashed_makes_lossy_what_was_there_until_it_is_committed_again() {
    let place = Place::new();
    let store = taken(&place, Durability::Full).await;
    store.commit(commit("before", 0, 0, 1)).await.unwrap();
    drop(store);
    let store = taken(&place, Durability::Fast).await;
    store.commit(commit("a", 0, 0, 1)).await.unwrap();
    // Not for itself, whatever it does.
    assert!(!lossy(&store, "a").await && !lossy(&store, "before").await);
    store.open().await.unwrap();
    assert!(!lossy(&store, "a").await && !lossy(&store, "before").await);
    crash(store);
    for (round, durability) in
        [Durability::Fast, Durability::Full, Durability::Full].into_iter().enumerate()
    {
        let store = Sqlite::options().durability(durability).open(place.file()).unwrap();
        assert!(lossy(&store, "a").await, "also for who does not own it yet");
        store.open().await.unwrap();
        assert!(lossy(&store, "a").await);
        // The one that crashed may have committed it as well, and that be lost.
        assert!(lossy(&store, "before").await);
        let new = format!("new{round}");
        store.commit(commit(&new, 0, 0, 1)).await.unwrap();
        assert!(!lossy(&store, &new).await);
        store.close().await.unwrap();
    }
    let store = taken(&place, Durability::Full).await;
    store.commit(commit("a", 1, 1, 1)).await.unwrap();
    assert!(!lossy(&store, "a").await && !lossy(&store, "new0").await);
    crash(store);
    let store = taken(&place, Durability::Full).await;
    assert!(!lossy(&store, "a").await && !lossy(&store, "new0").await);
    assert!(lossy(&store, "before").await);
}

#[tokio::test]
async fn a_fast_owner_that_closed_the_store_has_lost_nothing() {
    let place = Place::new();
    let store = taken(&place, Durability::Fast).await;
    store.commit(commit("a", 0, 0, 1)).await.unwrap();
    store.close().await.unwrap();
    for durability in [Durability::Fast, Durability::Full] {
        let store = taken(&place, durability).await;
        assert!(!lossy(&store, "a").await);
        drop(store);
    }
    // One that was fenced before it closed does not speak for the one that came after it.
    let first = taken(&place, Durability::Fast).await;
    let second = taken(&place, Durability::Fast).await;
    second.commit(commit("a", 1, 1, 1)).await.unwrap();
    first.close().await.unwrap();
    crash(second);
    assert!(lossy(&taken(&place, Durability::Full).await, "a").await);
}
