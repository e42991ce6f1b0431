//! Files that go away under a running store: it commits nothing that only it could find, and says so.

use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};

use outlive_server::store::{CommitError, Durability, Sqlite, Store, StoreError};
use rusqlite::Connection;

use super::child::{command, said};
use super::{has_six, make_six, owned};
use outlive_testkit::place::{Place, commit, name};

fn beside(place: &Place, suffix: &str) -> PathBuf {
    place.folder().join(format!("sessions.db{suffix}"))
}

fn truncate(path: &Path, to: u64) {
    OpenOptions::new().write(true).open(path).unwrap().set_len(to).unwrap();
}

/// Another file takes the name, as when a copy is put back.
fn replace(path: &Path) {
    let copy = path.with_extension("copy");
    fs::copy(path, &copy).unwrap();
    fs::rename(copy, path).unwrap();
}

type Harm = fn(&Place);

const HARMS: [(&str, Harm); 9] = [
    ("sessions.db was deleted", |place| fs::remove_file(place.file()).unwrap()),
    ("sessions.db was replaced", |place| replace(&place.file())),
    ("sessions.db was truncated", |place| truncate(&place.file(), 8192)),
    ("sessions.db-wal was deleted", |place| fs::remove_file(beside(place, "-wal")).unwrap()),
    ("sessions.db-wal was replaced", |place| replace(&beside(place, "-wal"))),
    ("sessions.db-wal was truncated", |place| truncate(&beside(place, "-wal"), 0)),
    ("sessions.db-wal was truncated", |place| {
        let wal = beside(place, "-wal");
        truncate(&wal, fs::metadata(&wal).unwrap().len() - 1);
    }),
    ("sessions.db-shm was deleted", |place| fs::remove_file(beside(place, "-shm")).unwrap()),
    ("sessions.db-shm was replaced", |place| replace(&beside(place, "-shm"))),
];

/// A store with a session in the file, and more of it in the log.
async fn used(place: &Place) -> Sqlite {
    let store = owned(place).await;
    make_six(&store, "a").await;
    store.close().await.unwrap();
    let store = owned(place).await;
    store.commit(commit("b", 0, 0, 1)).await.unwrap();
    store
}

#[cfg(unix)]
#[tokio::test]
async fn a_store_whose_files_went_away_is_lost_to_its_owner() {
    for (told, harm) in HARMS {
        let place = Place::new();
        let store = used(&place).await;
        harm(&place);
        let answer = store.commit(commit("b", 1, 1, 1)).await;
        assert_eq!(answer, Err(CommitError::Stale), "{told}");
        assert_eq!(store.forget(&name("a")).await, Err(CommitError::Stale), "{told}");
        assert_eq!(store.renew().await, Ok(false), "{told}");
        let why = |result: Result<(), StoreError>| matches!(result, Err(StoreError::Io(why)) if why.message().ends_with(told));
        assert!(why(store.open().await), "{told}");
        assert!(why(store.close().await), "{told}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_store_that_commits_nothing_is_asked_and_says_that_it_is_lost() {
    for (told, harm) in HARMS {
        let place = Place::new();
        let store = used(&place).await;
        assert_eq!(store.renew().await, Ok(true));
        harm(&place);
        assert_eq!(store.renew().await, Ok(false), "{told}");
        assert_eq!(store.commit(commit("b", 1, 1, 1)).await, Err(CommitError::Stale), "{told}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_reader_that_begins_late_does_not_read_another_file() {
    let place = Place::new();
    let store = used(&place).await;
    let other = Place::new();
    make_six(&owned(&other).await, "theirs").await;
    fs::rename(other.file(), place.file()).unwrap();
    let told = store.load(&name("theirs")).await;
    assert!(matches!(&told, Err(StoreError::Io(_))), "{told:?}");
}

/// The file is still there, but nobody finds it by the name.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_link_that_leads_elsewhere_is_a_file_that_was_replaced() {
    use std::os::unix::ffi::OsStrExt as _;
    let (place, other) = (Place::new(), Place::new());
    make_six(&owned(&other).await, "theirs").await;
    // Not every name is text.
    let real = place.folder().join(std::ffi::OsStr::from_bytes(b"real\xff.db"));
    fs::write(&real, "").unwrap();
    std::os::unix::fs::symlink(&real, place.file()).unwrap();
    let store = owned(&place).await;
    make_six(&store, "a").await;
    assert!(!beside(&place, "-witness").exists(), "it is beside the file, not beside the link");
    fs::remove_file(place.file()).unwrap();
    std::os::unix::fs::symlink(other.file(), place.file()).unwrap();
    assert_eq!(store.commit(commit("a", 2, 6, 1)).await, Err(CommitError::Stale));
    drop(store);
    has_six(&Sqlite::open(&real).unwrap(), "a").await;
}

/// What the owner has acknowledged is in the log that was deleted, and only this process can still read it.
#[cfg(unix)]
#[tokio::test]
async fn what_is_in_a_deleted_log_is_brought_into_the_file() {
    for commits_again in [true, false] {
        let place = Place::new();
        let store = owned(&place).await;
        make_six(&store, "a").await;
        fs::remove_file(beside(&place, "-wal")).unwrap();
        if commits_again {
            assert_eq!(store.commit(commit("a", 2, 6, 1)).await, Err(CommitError::Stale));
        }
        assert!(store.close().await.is_err());
        has_six(&owned(&place).await, "a").await;
    }
}

/// The files that have the names by now are another owner's.
#[cfg(unix)]
#[tokio::test]
async fn who_lost_its_files_leaves_those_of_the_next_one_alone() {
    let place = Place::new();
    let first = used(&place).await;
    let away = Place::new();
    for suffix in ["", "-wal", "-shm"] {
        fs::rename(beside(&place, suffix), beside(&away, suffix)).unwrap();
    }
    let second = owned(&place).await;
    make_six(&second, "new").await;
    assert!(first.close().await.is_err());
    assert_eq!(second.renew().await, Ok(true));
    assert_eq!(second.commit(commit("newer", 0, 0, 1)).await, Ok(()));
    second.close().await.unwrap();
    has_six(&owned(&place).await, "new").await;
    // Nor has it lost anything where its files are now.
    has_six(&owned(&away).await, "a").await;
    assert!(owned(&away).await.load(&name("b")).await.unwrap().is_some());
}

#[tokio::test]
async fn a_log_that_another_program_brings_into_the_file_is_no_loss() {
    let place = Place::new();
    let store = used(&place).await;
    let other = Connection::open(place.file()).unwrap();
    for (version, mode) in (1..).zip(["TRUNCATE", "RESTART", "PASSIVE", "FULL", "TRUNCATE"]) {
        other
            .query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |row| row.get::<_, i64>(0))
            .unwrap();
        assert_eq!(store.renew().await, Ok(true), "{mode}");
        assert_eq!(store.commit(commit("b", version, version, 1)).await, Ok(()), "{mode}");
    }
    store.close().await.unwrap();
    has_six(&owned(&place).await, "a").await;
}

/// Once for each reason, and not with each commit.
#[test]
fn a_log_that_does_not_get_into_the_file_is_told_once() {
    let place = Place::new();
    let output = command("stuck", &place.file()).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let told: Vec<&str> = text.lines().filter_map(said).collect();
    let grows = told.iter().filter(|line| line.contains("does not get into the file")).count();
    let again = told.iter().filter(|line| line.contains("got into the file again")).count();
    assert_eq!((grows, again), (1, 1), "{told:?}");
}

/// The child of the test before: a reader holds the log, then it ends.
pub(super) async fn stuck(file: &Path) {
    let store = Sqlite::options().durability(Durability::Fast).open(file).unwrap();
    store.open().await.unwrap();
    let large = |version: u64| outlive_server::store::Commit {
        entries: vec![format!("\"{}\"", "x".repeat(60_000)).into()],
        ..commit("a", version, version, 1)
    };
    store.commit(large(0)).await.unwrap();
    let other = Connection::open(file).unwrap();
    other.execute_batch("BEGIN; SELECT count(*) FROM session").unwrap();
    // Twice as much as makes it look.
    for version in 1..1200 {
        store.commit(large(version)).await.unwrap();
    }
    other.execute_batch("ROLLBACK").unwrap();
    for version in 1200..1500 {
        store.commit(large(version)).await.unwrap();
    }
    store.close().await.unwrap();
}
