//! Copies that are put back, and logs that lost their end: what may be lost is lossy, and nothing else.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;

use outlive_server::store::{Sqlite, Store, StoreError};
use rusqlite::Connection;

use super::child::command;
use super::kill::note;
use super::owned;
use outlive_testkit::place::{Place, commit, name};

fn beside(place: &Place, suffix: &str) -> PathBuf {
    place.folder().join(format!("sessions.db{suffix}"))
}

/// What a copy of the files is: a folder with the files of these suffixes.
fn copied(place: &Place, suffixes: &[&str]) -> Place {
    let copy = Place::new();
    for suffix in suffixes {
        if beside(place, suffix).exists() {
            fs::copy(beside(place, suffix), beside(&copy, suffix)).unwrap();
        }
    }
    copy
}

/// Puts a copy back, over what is there.
fn put_back(copy: &Place, place: &Place) {
    for suffix in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(beside(place, suffix));
    }
    for suffix in ["", "-wal", "-witness"] {
        if beside(copy, suffix).exists() {
            fs::copy(beside(copy, suffix), beside(place, suffix)).unwrap();
        }
    }
}

/// Its process is gone, without an order.
#[allow(clippy::mem_forget)]
fn crash(store: Sqlite) {
    std::mem::forget(store);
}

async fn lossy(store: &Sqlite, session: &str) -> bool {
    store.load(&name(session)).await.unwrap().unwrap().lossy
}

/// Takes the store; whether it may have lost the end of `a`, before it is owned and afterwards.
async fn is_noticed(place: &Place) -> bool {
    let store = Sqlite::open(place.file()).unwrap();
    let before = lossy(&store, "a").await;
    store.open().await.unwrap();
    let after = lossy(&store, "a").await;
    assert_eq!(before, after);
    store.close().await.unwrap();
    after
}

/// So many commits of one entry each to `a`.
async fn grow(store: &Sqlite, from: u64, to: u64) {
    for version in from..to {
        store.commit(commit("a", version, version, 1)).await.unwrap();
    }
}

#[tokio::test]
async fn a_copy_that_is_put_back_is_noticed_however_it_was_made() {
    for closed in [true, false] {
        for vacuumed in [true, false] {
            let place = Place::new();
            let store = owned(&place).await;
            grow(&store, 0, 5).await;
            let copy = if vacuumed {
                let copy = Place::new();
                let to = copy.file().display().to_string();
                Connection::open(place.file()).unwrap().execute("VACUUM INTO ?1", [to]).unwrap();
                copy
            } else {
                copied(&place, &["", "-wal"])
            };
            grow(&store, 5, 9).await;
            if closed {
                store.close().await.unwrap();
            } else {
                crash(store);
            }
            put_back(&copy, &place);
            assert!(is_noticed(&place).await, "closed: {closed}, vacuumed: {vacuumed}");
        }
    }
}

/// Also if the copy has grown beyond what was lost, in a folder of its own.
#[tokio::test]
async fn a_copy_that_was_used_elsewhere_is_noticed() {
    let place = Place::new();
    let store = owned(&place).await;
    grow(&store, 0, 5).await;
    let copy = copied(&place, &["", "-wal"]);
    grow(&store, 5, 9).await;
    store.close().await.unwrap();
    assert!(is_noticed(&copy).await, "it came without its witness");
    let elsewhere = owned(&copy).await;
    grow(&elsewhere, 5, 30).await;
    elsewhere.close().await.unwrap();
    fs::remove_file(beside(&copy, "-witness")).unwrap();
    put_back(&copy, &place);
    assert!(is_noticed(&place).await);
}

#[tokio::test]
async fn a_folder_that_was_copied_with_its_witness_is_noticed() {
    let place = Place::new();
    let store = owned(&place).await;
    grow(&store, 0, 5).await;
    store.close().await.unwrap();
    let copy = copied(&place, &["", "-wal", "-witness"]);
    let tells_births = fs::metadata(place.file()).unwrap().created().is_ok();
    if tells_births || cfg!(unix) {
        assert!(is_noticed(&copy).await);
    }
    // It has a witness of its own from then on.
    let store = owned(&copy).await;
    grow(&store, 5, 6).await;
    crash(store);
    assert!(!is_noticed(&copy).await);
}

/// Of several lengths, after the kill of its process: an owner that lacks a commit of which its predecessor was
/// told is told so, or it would use the same places again under the same log.
#[tokio::test]
async fn a_log_that_lost_its_end_is_noticed() {
    for task in ["commit", "commit fast"] {
        let place = Place::new();
        let mut child = command(task, &place.file()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut acknowledged = BTreeMap::new();
        for _ in 0..60 {
            note(&mut acknowledged, &lines.next().expect("it was not killed yet").unwrap());
        }
        child.kill().unwrap();
        child.wait().unwrap();
        for text in lines.map_while(Result::ok) {
            note(&mut acknowledged, &text);
        }
        // In place, so that the witness is not a copy.
        let whole =
            ["", "-wal", "-witness"].map(|suffix| fs::read(beside(&place, suffix)).unwrap());
        for part in (0..=24).rev() {
            let [file, log, witness] = &whole;
            fs::write(place.file(), file).unwrap();
            fs::write(beside(&place, "-wal"), &log[..log.len() * part / 24]).unwrap();
            fs::write(beside(&place, "-witness"), witness).unwrap();
            let _ = fs::remove_file(beside(&place, "-shm"));
            let store = owned(&place).await;
            let (mut lost, mut told) = (false, Vec::new());
            for (session, version) in &acknowledged {
                let stored = store.load(&name(session)).await.unwrap();
                lost |= stored.as_ref().is_none_or(|stored| stored.version.0 < *version);
                told.extend(stored.map(|stored| stored.lossy));
            }
            let right = told.iter().all(|told| *told == lost);
            assert!(
                right || part < 24 && told.iter().all(|told| *told),
                "{part}: {lost}, {told:?}"
            );
            // The last transactions may have been acknowledged to nobody yet.
            assert!(if part > 12 { part < 24 || !lost } else { lost }, "{part}: {lost}");
            store.close().await.unwrap();
        }
    }
}

#[tokio::test]
async fn what_lost_nothing_is_not_lossy() {
    let place = Place::new();
    let store = owned(&place).await;
    grow(&store, 0, 5).await;
    crash(store);
    assert!(!is_noticed(&place).await, "its process was killed");
    assert!(!is_noticed(&place).await, "it was closed");
    // Two owners at once, of which the older one finds out late.
    let first = owned(&place).await;
    grow(&first, 5, 6).await;
    let second = owned(&place).await;
    grow(&second, 6, 8).await;
    assert!(first.commit(commit("a", 6, 6, 1)).await.is_err());
    first.close().await.unwrap();
    crash(second);
    assert!(!is_noticed(&place).await);
    // A copy that has everything.
    let copy = copied(&place, &[""]);
    put_back(&copy, &place);
    assert!(!is_noticed(&place).await, "the copy is not older");
}

#[tokio::test]
async fn a_witness_that_is_gone_or_unreadable_makes_a_store_lossy_once() {
    let harms: [fn(&Place); 3] = [
        |place| fs::remove_file(beside(place, "-witness")).unwrap(),
        |place| fs::write(beside(place, "-witness"), "").unwrap(),
        |place| fs::write(beside(place, "-witness"), "0 0 0 0\n".repeat(64)).unwrap(),
    ];
    for harm in harms {
        let place = Place::new();
        let store = owned(&place).await;
        grow(&store, 0, 5).await;
        store.close().await.unwrap();
        harm(&place);
        assert!(is_noticed(&place).await);
        // Until it is committed again.
        let store = owned(&place).await;
        assert!(lossy(&store, "a").await);
        grow(&store, 5, 6).await;
        crash(store);
        assert!(!is_noticed(&place).await);
    }
}

#[tokio::test]
async fn what_is_said_to_be_restored_is_lossy() {
    let place = Place::new();
    let store = owned(&place).await;
    grow(&store, 0, 5).await;
    store.close().await.unwrap();
    let store = Sqlite::options().restored(true).open(place.file()).unwrap();
    assert!(lossy(&store, "a").await);
    store.open().await.unwrap();
    assert!(lossy(&store, "a").await);
    grow(&store, 5, 6).await;
    assert!(!lossy(&store, "a").await);
    // It is said once.
    store.open().await.unwrap();
    assert!(!lossy(&store, "a").await);
    store.close().await.unwrap();
    assert!(!is_noticed(&place).await);
}

/// The log of a killed process is left beside an older copy, which overwrites the file.
#[tokio::test]
async fn a_log_beside_a_copy_that_it_does_not_belong_to_is_refused_and_kept() {
    for task in ["commit", "commit fast"] {
        let place = Place::new();
        let store = owned(&place).await;
        grow(&store, 0, 5).await;
        store.close().await.unwrap();
        let copy = fs::read(place.file()).unwrap();
        let store = owned(&place).await;
        grow(&store, 5, 9).await;
        store.close().await.unwrap();
        let mut child = command(task, &place.file()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert_eq!(lines.take(20).flatten().count(), 20);
        child.kill().unwrap();
        child.wait().unwrap();
        let newer = fs::read(place.file()).unwrap();
        fs::write(place.file(), &copy).unwrap();
        let log = fs::read(beside(&place, "-wal")).unwrap();
        let refused = Sqlite::open(place.file()).unwrap_err();
        let told = matches!(&refused, StoreError::Corrupt(why) if why.message().contains("-wal"));
        assert!(told, "{refused}");
        assert_eq!(fs::read(place.file()).unwrap(), copy);
        assert_eq!(fs::read(beside(&place, "-wal")).unwrap(), log);
        // It fits the file that it belongs to.
        fs::write(place.file(), newer).unwrap();
        assert!(!is_noticed(&place).await);
        // And without it the copy is what it is: older.
        for suffix in ["-wal", "-shm"] {
            let _ = fs::remove_file(beside(&place, suffix));
        }
        fs::write(place.file(), &copy).unwrap();
        assert!(is_noticed(&place).await);
    }
}

/// Within one owner too: the log was begun anew since the copy was made.
#[tokio::test]
async fn a_log_that_was_begun_anew_since_the_copy_was_made_is_refused() {
    let place = Place::new();
    let store = owned(&place).await;
    let other = Connection::open(place.file()).unwrap();
    let mut copies = Vec::new();
    for version in (0..40).step_by(5) {
        grow(&store, version, version + 5).await;
        other.query_row("PRAGMA wal_checkpoint(RESTART)", [], |_| Ok(())).unwrap();
        copies.push(fs::read(place.file()).unwrap());
    }
    grow(&store, 40, 43).await;
    let last = copies.pop().unwrap();
    let log = fs::read(beside(&place, "-wal")).unwrap();
    for (fits, copy) in copies.into_iter().map(|copy| (false, copy)).chain([(true, last)]) {
        let elsewhere = Place::new();
        fs::write(elsewhere.file(), copy).unwrap();
        fs::write(beside(&elsewhere, "-wal"), &log).unwrap();
        assert_eq!(Sqlite::open(elsewhere.file()).is_ok(), fits);
    }
}
