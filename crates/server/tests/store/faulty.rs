//! The store that fails as planned: what is answered, and what is there.

use std::time::Duration;

use outlive::ids::Seq;
use outlive_server::conformance::{self, Check, FaultyStore, StoreCall, StoreFault};
use outlive_server::store::{CommitError, Memory, Store, StoreError, Version};

use outlive_testkit::place::{commit, line, name};

async fn version(store: &impl Store) -> u64 {
    store.load(&name("a")).await.unwrap().map_or(Version::NONE, |stored| stored.version).0
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_plan_it_is_the_store_around_which_it_is() {
    let fresh = || {
        let place = Memory::new();
        async move || FaultyStore::new(place.another())
    };
    conformance::run(fresh).await.unwrap();
}

#[tokio::test]
async fn each_fault_does_what_it_says_to_a_commit() {
    let store = FaultyStore::new(Memory::new());
    store.open().await.unwrap();
    let full = || StoreError::Full("planned".into());
    let faults = [
        StoreFault::Fails(full()),
        StoreFault::UnknownAndLost,
        StoreFault::Stale,
        StoreFault::Unknown,
    ];
    store.script(StoreCall::Commit, [None].into_iter().chain(faults.map(Some)));
    assert_eq!(store.commit(commit("a", 0, 0, 1)).await, Ok(()));
    assert_eq!(store.commit(commit("a", 1, 1, 1)).await, Err(CommitError::Failed(full())));
    assert_eq!(version(&store).await, 1);
    assert!(matches!(store.commit(commit("a", 1, 1, 1)).await, Err(CommitError::Unknown(_))));
    assert_eq!(version(&store).await, 1);
    assert_eq!(store.commit(commit("a", 1, 1, 1)).await, Err(CommitError::Stale));
    assert_eq!(version(&store).await, 1);
    assert!(matches!(store.commit(commit("a", 1, 1, 1)).await, Err(CommitError::Unknown(_))));
    assert_eq!(version(&store).await, 2);
    assert_eq!(store.commit(commit("a", 2, 2, 1)).await, Ok(()));
    assert_eq!(store.call_count(StoreCall::Commit), 6);
    assert_eq!(
        store.read(&name("a"), Seq(1), Seq(3), usize::MAX).await,
        Ok(vec![line(1), line(2), line(3)])
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_late_comes_in_its_time() {
    let store = FaultyStore::new(Memory::new());
    store.open().await.unwrap();
    let (time, soon) = (Duration::from_secs(3), Duration::from_millis(2999));
    store.script(
        StoreCall::Commit,
        [Some(StoreFault::Late(time)), Some(StoreFault::LateAnswer(time))],
    );
    let late = tokio::time::timeout(soon, store.commit(commit("a", 0, 0, 1))).await;
    assert!(late.is_err());
    assert_eq!(version(&store).await, 0);
    let late = tokio::time::timeout(soon, store.commit(commit("a", 0, 0, 1))).await;
    assert!(late.is_err());
    assert_eq!(version(&store).await, 1);
}

#[tokio::test]
async fn reads_fail_as_planned_and_work_again() {
    let store = FaultyStore::new(Memory::new());
    store.open().await.unwrap();
    store.commit(commit("a", 0, 0, 2)).await.unwrap();
    let locked = StoreError::Locked("planned".into());
    store.script(StoreCall::Read, [Some(StoreFault::Fails(locked.clone()))]);
    assert_eq!(store.read(&name("a"), Seq(1), Seq(2), usize::MAX).await, Err(locked));
    assert_eq!(
        store.read(&name("a"), Seq(1), Seq(2), usize::MAX).await,
        Ok(vec![line(1), line(2)])
    );
}

#[tokio::test(start_paused = true)]
async fn a_seed_fails_the_same_way_each_time_and_what_it_says_is_true() {
    let mut told = Vec::new();
    for _ in 0..2 {
        let store = FaultyStore::new(Memory::new());
        store.open().await.unwrap();
        store.plan(conformance::seeded_faults(3, 2, Duration::from_millis(50)));
        let (mut kept, mut answers) = (0, Vec::new());
        for _ in 0..200 {
            let answer = store.commit(commit("a", kept, kept, 1)).await;
            let there = version(store.inner()).await;
            match answer {
                Ok(()) => assert_eq!(there, kept + 1),
                Err(CommitError::Unknown(_)) => assert!(there == kept || there == kept + 1),
                Err(_) => assert_eq!(there, kept),
            }
            answers.push(format!("{answer:?} {there}"));
            kept = there;
        }
        let answers = answers.join("\n");
        assert!(["Ok", "Unknown", "Full", "Io"].iter().all(|word| answers.contains(word)));
        told.push(answers);
    }
    assert_eq!(told[0], told[1]);
}

/// The kit hears "unknown" only from a store that says so.
#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_comes_in_after_it_was_denied_is_noticed() {
    let faults = [
        (StoreFault::Unknown, true),
        (StoreFault::UnknownAndLost, true),
        (StoreFault::UnknownAndUnsettled, false),
    ];
    for (fault, passes) in faults {
        let place = Memory::new();
        let reopen = async || {
            let (store, fault) = (FaultyStore::new(place.another()), fault.clone());
            store.plan(move |call, made| {
                (call == StoreCall::Commit && made % 3 == 2).then(|| fault.clone())
            });
            store
        };
        let verdict = conformance::check(Check::UnknownIsSettled, reopen).await;
        assert_eq!(verdict.is_ok(), passes, "{fault:?}: {verdict:?}");
    }
}
