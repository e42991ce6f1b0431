//! What a later owner is told of commits that may be lost.

use outlive_server::store::{Durability, Sqlite, Store};

use outlive_testkit::place::{Place, commit, name};

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

/// The system went down, and comes up again: nobody's boot is that of before.
fn reboot(place: &Place) {
    place.set_boot(Some("a boot of before"));
}

/// Whether this system says when it was booted.
pub(super) fn tells_boots() -> bool {
    std::fs::exists("/proc/sys/kernel/random/boot_id").unwrap()
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
async fn a_fast_owner_whose_system_went_down_makes_lossy_what_was_there_until_it_is_committed_again()
 {
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
    reboot(&place);
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
    reboot(&place);
    assert!(lossy(&taken(&place, Durability::Full).await, "a").await);
}

#[tokio::test]
async fn a_fast_owner_that_was_killed_has_lost_nothing_while_its_system_is_up() {
    if !tells_boots() {
        outlive_testkit::skip::skip("a system that identifies its boots");
        return;
    }
    let place = Place::new();
    for (version, durability) in [(0, Durability::Fast), (1, Durability::Full)] {
        let store = taken(&place, Durability::Fast).await;
        store.commit(commit("a", version, version, 1)).await.unwrap();
        crash(store);
        let store = Sqlite::options().durability(durability).open(place.file()).unwrap();
        assert!(!lossy(&store, "a").await, "also for who does not own it yet");
        store.open().await.unwrap();
        assert!(!lossy(&store, "a").await);
        crash(store);
    }
    // The last one waited for the disk, and with its first commit for everything before.
    reboot(&place);
    assert!(!lossy(&taken(&place, Durability::Full).await, "a").await);
}

#[tokio::test]
async fn what_was_lost_before_stays_lost_when_a_later_owner_is_killed() {
    let place = Place::new();
    let store = taken(&place, Durability::Fast).await;
    store.commit(commit("a", 0, 0, 1)).await.unwrap();
    crash(store);
    reboot(&place);
    let store = taken(&place, Durability::Fast).await;
    store.commit(commit("b", 0, 0, 1)).await.unwrap();
    // Also if it takes the store again.
    store.open().await.unwrap();
    crash(store);
    let store = taken(&place, Durability::Fast).await;
    assert!(lossy(&store, "a").await);
    assert_eq!(lossy(&store, "b").await, !tells_boots());
    crash(store);
    // The system goes down again under the third one, which may have committed both.
    reboot(&place);
    let store = taken(&place, Durability::Full).await;
    assert!(lossy(&store, "a").await && lossy(&store, "b").await);
}

#[tokio::test]
async fn where_nothing_tells_a_boot_a_fast_owner_that_was_killed_may_have_lost_something() {
    let place = Place::new();
    let store = taken(&place, Durability::Fast).await;
    store.commit(commit("a", 0, 0, 1)).await.unwrap();
    crash(store);
    place.set_boot(None);
    let store = taken(&place, Durability::Fast).await;
    assert!(lossy(&store, "a").await);
}
