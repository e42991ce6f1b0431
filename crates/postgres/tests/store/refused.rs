//! Databases that are not used, and what is said of them; and two stores in one.

use outlive::ids::Seq;
use outlive_postgres::Postgres;
use outlive_server::store::{Store as _, StoreError};
use outlive_testkit::place::{commit, line, name};

use super::version;
use outlive_testkit::postgres::{Server, programs};

use crate::place::Place;

async fn refused(url: &str) -> StoreError {
    Postgres::connect(url).await.expect_err("it is used")
}

#[tokio::test]
async fn a_setting_that_loses_commits_is_refused_with_its_name_and_the_mend() {
    let Some(place) = Place::new().await else { return };
    for (option, setting, mend) in [
        ("synchronous_commit%3Doff", "synchronous_commit is off", "synchronous_commit%3Don"),
        (
            "default_transaction_isolation%3Dserializable",
            "default_transaction_isolation",
            "set it to",
        ),
        (
            "default_transaction_read_only%3Don",
            "default_transaction_read_only is on",
            "set it to off",
        ),
    ] {
        let told = refused(&format!("{}?options=-c%20{option}", place.url())).await.to_string();
        assert!(told.contains(setting) && told.contains(mend), "{told}");
        assert!(told.contains(&place.database), "{told}");
    }
    let client = place.client().await;
    let made = "SELECT count(*) FROM pg_namespace WHERE nspname = 'outlive'";
    assert_eq!(client.query_one(made, &[]).await.unwrap().get::<_, i64>(0), 0);
}

#[tokio::test]
async fn a_server_without_fsync_is_refused() {
    if programs().is_none() {
        return outlive_testkit::skip::skip("PostgreSQL");
    }
    let server = Server::new("-c fsync=off");
    let told = refused(&server.url("postgres")).await.to_string();
    assert!(told.contains("fsync is off") && told.contains("`fsync = on`"), "{told}");
}

#[tokio::test]
async fn newer_tables_and_those_of_another_program_are_refused() {
    let Some(place) = Place::new().await else { return };
    drop(Postgres::connect(&place.url()).await.unwrap());
    let client = place.client().await;
    client.batch_execute("UPDATE outlive.outlive SET version = 99").await.unwrap();
    let told = refused(&place.url()).await;
    assert!(
        matches!(&told, StoreError::Newer(why) if why.message().contains("version 99")),
        "{told}"
    );
    client
        .batch_execute("CREATE SCHEMA theirs; CREATE TABLE theirs.session (id int)")
        .await
        .unwrap();
    let told = refused(&format!("{}?schema=theirs", place.url())).await;
    assert!(
        matches!(&told, StoreError::Foreign(why) if why.message().contains("?schema=")),
        "{told}"
    );
    client.batch_execute("CREATE TABLE theirs.outlive (a int)").await.unwrap();
    let told = refused(&format!("{}?schema=theirs", place.url())).await;
    assert!(matches!(told, StoreError::Foreign(_)), "{told}");
}

#[tokio::test]
async fn a_role_without_rights_is_told_what_it_needs() {
    let Some(place) = Place::new().await else { return };
    let role = format!("role_{}", place.database);
    let client = place.client().await;
    client.batch_execute(&format!("CREATE ROLE {role} LOGIN")).await.unwrap();
    let url = place.url().replace("//postgres@", &format!("//{role}@"));
    let told = refused(&url).await;
    let mend = "CREATE SCHEMA \"outlive\" AUTHORIZATION";
    assert!(matches!(&told, StoreError::ReadOnly(why) if why.message().contains(mend)), "{told}");
    drop(Postgres::connect(&place.url()).await.unwrap());
    let grants = format!(
        "GRANT USAGE ON SCHEMA outlive TO {role}; GRANT SELECT ON ALL TABLES IN SCHEMA outlive TO {role}"
    );
    client.batch_execute(&grants).await.unwrap();
    let told = refused(&url).await;
    let mend = format!("GRANT ALL ON ALL TABLES IN SCHEMA \"outlive\" TO \"{role}\"");
    assert!(matches!(&told, StoreError::ReadOnly(why) if why.message().contains(&mend)), "{told}");
    // What it was told to do is enough.
    client.batch_execute(&mend).await.unwrap();
    let store = Postgres::connect(&url).await.unwrap();
    store.open().await.unwrap();
    store.commit(commit("kept", 0, 0, 1)).await.unwrap();
    assert_eq!((version(&store, "kept").await, store.renew().await), (1, Ok(true)));
}

#[tokio::test]
async fn a_database_with_another_encoding_is_refused() {
    let Some(place) = Place::new().await else { return };
    let name = format!("{}_ascii", place.database);
    let create = format!("CREATE DATABASE {name} ENCODING 'SQL_ASCII' TEMPLATE template0");
    place.client().await.batch_execute(&create).await.unwrap();
    let told = refused(&place.server.url(&name)).await.to_string();
    assert!(told.contains("server_encoding") && told.contains("ENCODING 'UTF8'"), "{told}");
}

#[tokio::test]
async fn two_schemas_of_one_database_are_two_stores() {
    let Some(place) = Place::new().await else { return };
    let names = ["one", "Two%20\"words\""].map(|schema| format!("{}?schema={schema}", place.url()));
    let (one, two) =
        (Postgres::connect(&names[0]).await.unwrap(), Postgres::connect(&names[1]).await.unwrap());
    one.open().await.unwrap();
    two.open().await.unwrap();
    one.commit(commit("a", 0, 0, 1)).await.unwrap();
    assert_eq!((version(&one, "a").await, version(&two, "a").await), (1, 0));
    assert_eq!((one.renew().await, two.renew().await), (Ok(true), Ok(true)));
}

#[tokio::test]
async fn a_row_that_is_damaged_is_told_and_others_are_not_touched() {
    let Some(place) = Place::new().await else { return };
    let store = Postgres::connect(&place.url()).await.unwrap();
    store.open().await.unwrap();
    for session in ["a", "b"] {
        store.commit(commit(session, 0, 0, 3)).await.unwrap();
        store.commit(commit(session, 1, 3, 1)).await.unwrap();
    }
    let client = place.client().await;
    let of_a = "session = (SELECT key FROM outlive.session WHERE id = 'a')";
    let flip =
        format!("UPDATE outlive.chunk SET body = set_byte(body, 3, 64) WHERE first = 1 AND {of_a}");
    client.batch_execute(&flip).await.unwrap();
    let told = store.read(&name("a"), Seq(1), Seq(4), usize::MAX).await;
    assert!(matches!(told, Err(StoreError::Corrupt(_))), "{told:?}");
    assert_eq!(store.read(&name("a"), Seq(4), Seq(4), usize::MAX).await, Ok(vec![line(4)]));
    client
        .batch_execute(&format!("DELETE FROM outlive.chunk WHERE first = 4 AND {of_a}"))
        .await
        .unwrap();
    let told = store.read(&name("a"), Seq(4), Seq(4), usize::MAX).await;
    assert!(matches!(told, Err(StoreError::Corrupt(_))), "{told:?}");
    for column in
        ["head = head - 1", "base = 1", "version = 1", "snapshot = set_byte(snapshot, 9, 64)"]
    {
        client.batch_execute("CREATE TABLE kept AS SELECT * FROM outlive.session").await.unwrap();
        let damage = format!("UPDATE outlive.session SET {column} WHERE id = 'a'");
        client.batch_execute(&damage).await.unwrap();
        let told = store.load(&name("a")).await;
        assert!(matches!(told, Err(StoreError::Corrupt(_))), "{column}: {told:?}");
        let mend = "UPDATE outlive.session s SET head = k.head, base = k.base, version = k.version,
            snapshot = k.snapshot FROM kept k WHERE k.key = s.key; DROP TABLE kept";
        client.batch_execute(mend).await.unwrap();
    }
    assert_eq!((version(&store, "a").await, version(&store, "b").await), (2, 2));
}
