//! Databases that are not what they were: copies that are put back, and standbys that are promoted.

use outlive::ids::Seq;
use outlive_postgres::{Postgres, PostgresOptions};
use outlive_server::store::{CommitError, Owner, Store as _};
use outlive_testkit::place::{commit, line, name};

use outlive_testkit::postgres::{Server, folder, programs};

use crate::place::{self, Place};

async fn opened(options: PostgresOptions, url: &str) -> Postgres {
    let store = options.connect(url).await.unwrap();
    store.open().await.unwrap();
    store
}

/// Version, and whether it is lossy, as who takes the session sees it.
async fn taken(store: &Postgres, session: &str) -> (u64, bool) {
    let stored = store.claim(&name(session)).await.unwrap().unwrap();
    assert_eq!(stored.owner, Owner::Ours);
    (stored.version.0, stored.lossy)
}

#[tokio::test]
async fn a_copy_that_was_put_back_is_lossy_until_it_is_committed() {
    let Some(place) = Place::new().await else { return };
    let store = opened(Postgres::options(), &place.url()).await;
    store.commit(commit("a", 0, 0, 1)).await.unwrap();
    store.commit(commit("b", 0, 0, 1)).await.unwrap();
    let next = opened(Postgres::options(), &place.url()).await;
    assert_eq!(taken(&next, "a").await, (1, false));
    let restored = opened(Postgres::options().restored(true), &place.url()).await;
    assert_eq!(taken(&restored, "a").await, (1, true));
    restored.commit(commit("a", 1, 1, 1)).await.unwrap();
    assert_eq!(taken(&restored, "a").await, (2, false));
    // It is not forgotten with the process.
    let next = opened(Postgres::options(), &place.url()).await;
    assert_eq!((taken(&next, "a").await, taken(&next, "b").await), ((2, false), (1, true)));
}

/// The standby has the first commits, and not the last ones of `lost` and of `claimed`.
#[tokio::test]
async fn a_standby_that_is_promoted_without_the_last_commits_is_lossy() {
    if programs().is_none() {
        return outlive_testkit::skip::skip("PostgreSQL");
    }
    let primary = Server::new("");
    let one = opened(Postgres::options().name("one"), &primary.url("postgres")).await;
    for session in ["lost", "whole", "claimed"] {
        one.commit(commit(session, 0, 0, 1)).await.unwrap();
    }
    let make = format!(
        "\"$BIN/pg_basebackup\" -h '{}' -U postgres -D data -X stream -c fast -R \
         && sed -i 's/^primary_conninfo.*/primary_conninfo = '\"''\"'/' data/postgresql.auto.conf",
        primary.folder().display()
    );
    let standby = Server::start(folder(), &make, "");
    let told = Postgres::connect(&standby.url("postgres")).await.unwrap_err().to_string();
    assert!(told.contains("is a standby"), "{told}");
    for session in ["lost", "claimed"] {
        one.commit(commit(session, 1, 1, 1)).await.unwrap();
    }
    let promote = "SELECT pg_promote(true)";
    place::client(&standby, "postgres").await.query_one(promote, &[]).await.unwrap();
    // The same node on the new primary, with what it has in memory: the versions of before.
    let url = standby.url("postgres");
    let epoch: i64 = place::client(&primary, "postgres")
        .await
        .query_one("SELECT epoch FROM outlive.node", &[])
        .await
        .unwrap()
        .get(0);
    let two = opened(Postgres::options().name("two"), &url).await;
    let client = place::client(&standby, "postgres").await;
    let known: i64 = client
        .query_one("SELECT epoch FROM outlive.node WHERE name = 'one'", &[])
        .await
        .unwrap()
        .get(0);
    assert_eq!(known, epoch);
    client.batch_execute("UPDATE outlive.node SET name = 'gone' WHERE name = 'one'").await.unwrap();
    let again = opened(Postgres::options().name("one"), &url).await;
    let mine =
        "UPDATE outlive.session SET owner = (SELECT epoch FROM outlive.node WHERE name = 'one')";
    client.batch_execute(mine).await.unwrap();
    // What is whole goes on, and is of the new life then.
    assert!(again.load(&name("whole")).await.unwrap().unwrap().lossy);
    again.commit(commit("whole", 1, 1, 1)).await.unwrap();
    assert!(!again.load(&name("whole")).await.unwrap().unwrap().lossy);
    // What lost a commit does not.
    let stale = again.commit(commit("lost", 2, 2, 1)).await;
    assert_eq!(stale, Err(CommitError::Stale));
    assert_eq!(taken(&again, "lost").await, (1, true));
    // Another node claims, and comes to the version that the one before was told: its commits are not taken.
    again.release(&name("claimed")).await.unwrap();
    assert_eq!(taken(&two, "claimed").await, (1, true));
    two.commit(commit("claimed", 1, 1, 1)).await.unwrap();
    assert_eq!(again.commit(commit("claimed", 2, 2, 1)).await, Err(CommitError::Stale));
    let lines = two.read(&name("claimed"), Seq(1), Seq(2), usize::MAX).await.unwrap();
    assert_eq!(lines, [line(1), line(2)]);
    let sure = Postgres::connect(&format!("{url}?replication=synchronous")).await.unwrap();
    assert!(!sure.load(&name("lost")).await.unwrap().unwrap().lossy);
}
