//! The store in memory.

use outlive_server::conformance;
use outlive_server::store::{Memory, PageToken, Store as _, StoreError};

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
