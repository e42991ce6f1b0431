//! The store in memory.

use outlive::conformance;
use outlive::store::Memory;

#[tokio::test(flavor = "multi_thread")]
async fn it_keeps_what_a_store_promises() {
    let fresh = || {
        let place = Memory::new();
        async move || place.another()
    };
    conformance::run(fresh).await.unwrap();
}
