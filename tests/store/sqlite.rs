//! The store in a file.

use outlive::conformance;
use outlive::store::{Durability, Sqlite};

use super::place::Place;

async fn conforms(durability: Durability) {
    let fresh = || {
        let place = Place::new();
        async move || Sqlite::options().durability(durability).open(place.file()).unwrap()
    };
    conformance::run(fresh).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn it_keeps_what_a_store_promises() {
    conforms(Durability::Full).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_keeps_what_a_store_promises_when_it_is_fast() {
    conforms(Durability::Fast).await;
}
