//! Files: made, closed, read by others, brought up to date, locked.

use std::time::Duration;

use outlive::ids::Seq;
use outlive_server::store::{Commit, CommitError, Sqlite, Store, StoreError};
use rusqlite::Connection;

use super::{has_six, make_six, owned};
use outlive_testkit::place::{Place, commit, line, name, snapshot};

/// The names of the files, sorted.
fn files(place: &Place) -> Vec<String> {
    let names = std::fs::read_dir(place.folder()).unwrap().map(|file| file.unwrap().file_name());
    let mut names: Vec<String> = names.map(|name| name.into_string().unwrap()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn other_programs_can_read_what_is_kept_while_it_is_in_use() {
    let place = Place::new();
    let store = owned(&place).await;
    make_six(&store, "a").await;
    let other = Connection::open(place.file()).unwrap();
    let lines: String = other
        .query_row(
            "SELECT group_concat(body, char(10)) FROM
                 (SELECT body FROM chunk JOIN session ON session.key = chunk.session
                  WHERE session.id = 'a' AND last > base AND first <= head ORDER BY last)",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(lines.lines().count(), 6);
    assert_eq!(lines.lines().nth(3).unwrap().as_bytes(), line(4));
    let columns = "SELECT state, version, head, snapshot ->> '$.log.head' FROM session";
    let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?));
    let row: (String, i64, i64, i64) = other.query_row(columns, [], row).unwrap();
    assert_eq!(row, ("DETACHED".into(), 2, 6, 6));
}

#[tokio::test]
async fn what_is_closed_says_so_and_its_file_is_in_order() {
    let place = Place::new();
    let store = owned(&place).await;
    make_six(&store, "a").await;
    let clone = store.clone();
    let (one, two) = tokio::join!(store.close(), clone.close());
    assert_eq!((one, two), (Ok(()), Ok(())));
    for store in [&store, &clone] {
        assert_eq!(store.open().await, Err(StoreError::Closed));
        assert_eq!(store.load(&name("a")).await, Err(StoreError::Closed));
        assert_eq!(
            store.read(&name("a"), Seq(1), Seq(1), usize::MAX).await,
            Err(StoreError::Closed)
        );
        assert_eq!(store.unfinished(None, 1).await, Err(StoreError::Closed));
        let closed = Err(CommitError::Failed(StoreError::Closed));
        assert_eq!(store.commit(commit("a", 2, 6, 1)).await, closed);
        assert_eq!(store.forget(&name("a")).await, closed);
        assert_eq!(store.close().await, Ok(()));
    }
    assert_eq!(files(&place), ["sessions.db", "sessions.db-witness"]);
    has_six(&owned(&place).await, "a").await;
}

#[tokio::test]
async fn dropping_it_finishes_what_was_asked() {
    let place = Place::new();
    let store = owned(&place).await;
    for version in 0..200 {
        // Nobody waits for the answer.
        drop(store.commit(commit("a", version, version * 2, 2)));
    }
    drop(store);
    assert_eq!(files(&place), ["sessions.db", "sessions.db-witness"]);
    let store = owned(&place).await;
    let stored = store.load(&name("a")).await.unwrap().unwrap();
    assert_eq!((stored.version.0, stored.snapshot.log.head), (200, Seq(400)));
    let lines = store.read(&name("a"), Seq(1), Seq(400), usize::MAX).await.unwrap();
    assert_eq!(lines, (1..=400).map(line).collect::<Vec<_>>());
}

#[tokio::test]
async fn an_empty_file_is_made_a_store() {
    let place = Place::new();
    std::fs::write(place.file(), "").unwrap();
    let store = owned(&place).await;
    make_six(&store, "a").await;
    has_six(&store, "a").await;
}

#[tokio::test]
async fn a_newer_schema_is_refused_and_left_alone() {
    let place = Place::new();
    make_six(&owned(&place).await, "a").await;
    let other = Connection::open(place.file()).unwrap();
    other.execute_batch("PRAGMA user_version = 99; PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    drop(other);
    let before = std::fs::read(place.file()).unwrap();
    let refused = Sqlite::open(place.file()).unwrap_err();
    let file = place.file().display().to_string();
    let told = matches!(&refused, StoreError::Newer(why) if why.message().contains(&file) && why.message().contains("schema 99"));
    assert!(told, "{refused}");
    assert_eq!(std::fs::read(place.file()).unwrap(), before);
    let other = Connection::open(place.file()).unwrap();
    other.execute_batch("PRAGMA user_version = 3").unwrap();
    drop(other);
    has_six(&owned(&place).await, "a").await;
}

#[tokio::test]
async fn the_database_of_another_program_is_left_alone() {
    for made in ["CREATE TABLE theirs (n)", "PRAGMA user_version = 1", "PRAGMA application_id = 7"]
    {
        let place = Place::new();
        let other = Connection::open(place.file()).unwrap();
        other.execute_batch(made).unwrap();
        drop(other);
        let before = std::fs::read(place.file()).unwrap();
        let refused = Sqlite::open(place.file()).unwrap_err();
        assert!(matches!(&refused, StoreError::Foreign(_)), "{refused}");
        let file = place.file().display().to_string();
        assert!(refused.to_string().contains(&file), "the file is not named: {refused}");
        assert_eq!(std::fs::read(place.file()).unwrap(), before);
    }
}

#[tokio::test]
async fn what_is_no_database_is_left_alone() {
    let place = Place::new();
    std::fs::write(place.file(), "no database, but long enough to have a header\n".repeat(99))
        .unwrap();
    let before = std::fs::read(place.file()).unwrap();
    let refused = Sqlite::open(place.file()).unwrap_err();
    let file = place.file().display().to_string();
    assert!(
        matches!(&refused, StoreError::Corrupt(why) if why.message().starts_with(&file)),
        "the file is not named: {refused}"
    );
    assert_eq!(std::fs::read(place.file()).unwrap(), before);
}

#[tokio::test]
async fn a_folder_that_is_missing_is_an_error_until_it_is_there() {
    let place = Place::new();
    let path = place.folder().join("later").join("sessions.db");
    assert!(matches!(Sqlite::open(&path), Err(StoreError::Io(_))));
    assert!(matches!(Sqlite::open(place.folder()), Err(StoreError::Io(_))));
    std::fs::create_dir(place.folder().join("later")).unwrap();
    let store = Sqlite::open(&path).unwrap();
    store.open().await.unwrap();
    make_six(&store, "a").await;
}

#[tokio::test]
async fn a_lock_of_another_process_is_waited_for_and_then_told() {
    let place = Place::new();
    let other = {
        make_six(&owned(&place).await, "a").await;
        Connection::open(place.file()).unwrap()
    };
    let busy = Duration::from_millis(40);
    let store = Sqlite::options().busy_timeout(busy).open(place.file()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert!(matches!(store.open().await, Err(StoreError::Locked(_))));
    other.execute_batch("ROLLBACK").unwrap();
    store.open().await.unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let locked = store.commit(commit("a", 2, 6, 1)).await;
    assert!(matches!(locked, Err(CommitError::Failed(StoreError::Locked(_)))), "{locked:?}");
    // Who reads does not wait.
    has_six(&store, "a").await;
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(store.commit(commit("a", 2, 6, 1)).await, Ok(()));
    // Nor can a file that nobody made yet be made while it is locked.
    let fresh = Place::new();
    let other = Connection::open(fresh.file()).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let locked = Sqlite::options().busy_timeout(busy).open(fresh.file());
    assert!(matches!(locked, Err(StoreError::Locked(_))), "{locked:?}");
    other.execute_batch("ROLLBACK").unwrap();
    assert!(Sqlite::open(fresh.file()).is_ok());
}

#[tokio::test]
async fn an_owner_that_is_stopped_within_a_transaction_is_named_to_the_next_one() {
    let place = Place::new();
    let _stopped = owned(&place).await;
    let lock = Connection::open(place.file()).unwrap();
    lock.execute_batch("BEGIN IMMEDIATE").unwrap();
    let busy = Duration::from_millis(40);
    let next = Sqlite::options().busy_timeout(busy).open(place.file()).unwrap();
    let error = next.open().await.unwrap_err();
    assert!(matches!(error, StoreError::Locked(_)), "{error:?}");
    let (told, id) = (error.to_string(), std::process::id());
    assert!(
        told.contains(&format!("more than 40ms; its last owner is process {id} on ")),
        "{told}"
    );
    lock.execute_batch("ROLLBACK").unwrap();
    next.open().await.unwrap();
}

#[tokio::test]
async fn a_commit_that_no_log_can_have_is_refused() {
    let place = Place::new();
    let store = owned(&place).await;
    make_six(&store, "a").await;
    let with = |head, base, entries: &[&'static str]| {
        let entries = entries.iter().map(|entry| (*entry).into()).collect();
        Commit { snapshot: snapshot(base, head), entries, ..commit("a", 2, 6, 0) }
    };
    store.commit(with(6, 3, &[])).await.unwrap();
    let damaged = [
        with(8, 3, &["1"]),
        with(6, 3, &["1"]),
        with(7, 2, &["1"]),
        with(7, 8, &["1"]),
        with(7, 3, &["1\n2"]),
        with(0, 0, &["1"]),
        with(u64::MAX, 3, &["1"]),
    ];
    for mut commit in damaged {
        commit.expect.0 = 3;
        let refused = store.commit(commit.clone()).await;
        let said = matches!(&refused, Err(CommitError::Failed(StoreError::Io(why))) if why.message().contains("no store can keep"));
        assert!(said, "{refused:?} to {commit:?}");
    }
    let mut bytes = with(7, 3, &[]);
    bytes.expect.0 = 3;
    bytes.entries = vec![vec![b'"', 0xff, b'"'].into()];
    assert!(matches!(store.commit(bytes).await, Err(CommitError::Failed(_))));
    let middle = store.commit(commit("b", 0, 5, 1)).await;
    assert!(matches!(middle, Err(CommitError::Failed(_))), "{middle:?}");
    assert_eq!(store.load(&name("b")).await, Ok(None));
    let mut right = commit("a", 3, 6, 1);
    right.snapshot = snapshot(3, 7);
    assert_eq!(store.commit(right).await, Ok(()));
}

#[tokio::test]
async fn chunks_that_nobody_can_read_are_deleted_little_by_little() {
    let place = Place::new();
    let store = owned(&place).await;
    let other = Connection::open(place.file()).unwrap();
    let chunks = || other.query_row("SELECT count(*) FROM chunk", [], |row| row.get::<_, i64>(0));
    for version in 0..300 {
        store.commit(commit("a", version, version, 1)).await.unwrap();
        store.commit(commit("b", version, version, 1)).await.unwrap();
    }
    assert_eq!(chunks(), Ok(600));
    // One commit trims all of it, and deletes some.
    for version in 300..360 {
        let mut trimmed = commit("a", version, version, 1);
        trimmed.snapshot = snapshot(version, version + 1);
        store.commit(trimmed).await.unwrap();
        if version == 300 {
            assert!((500..600).contains(&chunks().unwrap()), "{:?}", chunks());
        }
    }
    assert_eq!(chunks(), Ok(301));
    store.forget(&name("b")).await.unwrap();
    for version in 360..380 {
        store.commit(commit("c", version - 360, version - 360, 1)).await.unwrap();
    }
    assert_eq!(chunks(), Ok(21));
    let left = other.query_row("SELECT count(*) FROM forgotten", [], |row| row.get::<_, i64>(0));
    assert_eq!(left, Ok(0));
}
