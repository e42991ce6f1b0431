//! What one principal may have.

use std::time::Duration;

use outlive_server::http::EndpointLimits;
use outlive_server::hub::HubOptions;
use serde_json::json;

use outlive_testkit::endpoints::{Server, Socket, freeze};

#[tokio::test]
async fn a_principal_has_so_many_connections_and_a_place_that_is_left_is_free() {
    let limits = EndpointLimits::default().connections(2);
    let server = Server::with(HubOptions::default(), |endpoints| endpoints.limits(limits)).await;
    let session = server.session().await;
    let (mut first, _) = server.attach(&session, "a", None).await;
    let (_second, _) = server.attach(&session, "b", None).await;
    let (status, problem) = server.dial(&session, &[]).await.err().unwrap();
    assert_eq!((status, &problem["error"]), (429, &json!("limit")));
    let told = server.get(&format!("{session}/events")).await;
    assert_eq!((told.status, told.headers["retry-after"].as_str()), (429, "5"));
    let page = format!("http://{}", server.at);
    let (mut browser, _) = server.dial(&session, &[("origin", &page)]).await.unwrap();
    browser.say(&json!({ "t": "attach", "client": "c" })).await;
    assert_eq!(browser.code().await, 4029);
    first.say(&json!({ "t": "detach" })).await;
    assert_eq!(first.code().await, 1000);
    // The handshake is over when the server has hung up; the place is free then.
    let (mut third, _): (Socket, _) = loop {
        if let Ok(third) = server.dial(&session, &[]).await {
            break third;
        }
    };
    third.say(&json!({ "t": "attach", "client": "c" })).await;
    assert_eq!(third.hear().await.unwrap()["t"], "welcome");
}

#[tokio::test]
async fn thousands_of_attaches_are_as_many_as_may_come() {
    let limits = EndpointLimits::default()
        .attach_burst(20)
        .attach_interval(Duration::from_millis(u64::from(u32::MAX)));
    let server = Server::with(HubOptions::default(), |endpoints| endpoints.limits(limits)).await;
    let session = server.session().await;
    let (mut let_in, mut turned_away) = (0, 0);
    for _ in 0..2_000 {
        match server.dial(&session, &[]).await {
            Ok(_) => let_in += 1,
            Err((429, _)) => turned_away += 1,
            Err(other) => panic!("{other:?}"),
        }
    }
    assert_eq!((let_in, turned_away), (20, 1_980));
    let told = server.get(&format!("{session}/events")).await;
    assert_eq!(told.status, 429);
    assert!(told.headers["retry-after"].parse::<u32>().unwrap() > 1_000_000);
}

#[tokio::test]
async fn attaches_may_come_again_after_a_time() {
    let limits = EndpointLimits::default().attach_burst(1).attach_interval(Duration::from_secs(60));
    let server = Server::with(HubOptions::default(), |endpoints| endpoints.limits(limits)).await;
    let session = server.session().await;
    let (_first, _) = server.attach(&session, "a", None).await;
    // A page cannot read the status, and is told that it may come back.
    let page = format!("http://{}", server.at);
    let (mut browser, _) = server.dial(&session, &[("origin", &page)]).await.unwrap();
    browser.say(&json!({ "t": "attach", "client": "b" })).await;
    assert_eq!(browser.code().await, 4129);
    let _frozen = freeze();
    assert_eq!(server.dial(&session, &[]).await.err().unwrap().0, 429);
    tokio::time::advance(Duration::from_secs(60)).await;
    assert!(server.dial(&session, &[]).await.is_ok());
    assert_eq!(server.dial(&session, &[]).await.err().unwrap().0, 429);
}
