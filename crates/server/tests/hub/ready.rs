//! What a load balancer is told.

use std::time::Duration;

use outlive_server::hub::Drain;

use outlive_testkit::hub::{Fault, Stage, soon};

#[tokio::test(start_paused = true)]
async fn a_hub_is_ready_while_its_store_answers_and_is_its_own() {
    let (stage, store) = Stage::faulty().await;
    assert!(stage.hub.is_ready().await);
    store.owners([Fault::Fails, Fault::Hangs]);
    assert!(!stage.hub.is_ready().await, "the store fails");
    assert!(!soon(stage.hub.is_ready()).await, "the store does not answer");
    assert!(stage.hub.is_ready().await, "it has recovered");
    let another = stage.another().await;
    assert!(!stage.hub.is_ready().await, "another process owns it");
    assert!(another.hub.is_ready().await);
    another.done();
}

#[tokio::test(start_paused = true)]
async fn a_hub_that_drains_is_not_ready() {
    let stage = Stage::new().await;
    stage.hub.drain(Drain { window: Duration::ZERO, deadline: Duration::ZERO }).await;
    assert!(!stage.hub.is_ready().await);
    stage.done();
}
