//! The store in a file.

mod child;
mod damage;
mod files;
mod full;
mod gone;
mod kill;
mod lossy;
#[cfg(unix)]
mod machine;
mod restored;
mod rot;

use outlive::ids::Seq;
use outlive_server::conformance;
use outlive_server::store::{Durability, PageToken, Sqlite, SqliteOptions, Store, StoreError};

use outlive_testkit::place::{Place, commit, line, name};

async fn conforms(options: SqliteOptions) {
    let fresh = || {
        let place = Place::new();
        let options = options.clone();
        async move || options.clone().open(place.file()).unwrap()
    };
    conformance::run(fresh).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn it_keeps_what_a_store_promises() {
    conforms(Sqlite::options()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_keeps_what_a_store_promises_when_it_is_fast() {
    conforms(Sqlite::options().durability(Durability::Fast)).await;
}

#[tokio::test]
async fn it_keeps_what_a_store_promises_with_one_reader_and_one_thread() {
    conforms(Sqlite::options().readers(0).durability(Durability::Fast)).await;
}

#[tokio::test]
async fn the_mark_of_another_store_is_told() {
    let place = Place::new();
    let told = owned(&place).await.unfinished(Some(&PageToken("s_1".into())), 9).await;
    let no = "`s_1`";
    assert!(matches!(&told, Err(StoreError::PageToken(why)) if why.message() == no), "{told:?}");
}

/// The store in this file, owned.
async fn owned(place: &Place) -> Sqlite {
    let store = Sqlite::open(place.file()).unwrap();
    store.open().await.unwrap();
    store
}

/// A session of two commits with three lines each is there, and complete.
async fn has_six(store: &Sqlite, session: &str) {
    let stored = store.load(&name(session)).await.unwrap().unwrap();
    assert_eq!((stored.version.0, stored.snapshot.log.head), (2, Seq(6)));
    let lines = store.read(&name(session), Seq(1), Seq(6), usize::MAX).await.unwrap();
    assert_eq!(lines, (1..=6).map(line).collect::<Vec<_>>());
}

async fn make_six(store: &Sqlite, session: &str) {
    store.commit(commit(session, 0, 0, 3)).await.unwrap();
    store.commit(commit(session, 1, 3, 3)).await.unwrap();
}

#[tokio::test]
async fn who_was_fenced_can_ask() {
    let place = Place::new();
    let first = Sqlite::open(place.file()).unwrap();
    first.open().await.unwrap();
    assert_eq!(first.renew().await, Ok(true));
    let second = Sqlite::open(place.file()).unwrap();
    second.open().await.unwrap();
    assert_eq!((first.renew().await, second.renew().await), (Ok(false), Ok(true)));
}
