//! A node that the database hears, and that hears nothing.

use std::time::Duration;

use futures_util::FutureExt as _;
use outlive_postgres::Postgres;
use outlive_server::store::Store as _;

use crate::place::Place;
use crate::proxy::Proxy;

/// A guard and no assertion: the lease is of half a second.
const PATIENCE: Duration = Duration::from_secs(20);

/// Whoever asks whether it is ready has it renew its lease, besides the hub: it must not live by that.
#[tokio::test]
async fn a_node_that_hears_nothing_lets_its_lease_end() {
    let Some(place) = Place::new().await else { return };
    let proxy = Proxy::new(&place).await;
    let options = Postgres::options().lease(Duration::from_millis(500));
    let store = options.connect(&proxy.url(&place)).await.unwrap();
    store.open().await.unwrap();
    assert!(store.renew().await.unwrap());
    proxy.deafen();
    let client = place.client().await;
    let over = "SELECT lease_until < clock_timestamp() FROM outlive.node";
    let ends = async {
        while !client.query_one(over, &[]).await.unwrap().get::<_, bool>(0) {
            // It is on its way; nobody waits for its answer.
            assert_eq!(store.renew().now_or_never(), None);
        }
    };
    let ends = tokio::time::timeout(PATIENCE, ends).await;
    ends.expect("the lease of a node that hears nothing goes on");
}
