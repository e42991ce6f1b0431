//! The clock of the database is the only one that nodes go by; and it may jump.

use outlive_postgres::Postgres;
use outlive_server::store::{Owner, Store as _};
use outlive_testkit::place::{commit, name};

use crate::place::Place;

/// Its lease ends by no test's time.
async fn node(place: &Place, name: &str) -> Postgres {
    let options = Postgres::options().name(name).lease(std::time::Duration::from_secs(600));
    let store = options.connect(&place.url()).await.unwrap();
    store.open().await.unwrap();
    store
}

#[tokio::test]
async fn a_clock_of_the_database_that_jumps_makes_no_second_owner() {
    let Some(place) = Place::new().await else { return };
    let (one, two) = (node(&place, "one").await, node(&place, "two").await);
    let session = name("owned");
    one.commit(commit("owned", 0, 0, 1)).await.unwrap();
    let client = place.client().await;
    for (version, jump) in [(1, "+"), (2, "-")] {
        // Seen from the rows, it is an hour later, or earlier.
        let jumps = format!(
            "UPDATE outlive.node SET lease_until = lease_until {jump} interval '-1 hour', \
                steady_since = steady_since {jump} interval '-1 hour'"
        );
        client.batch_execute(&jumps).await.unwrap();
        for _ in 0..2 {
            assert_eq!(two.judge().await, Ok(false));
            let owner = two.claim(&session).await.unwrap().unwrap().owner;
            assert!(matches!(owner, Owner::Another { .. }), "{jump}: {owner:?}");
            // Its own lease is good from now on, and that of the other one still over.
            assert_eq!(two.renew().await, Ok(true));
        }
        assert_eq!(one.renew().await, Ok(true));
        one.commit(commit("owned", version, version, 1)).await.unwrap();
    }
}
