//! The owner of a session does not answer.

use std::time::Duration;

use outlive_server::http::{Anyone, Relay, endpoints};
use outlive_server::hub::Hub;
use outlive_server::store::Memory;
use outlive_testkit::cluster::Cluster;
use outlive_testkit::endpoints::{Server, Words, freeze};

use super::{SECRET, outwait, site};

#[tokio::test]
async fn who_waits_in_vain_is_told_in_a_form_that_it_understands() {
    let cluster = Cluster::leased(Duration::from_secs(5));
    let (owner, edge) = (cluster.puppet("owner").await, cluster.node("edge", SECRET).await);
    let session = owner.session().await;
    let at = site(&edge);
    // It lives, and renews its lease.
    let hub = owner.hub.clone();
    drop(owner.listener);
    let frozen = freeze();
    let path = session.clone();
    let told = outwait(tokio::spawn(async move { at.get(&path).await })).await;
    assert_eq!((told.status, told.headers["retry-after"].as_str()), (503, "1"));
    assert_eq!(told.json()["error"], "unavailable");
    let path = format!("{session}/events");
    let accept = [("accept", "text/event-stream")];
    let events =
        outwait(tokio::spawn(async move { at.request("GET", &path, &accept, "").await })).await;
    assert_eq!(events.status, 200);
    assert!(events.body.contains("event: close") && events.body.contains("1011"), "{events:?}");
    let path = session.clone();
    let refused =
        tokio::spawn(async move { at.dial(&path, &[]).await.err().map(|(status, _)| status) });
    assert_eq!(outwait(refused).await, Some(503));
    // A browser hides the status from its page.
    let origin = format!("http://{}", edge.at);
    let page = tokio::spawn(async move {
        let (mut socket, _) = at.dial(&session, &[("origin", &origin)]).await.unwrap();
        socket.code().await
    });
    assert_eq!(outwait(page).await, 1011);
    let counts = edge.relay.counts();
    assert_eq!((counts.begun, counts.failed, counts.open), (4, 4, 0));
    assert!(hub.is_ready().await, "the owner has lost its lease");
    drop(frozen);
}

#[tokio::test]
async fn nodes_that_take_each_other_for_the_owner_give_up() {
    let cluster = Cluster::leased(Duration::from_secs(5));
    let (owner, edge) = (cluster.puppet("owner").await, cluster.node("edge", SECRET).await);
    let (session, at) = (owner.session().await, site(&edge));
    let frozen = freeze();
    let asked = tokio::spawn(async move { at.get(&session).await });
    let denies = tokio::spawn(async move {
        loop {
            owner.answer("HTTP/1.1 421 Misdirected\r\noutlive-relay: elsewhere\r\n\r\n").await;
        }
    });
    let told = outwait(asked).await;
    assert_eq!((told.status, told.headers.get("outlive-relay")), (503, None));
    denies.abort();
    drop(frozen);
}

#[tokio::test]
async fn a_store_with_one_owner_is_never_asked_whose_a_session_is() {
    let place = Memory::new();
    let first = Hub::builder().store(place.clone()).build(Words);
    let first = first.await.unwrap();
    let session = first.create().await.unwrap();
    let relay = Relay::new(SECRET.as_bytes());
    let endpoints = endpoints(first.clone());
    let endpoints = endpoints.authorize(Anyone).relay(relay.clone());
    let server = Server::of(first, endpoints).await;
    assert_eq!(server.get(&format!("/sessions/{session}")).await.status, 200);
    assert_eq!(relay.counts().begun, 0);
}
