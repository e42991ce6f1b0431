//! What the store keeps.

mod clocks;
mod deaf;
mod lives;
mod refused;
mod unknown;

use std::time::Duration;

use futures_util::future::join_all;
use outlive_postgres::Postgres;
use outlive_server::conformance::{self, Check, CheckError, NodeCheck, NodeCheckError};
use outlive_server::store::Store as _;
use outlive_testkit::place::name;

use crate::place::Place;

/// The version that the store has.
async fn version(store: &Postgres, session: &str) -> u64 {
    store.load(&name(session)).await.unwrap().map_or(0, |stored| stored.version.0)
}

/// The kit, with a schema for each check; all checks at once, for most of their time is the disk's.
#[tokio::test(flavor = "multi_thread")]
async fn it_keeps_what_a_store_promises() {
    let Some(place) = Place::new().await else { return };
    let checks = Check::ALL.iter().map(|check| {
        let url = format!("{}?schema={check}", place.url());
        conformance::check(*check, async move || Postgres::connect(&url).await.unwrap())
    });
    let failures: Vec<CheckError> =
        join_all(checks).await.into_iter().filter_map(Result::err).collect();
    assert!(failures.is_empty(), "{failures:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_keeps_what_a_store_with_several_nodes_promises() {
    let Some(place) = Place::new().await else { return };
    let checks = NodeCheck::ALL.iter().map(|check| {
        let url = format!("{}?schema={check}", place.url());
        conformance::check_nodes(*check, async move |name| {
            let options = Postgres::options().name(name).lease(Duration::from_millis(400));
            options.connect(&url).await.unwrap()
        })
    });
    let failures: Vec<NodeCheckError> =
        join_all(checks).await.into_iter().filter_map(Result::err).collect();
    assert!(failures.is_empty(), "{failures:?}");
}
