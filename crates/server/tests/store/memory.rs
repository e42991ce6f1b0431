//! The store in memory.

use std::time::Duration;

use outlive::Limits;
use outlive::log::LogId;
use outlive::session::Machine;
use outlive_server::conformance;
use outlive_server::store::{
    Commit, CommitError, Memory, Owner, PageToken, SessionId, Store as _, StoreError, Version,
};

#[tokio::test(flavor = "multi_thread")]
async fn it_keeps_what_a_store_promises() {
    let fresh = || {
        let place = Memory::new();
        async move || place.another()
    };
    conformance::run(fresh).await.unwrap();
}

#[tokio::test]
async fn who_was_fenced_can_ask() {
    let first = Memory::new();
    first.open().await.unwrap();
    assert_eq!(first.renew().await, Ok(true));
    let second = first.another();
    second.open().await.unwrap();
    assert_eq!((first.renew().await, second.renew().await), (Ok(false), Ok(true)));
}

#[tokio::test]
async fn the_mark_of_another_store_is_told() {
    let told = Memory::new().unfinished(Some(&PageToken("of/another".into())), 9).await;
    let no = "`of/another`";
    assert!(matches!(&told, Err(StoreError::PageToken(why)) if why.message() == no), "{told:?}");
}

const LEASE: Duration = Duration::from_secs(5);

/// A record's first commit, and the one behind it.
fn commits(session: &SessionId) -> [Commit; 2] {
    let machine = Machine::new(Limits::default()).unwrap();
    let made = machine.create(LogId(7));
    let commit = |expect, principal| Commit {
        session: session.clone(),
        expect,
        snapshot: made.next.snapshot(),
        entries: Vec::new(),
        principal,
    };
    [commit(Version::NONE, None), commit(Version(1), None)]
}

async fn owner(store: &Memory, session: &SessionId) -> Owner {
    store.load(session).await.unwrap().unwrap().owner
}

fn at(address: &str) -> Owner {
    Owner::Another { address: address.into() }
}

#[tokio::test(start_paused = true)]
async fn a_session_belongs_to_one_node_until_that_is_dead() {
    let place = Memory::leased(LEASE);
    let [one, two] = ["one:1", "two:2"].map(|address| place.node(&address[..3], address));
    one.open().await.unwrap();
    two.open().await.unwrap();
    assert_eq!((one.renew().await, two.lease()), (Ok(true), Some(LEASE)), "both are members");
    let session: SessionId = "shared".parse().unwrap();
    let [first, second] = commits(&session);
    one.commit(first).await.unwrap();
    assert_eq!(
        (owner(&one, &session).await, owner(&two, &session).await),
        (Owner::Ours, at("one:1"))
    );
    assert_eq!(two.commit(second.clone()).await, Err(CommitError::Stale));
    assert_eq!(
        two.claim(&session).await.unwrap().unwrap().owner,
        at("one:1"),
        "it is not nobody's"
    );
    assert!(two.unfinished(None, 9).await.unwrap().sessions.is_empty());
    // The lease of the first one ends, but nobody has said so.
    tokio::time::advance(LEASE * 3 / 4).await;
    assert_eq!(two.renew().await, Ok(true));
    tokio::time::advance(LEASE / 2).await;
    assert_eq!((two.renew().await, owner(&two, &session).await), (Ok(true), at("one:1")));
    assert_eq!(two.judge().await, Ok(true), "a session waits");
    assert_eq!(owner(&two, &session).await, Owner::Nobody);
    assert_eq!(one.renew().await, Ok(false), "dead stays dead");
    assert_eq!(one.confirm(&session, Version(1)).await, Ok(false));
    assert_eq!(two.unfinished(None, 9).await.unwrap().sessions, std::slice::from_ref(&session));
    assert_eq!(two.claim(&session).await.unwrap().unwrap().owner, Owner::Ours);
    assert_eq!(one.commit(second.clone()).await, Err(CommitError::Stale));
    assert_eq!((two.judge().await, two.confirm(&session, Version(1)).await), (Ok(false), Ok(true)));
    two.commit(second).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn only_who_is_steady_itself_judges_and_what_is_given_up_is_free() {
    let place = Memory::leased(LEASE);
    let [one, two] = ["one:1", "two:2"].map(|address| place.node(&address[..3], address));
    one.open().await.unwrap();
    two.open().await.unwrap();
    let session: SessionId = "shared".parse().unwrap();
    let [first, second] = commits(&session);
    one.commit(first).await.unwrap();
    // An outage: all leases are over.
    tokio::time::advance(LEASE * 2).await;
    assert_eq!(
        (two.renew().await, two.judge().await),
        (Ok(true), Ok(false)),
        "it was silent itself"
    );
    assert_eq!(one.renew().await, Ok(true));
    two.release(&session).await.unwrap();
    assert_eq!(owner(&one, &session).await, Owner::Ours, "another one gave it up");
    one.release(&session).await.unwrap();
    assert_eq!(
        (owner(&one, &session).await, owner(&two, &session).await),
        (Owner::Nobody, Owner::Nobody)
    );
    assert_eq!(one.commit(second.clone()).await, Err(CommitError::Stale));
    one.claim(&session).await.unwrap();
    one.leave().await.unwrap();
    assert_eq!(owner(&two, &session).await, Owner::Nobody);
    two.claim(&session).await.unwrap();
    // A process that begins under the name of another is the newer one.
    let newer = two.another();
    newer.open().await.unwrap();
    assert_eq!((two.renew().await, newer.renew().await), (Ok(false), Ok(true)));
    assert_eq!(newer.claim(&session).await.unwrap().unwrap().owner, Owner::Ours);
    newer.commit(second).await.unwrap();
}
