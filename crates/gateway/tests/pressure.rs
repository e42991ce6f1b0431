//! A backend that says more than is taken.

use bytes::Bytes;
use outlive::ids::PromptNumber;
use outlive_gateway::{Gateway, GatewayOptions};
use outlive_server::hub::{Author, Hub};
use outlive_server::store::Memory;
use outlive_testkit::hub::{Fault, Faulty, settle};

use super::backend::Backend;
use super::stage::soon;

/// A backend may have 64 MiB to say; the hub's output, the sockets and their buffers have room for a part of it.
#[tokio::test]
async fn a_backend_waits_while_the_store_does() {
    const CHUNK: usize = 64 << 10;
    const MOST: usize = (64 << 20) / CHUNK;
    let mut backend = Backend::new().await;
    let gateway = Gateway::new(backend.url("/answer"), GatewayOptions::default()).unwrap();
    let store = Faulty::new(Memory::new());
    let hub = Hub::builder().store(store.clone()).build(gateway).await.unwrap();
    let session = hub.create().await.unwrap();
    let author = Author { principal: "ann", client: "post" };
    soon(hub.session(&session).prompt(author, PromptNumber::MIN, &"hello")).await.unwrap();
    let response = backend.call().await.respond(200, "text/plain");
    store.commits([Fault::Waits; 1_000]);
    let chunk = Bytes::from(vec![b'x'; CHUNK]);
    let (mut sent, mut idle) = (0, 0);
    while idle < 20 && sent < MOST {
        if response.try_send(chunk.clone()) {
            (sent, idle) = (sent + 1, 0);
        } else {
            settle().await;
            idle += 1;
        }
    }
    assert!(sent < MOST / 2, "{sent} chunks of {MOST} were taken, and none was committed");
    // And all of it arrives when the store goes on.
    store.heals();
    store.gate.add_permits(1_000);
    drop(response);
    let entries = loop {
        let record = soon(hub.snapshot(&session)).await.unwrap();
        if record.turn.is_none() {
            break soon(hub.history(&session).entries()).await.unwrap();
        }
        tokio::task::yield_now().await;
    };
    let said: usize = entries
        .iter()
        .filter_map(|said| said.entry.deserialize::<String>().ok())
        .map(|text| text.len())
        .sum();
    assert_eq!(said, "hello".len() + sent * CHUNK);
}
