//! A file that may not grow: nothing is changed by what does not fit, and it works again.

use futures_util::future::join_all;
use outlive::ids::Seq;
use outlive_server::store::{Commit, CommitError, Sqlite, Store, StoreError};

use super::{has_six, make_six};
use outlive_testkit::place::{Place, commit, name};

const KIB: u64 = 1024;

/// A commit with one line of this size.
fn large(session: &str, version: u64, size: u64) -> Commit {
    let size = usize::try_from(size).unwrap();
    let entries = vec![format!("\"{}\"", "x".repeat(size)).into()];
    Commit { entries, ..commit(session, version, version, 1) }
}

async fn small_file(place: &Place) -> Sqlite {
    let store = Sqlite::options().max_bytes(600 * KIB).open(place.file()).unwrap();
    store.open().await.unwrap();
    store
}

#[tokio::test]
async fn a_full_file_changes_nothing_and_works_again_when_there_is_room() {
    let place = Place::new();
    let store = small_file(&place).await;
    make_six(&store, "a").await;
    let mut kept = 0;
    let full = loop {
        match store.commit(large("big", kept, 100 * KIB)).await {
            Ok(()) => kept += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(full, CommitError::Failed(StoreError::Full(_))), "{full}");
    assert!(kept > 2, "{kept}");
    let stored = store.load(&name("big")).await.unwrap().unwrap();
    assert_eq!((stored.version.0, stored.snapshot.log.head), (kept, Seq(kept)));
    assert_eq!(
        store.read(&name("big"), Seq(1), Seq(kept), usize::MAX).await.unwrap().len() as u64,
        kept
    );
    has_six(&store, "a").await;
    // A session that is forgotten makes room.
    store.forget(&name("big")).await.unwrap();
    let mut again = store.commit(large("new", 0, 100 * KIB)).await;
    for _ in 0..20 {
        if again.is_err() {
            again = store.commit(large("new", 0, 100 * KIB)).await;
        }
    }
    assert_eq!(again, Ok(()));
    has_six(&store, "a").await;
}

#[tokio::test]
async fn one_that_does_not_fit_takes_no_other_with_it() {
    let place = Place::new();
    let store = small_file(&place).await;
    for round in 0..10 {
        let mut commits = Vec::new();
        for small in 0..6 {
            commits.push(commit(&format!("s{small}"), round, round, 1));
        }
        commits.insert(3, large("big", 0, 900 * KIB));
        let answers = join_all(commits.into_iter().map(|commit| store.commit(commit))).await;
        for (place, answer) in answers.iter().enumerate() {
            let full = matches!(answer, Err(CommitError::Failed(StoreError::Full(_))));
            assert_eq!((answer.is_ok(), full), (place != 3, place == 3), "{answer:?}");
        }
    }
    assert_eq!(store.load(&name("big")).await, Ok(None));
    assert_eq!(store.read(&name("s0"), Seq(1), Seq(10), usize::MAX).await.unwrap().len(), 10);
}
