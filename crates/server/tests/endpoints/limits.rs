//! What one principal may have.

use std::time::Duration;

use outlive_server::http::EndpointLimits;
use outlive_server::hub::HubOptions;
use serde_json::json;

use outlive_testkit::endpoints::{Server, freeze};

#[tokio::test]
async fn a_principal_has_so_many_connections_and_a_place_that_is_left_is_free() {
    let limits = EndpointLimits::default().connections(2);
    let server = Server::with(HubOptions::default(), |endpoints| endpoints.limits(limits)).await;
    let session = server.session().await;
    let (mut first, _) = server.attach(&session, "a", None).await;
    let (_second, _) = server.attach(&session, "b", None).await;
    // The name is what takes a place, so the upgrade is let in; pages and programs are told alike to come back.
    let page = format!("http://{}", server.at);
    for headers in [&[][..], &[("origin", page.as_str())]] {
        let (mut third, _) = server.dial(&session, headers).await.unwrap();
        third.say(&json!({ "t": "attach", "client": "c" })).await;
        let goaway = json!({ "t": "goaway", "retry_after_ms": [5_000, 10_000] });
        assert_eq!(third.hear().await, Ok(goaway));
        assert_eq!(third.code().await, 1013);
    }
    let told = server.get(&format!("{session}/events")).await;
    assert_eq!((told.status, told.headers["retry-after"].as_str()), (429, "5"));
    first.say(&json!({ "t": "detach" })).await;
    assert_eq!(first.code().await, 1000);
    // The handshake is over when the server has hung up; the place is free then.
    loop {
        let (mut third, _) = server.dial(&session, &[]).await.unwrap();
        third.say(&json!({ "t": "attach", "client": "c" })).await;
        if third.hear().await.unwrap()["t"] == "welcome" {
            break;
        }
    }
}

#[tokio::test]
async fn a_name_takes_its_own_old_seat() {
    let limits = EndpointLimits::default().connections(1);
    let server = Server::with(HubOptions::default(), |endpoints| endpoints.limits(limits)).await;
    let session = server.session().await;
    let page = format!("http://{}", server.at);
    // The older ones hang: nobody reads them.
    let mut hanging = vec![server.attach(&session, "a", None).await.0];
    for headers in [&[][..], &[("origin", page.as_str())], &[]] {
        let (mut newer, _) = server.dial(&session, headers).await.unwrap();
        newer.say(&json!({ "t": "attach", "client": "a" })).await;
        assert_eq!(newer.hear().await.unwrap()["t"], "welcome");
        hanging.push(newer);
    }
    let path = format!("{session}/events");
    let mut events = server.events(&format!("{path}?client=a"), &[]).await;
    events.until("welcome").await;
    for mut socket in hanging {
        assert_eq!(socket.code().await, 4009);
    }
    // The seat is one, and taken: by another name, or in another session, it cannot be had.
    assert_eq!(server.get(&format!("{path}?client=b")).await.status, 429);
    let other = server.session().await;
    assert_eq!(server.get(&format!("{other}/events?client=a")).await.status, 429);
    server.post(&format!("{session}/stop"), &json!({})).await;
    let mut newest = server.events(&format!("{path}?client=a&until=end"), &[]).await;
    while newest.next().await.is_some() {}
    // It is free once both are gone.
    while events.next().await.is_some() {}
    loop {
        if server.request("GET", &format!("{path}?client=b&until=head"), &[], "").await.status
            == 200
        {
            break;
        }
    }
}

#[tokio::test]
async fn sockets_that_never_attach_are_bounded() {
    let limits = EndpointLimits::default().connections(2);
    let server = Server::with(HubOptions::default(), |endpoints| endpoints.limits(limits)).await;
    let session = server.session().await;
    let (_first, _) = server.dial(&session, &[]).await.unwrap();
    let (mut second, _) = server.dial(&session, &[]).await.unwrap();
    let (status, problem) = server.dial(&session, &[]).await.err().unwrap();
    assert_eq!((status, &problem["error"]), (429, &json!("limit")));
    // One that attaches makes room for the next.
    second.say(&json!({ "t": "attach", "client": "a" })).await;
    assert_eq!(second.hear().await.unwrap()["t"], "welcome");
    assert!(server.dial(&session, &[]).await.is_ok());
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
    let goaway = browser.hear().await.unwrap();
    let [least, most] = [0, 1].map(|at| goaway["retry_after_ms"][at].as_u64().unwrap());
    assert!((1..=60_000).contains(&least) && most == 2 * least, "{goaway}");
    assert_eq!(browser.code().await, 4129);
    let _frozen = freeze();
    assert_eq!(server.dial(&session, &[]).await.err().unwrap().0, 429);
    tokio::time::advance(Duration::from_secs(60)).await;
    assert!(server.dial(&session, &[]).await.is_ok());
    assert_eq!(server.dial(&session, &[]).await.err().unwrap().0, 429);
}
