//! Damage: it is told with the session's name, the others go on, and nothing panics.

use std::fs;

use outlive::ids::Seq;
use outlive_server::store::{CommitError, Sqlite, Store, StoreError};
use rusqlite::Connection;

use super::{has_six, make_six, owned};
use outlive_testkit::place::{Place, commit, line, name};

#[tokio::test]
async fn a_damaged_record_is_told_by_its_name_and_the_others_go_on() {
    let damages = [
        ("UPDATE session SET snapshot = replace(snapshot, 'DETACHED', 'DETACHEE') WHERE id = 'bad'"),
        ("UPDATE session SET snapshot = replace(snapshot, '\"base\":0', '\"base\":9') WHERE id = 'bad'"),
        ("UPDATE session SET snapshot = replace(snapshot, '\"head\":6', '\"head\":4') WHERE id = 'bad'"),
        ("UPDATE session SET snapshot = replace(snapshot, '\"turn\":null', '\"turn\":7') WHERE id = 'bad'"),
        ("UPDATE session SET snapshot = substr(snapshot, 2) WHERE id = 'bad'"),
        ("UPDATE session SET snapshot = CAST(x'ff00' AS TEXT) WHERE id = 'bad'"),
        ("UPDATE session SET snapshot = '' WHERE id = 'bad'"),
        ("UPDATE session SET state = 'ACTIVE' WHERE id = 'bad'"),
        ("UPDATE session SET base = 1 WHERE id = 'bad'"),
        ("UPDATE session SET version = 0 WHERE id = 'bad'"),
        ("UPDATE session SET head = -1 WHERE id = 'bad'"),
    ];
    for damage in damages {
        let place = Place::new();
        let store = owned(&place).await;
        make_six(&store, "bad").await;
        make_six(&store, "good").await;
        let other = Connection::open(place.file()).unwrap();
        assert_eq!(other.execute(damage, []), Ok(1), "{damage}");
        let told = store.load(&name("bad")).await;
        let said =
            matches!(&told, Err(StoreError::Corrupt(why)) if why.message().contains("session bad"));
        assert!(said, "{damage}: {told:?}");
        has_six(&store, "good").await;
        assert_eq!(store.unfinished(None, 9).await.unwrap().sessions.len(), 2);
    }
}

#[tokio::test]
async fn a_damaged_log_is_told_by_its_name() {
    let damages = [
        ("DELETE FROM chunk WHERE first = 1"),
        ("DELETE FROM chunk WHERE last = 6"),
        ("UPDATE chunk SET first = first + 1"),
        ("UPDATE chunk SET body = body || char(10) || '7' WHERE first = 4"),
        ("UPDATE chunk SET body = replace(body, char(10), ' ')"),
        ("UPDATE chunk SET body = CAST(x'ff0a0a' AS TEXT)"),
    ];
    for damage in damages {
        let place = Place::new();
        let store = owned(&place).await;
        make_six(&store, "bad").await;
        Connection::open(place.file()).unwrap().execute(damage, []).unwrap();
        let told = store.read(&name("bad"), Seq(1), Seq(6), usize::MAX).await;
        let said =
            matches!(&told, Err(StoreError::Corrupt(why)) if why.message().contains("session bad"));
        assert!(said, "{damage}: {told:?}");
    }
}

/// Who reads a part is not told of the damage behind it: that is how little was read.
#[tokio::test]
async fn a_part_of_a_log_is_read_without_what_comes_behind() {
    let place = Place::new();
    let store = owned(&place).await;
    make_six(&store, "large").await;
    let other = Connection::open(place.file()).unwrap();
    other.execute("UPDATE chunk SET body = '' WHERE first = 4", []).unwrap();
    let two = line(1).len() + line(2).len();
    let told = store.read(&name("large"), Seq(1), Seq(6), two).await;
    assert_eq!(told, Ok(vec![line(1), line(2)]), "it needs the first chunk only");
    assert!(store.read(&name("large"), Seq(1), Seq(6), usize::MAX).await.is_err());
}

#[tokio::test]
async fn a_name_that_is_none_is_told() {
    let place = Place::new();
    let store = owned(&place).await;
    make_six(&store, "bad").await;
    let other = Connection::open(place.file()).unwrap();
    other.execute("UPDATE session SET id = 'not a name'", []).unwrap();
    let told = store.unfinished(None, 9).await;
    assert!(
        matches!(&told, Err(StoreError::Corrupt(why)) if why.message().contains("not a name")),
        "{told:?}"
    );
}

/// Whatever bytes are damaged: an answer, that is an error or right.
#[tokio::test]
async fn damaged_bytes_are_told_or_harmless() {
    let place = Place::new();
    let store = owned(&place).await;
    for session in ["a", "b", "c"] {
        make_six(&store, session).await;
    }
    store.close().await.unwrap();
    let whole = fs::read(place.file()).unwrap();
    let mut told = 0;
    for round in 0..60 {
        let mut bytes = whole.clone();
        let start = round * whole.len() / 60;
        let end = (start + 300).min(whole.len());
        match round % 3 {
            0 => bytes[start..end].fill(0),
            1 => bytes[start..end].iter_mut().for_each(|byte| *byte ^= 0x5a),
            _ => bytes.truncate(start),
        }
        let place = Place::new();
        fs::write(place.file(), bytes).unwrap();
        let Ok(store) = Sqlite::open(place.file()) else {
            told += 1;
            continue;
        };
        told += usize::from(store.open().await.is_err());
        for session in ["a", "b", "c"] {
            if let Ok(Some(stored)) = store.load(&name(session)).await {
                assert_eq!(stored.version.0, 2, "round {round}");
            }
            if let Ok(lines) = store.read(&name(session), Seq(1), Seq(6), usize::MAX).await {
                // What is in a line is not the store's to judge.
                assert_eq!(lines.len(), (1..=6).map(line).count(), "round {round}");
            }
        }
        let _ = store.unfinished(None, 10).await;
        let _ = store.forget(&name("a")).await;
    }
    assert!(told > 10, "{told}");
}

/// The index that finds a name has lost it: that is damage, and not a session that is not there.
#[tokio::test]
async fn a_name_that_an_index_has_lost_is_told() {
    let place = Place::new();
    let store = owned(&place).await;
    make_six(&store, "bad").await;
    make_six(&store, "good").await;
    store.close().await.unwrap();
    let bytes = fs::read(place.file()).unwrap();
    let mut damaged = bytes.clone();
    // In the index a name is not followed by its hash but by a key.
    let places: Vec<usize> =
        (0..bytes.len() - 3).filter(|at| bytes[*at..].starts_with(b"bad")).collect();
    let mut found = 0;
    for at in places {
        damaged[at] ^= 1;
        fs::write(place.file(), &damaged).unwrap();
        damaged[at] ^= 1;
        let store = Sqlite::open(place.file()).unwrap();
        let told = [
            store.load(&name("bad")).await.map(|_| ()),
            store.read(&name("bad"), Seq(1), Seq(6), usize::MAX).await.map(|_| ()),
            store.unfinished(None, 9).await.map(|_| ()),
        ];
        let named = |error: &StoreError| matches!(error, StoreError::Corrupt(why) if why.message().contains("session bad"));
        found += usize::from(told[..2].iter().all(|told| told.as_ref().is_err_and(named)));
        assert!(told.iter().any(Result::is_err), "{told:?}");
        // Who writes is told as well, and not that another owner has it.
        store.open().await.unwrap();
        let answers =
            [store.commit(commit("bad", 2, 6, 1)).await, store.forget(&name("bad")).await];
        if told[0].is_err() {
            let corrupt = |answer: &Result<(), CommitError>| {
                matches!(answer, Err(CommitError::Failed(StoreError::Corrupt(_))))
            };
            assert!(answers.iter().all(corrupt), "{answers:?}");
        }
        has_six(&store, "good").await;
    }
    assert_eq!(found, 1, "only one index has it");
}
