//! Server-sent events.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use outlive_server::conformance::{FaultyStore, StoreCall, StoreFault};
use outlive_server::http::{Anyone, AuthError, AuthRequest, Bearer, Grant};
use outlive_server::hub::Hub;
use outlive_server::store::{Memory, StoreError};
use serde_json::json;

use outlive_testkit::endpoints::{Server, Words};

#[tokio::test]
async fn a_stream_begins_with_a_welcome_and_only_entries_move_the_cursor() {
    let server = Server::new().await;
    let session = server.session().await;
    let path = format!("{session}/events");
    let mut events = server.events(&path, &[]).await;
    assert_eq!(events.answer.status, 200);
    for (name, value) in [
        ("content-type", "text/event-stream"),
        ("cache-control", "no-store, no-transform"),
        ("x-accel-buffering", "no"),
    ] {
        assert_eq!(events.answer.headers[name], value);
    }
    let welcome = events.next().await.unwrap();
    assert_eq!((welcome.name.as_str(), welcome.retry), ("welcome", Some(2_000)));
    let log = welcome.data["log"].as_str().unwrap().to_owned();
    assert_eq!(welcome.id, Some(format!("{log}.0")));
    server
        .post(&format!("{session}/prompts"), &json!({ "client": "a", "n": 1, "d": "one two" }))
        .await;
    for place in 1..=4 {
        let event = events.next().await.unwrap();
        assert_eq!((event.name.as_str(), event.id), ("ev", Some(format!("{log}.{place}"))));
        assert_eq!(event.data["id"], format!("{log}.{place}"));
    }
}

#[tokio::test]
async fn a_stream_goes_on_after_the_last_event_id() {
    let server = Server::new().await;
    let session = server.session().await;
    let path = format!("{session}/events");
    let mut events = server.events(&path, &[]).await;
    server
        .post(&format!("{session}/prompts"), &json!({ "client": "a", "n": 1, "d": "one two" }))
        .await;
    events.until("ev").await;
    let second = events.until("ev").await.id.unwrap();
    drop(events);
    // The header, which a browser sends when it comes back, counts more than where it began.
    let mut events =
        server.events(&format!("{path}?cursor=rubbish"), &[("last-event-id", &second)]).await;
    let welcome = events.next().await.unwrap();
    assert_eq!(welcome.data["outcome"]["resumed"]["from"], 3);
    assert_eq!(welcome.id, Some(second.clone()));
    assert_eq!(events.next().await.unwrap().data["d"], "two");
    let mut events = server.events(&format!("{path}?cursor={second}"), &[]).await;
    events.until("welcome").await;
    assert_eq!(events.next().await.unwrap().data["d"], "two");
}

#[tokio::test]
async fn a_cursor_of_no_use_is_a_200_with_a_reset() {
    let server = Server::new().await;
    let session = server.session().await;
    let mut events =
        server.events(&format!("{session}/events"), &[("last-event-id", "rubbish")]).await;
    assert_eq!(events.answer.status, 200);
    events.until("welcome").await;
    let reset = events.next().await.unwrap();
    assert_eq!((reset.name.as_str(), reset.id), ("reset", None));
    assert_eq!(reset.data["why"], "malformed");
}

#[tokio::test]
async fn what_was_trimmed_is_told_as_a_gap() {
    let limits = outlive::Limits { retention: 2, ..outlive::Limits::default() };
    let hub = outlive_server::hub::Hub::builder()
        .limits(limits)
        .build(outlive_testkit::endpoints::Words)
        .await
        .unwrap();
    let endpoints =
        outlive_server::http::endpoints(hub.clone()).authorize(outlive_server::http::Anyone);
    let server = Server::of(hub, endpoints).await;
    let session = server.session().await;
    let path = format!("{session}/events");
    let mut events = server.events(&path, &[]).await;
    let begin = events.until("welcome").await.id.unwrap();
    server
        .post(&format!("{session}/prompts"), &json!({ "client": "a", "n": 1, "d": "1 2 3 4" }))
        .await;
    while events.until("ev").await.data["entry"] != "turn_end" {}
    let mut events = server.events(&path, &[("last-event-id", &begin)]).await;
    events.until("welcome").await;
    let gap = events.next().await.unwrap();
    assert_eq!((gap.name.as_str(), gap.id), ("gap", None));
    assert_eq!(gap.data, json!({ "t": "gap", "lost_from": 1, "lost_to": 4 }));
    assert_eq!(events.next().await.unwrap().data["d"], "4");
}

#[tokio::test]
async fn until_the_end_a_stream_ends_and_who_has_read_it_gets_a_204() {
    let server = Server::new().await;
    let session = server.session().await;
    let path = format!("{session}/events?until=end");
    let mut events = server.events(&path, &[]).await;
    server.post(&format!("{session}/prompts"), &json!({ "client": "a", "n": 1, "d": "one" })).await;
    server.post(&format!("{session}/stop"), &json!({})).await;
    let mut last = events.next().await.unwrap();
    while let Some(event) = events.next().await {
        last = event;
    }
    assert_eq!(last.data["entry"], "end");
    let cursor = last.id.unwrap();
    let over = server.request("GET", &path, &[("last-event-id", &cursor)], "").await;
    assert_eq!((over.status, over.body.as_str()), (204, ""));
    // Who has not read everything is sent the rest.
    let mut rest = server.events(&path, &[]).await;
    let mut last = rest.next().await.unwrap();
    while let Some(event) = rest.next().await {
        last = event;
    }
    assert_eq!(last.id.unwrap(), cursor);
    // A conversation goes on.
    server.post(&format!("{session}/prompts"), &json!({ "client": "a", "n": 2, "d": "two" })).await;
    let mut more = server.events(&path, &[("last-event-id", &cursor)]).await;
    assert_eq!(more.until("ev").await.data["entry"], "prompt");
}

#[tokio::test]
async fn a_newer_stream_of_a_client_ends_the_older_one_and_says_so() {
    let server = Server::new().await;
    let session = server.session().await;
    let path = format!("{session}/events?client=my%20laptop");
    let mut first = server.events(&path, &[]).await;
    first.until("welcome").await;
    let mut second = server.events(&path, &[]).await;
    second.until("welcome").await;
    let close = first.until("close").await;
    assert_eq!((&close.data["code"], &close.data["rule"]), (&json!(4009), &json!("stop")));
    assert_eq!(first.next().await, None);
}

#[tokio::test]
async fn streams_without_a_name_do_not_end_each_other() {
    let server = Server::new().await;
    let session = server.session().await;
    let path = format!("{session}/events");
    let mut first = server.events(&path, &[]).await;
    let mut second = server.events(&path, &[]).await;
    server.post(&format!("{session}/prompts"), &json!({ "client": "a", "n": 1, "d": "one" })).await;
    assert_eq!(first.until("ev").await.id, second.until("ev").await.id);
}

#[tokio::test]
async fn until_the_head_a_stream_is_what_is_there_and_no_more() {
    let server = Server::new().await;
    let session = server.session().await;
    let path = format!("{session}/events?until=head");
    let mut empty = server.events(&path, &[]).await;
    let begin = empty.until("welcome").await.id.unwrap();
    assert_eq!(empty.next().await, None);
    let mut live = server.events(&format!("{session}/events"), &[]).await;
    server.post(&format!("{session}/prompts"), &json!({ "client": "a", "n": 1, "d": "one" })).await;
    while live.until("ev").await.data["entry"] != "turn_end" {}
    // The session lives, and the stream ends.
    for headers in [&[][..], &[("last-event-id", begin.as_str())]] {
        let mut events = server.events(&path, headers).await;
        let mut last = events.until("ev").await;
        while let Some(event) = events.next().await {
            last = event;
        }
        assert_eq!(last.data["entry"], "turn_end");
        let cursor = last.id.unwrap();
        let read = server.request("GET", &path, &[("last-event-id", &cursor)], "").await;
        assert_eq!((read.status, read.body.as_str()), (204, ""));
    }
    let other = server.get(&format!("{session}/events?until=foo")).await;
    assert_eq!((other.status, &other.json()["at"]), (400, &json!("parameter until")));
}

const EVENT_SOURCE: (&str, &str) = ("accept", "text/event-stream");

/// What `EventSource` is sent of a refusal: the wait, the events, and no place in the log.
async fn refusal(server: &Server, path: &str) -> (u32, Vec<outlive_testkit::endpoints::Event>) {
    let mut answer = server.request("GET", path, &[EVENT_SOURCE], "").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    for (name, value) in [
        ("content-type", "text/event-stream"),
        ("cache-control", "no-store, no-transform"),
        ("x-accel-buffering", "no"),
    ] {
        assert_eq!(answer.headers[name], value);
    }
    let body = std::mem::take(&mut answer.body);
    let (retry, events) = body.split_once('\n').unwrap();
    let retry = retry.strip_prefix("retry: ").unwrap().parse().unwrap();
    let blocks = events.split_inclusive("\n\n");
    let events: Vec<_> = blocks.map(outlive_testkit::endpoints::read_event).collect();
    assert!(events.iter().all(|event| event.id.is_none()), "{body}");
    // Others see the status, and the wait is not before its time.
    let plain = server.get(path).await;
    assert!([429, 503].contains(&plain.status), "{plain:?}");
    let least: u32 = plain.headers["retry-after"].parse().unwrap();
    assert!((least * 1_000..=least * 1_500).contains(&retry), "{least} s, {retry} ms");
    (retry, events)
}

fn close(code: outlive::CloseCode) -> serde_json::Value {
    json!({ "t": "close", "code": code.number(), "rule": code.client_rule(), "message": code.meaning() })
}

fn data(events: &[outlive_testkit::endpoints::Event]) -> Vec<serde_json::Value> {
    events.iter().map(|event| event.data.clone()).collect()
}

#[tokio::test]
async fn an_event_source_comes_back_to_a_server_that_leaves() {
    let server = Server::new().await;
    let session = server.session().await;
    let path = format!("{session}/events");
    let drain = outlive_server::hub::Drain { window: Duration::ZERO, deadline: Duration::ZERO };
    server.hub.drain(drain).await;
    let (_, events) = refusal(&server, &path).await;
    let goaway = json!({ "t": "goaway", "retry_after_ms": [1_000, 5_000] });
    assert_eq!(data(&events), [goaway, close(outlive::CloseCode::Restart)]);
}

#[tokio::test]
async fn a_drain_that_takes_long_says_so_to_a_request() {
    let server = Server::new().await;
    let session = server.session().await;
    let path = format!("{session}/events");
    let (mut socket, _) = server.attach(&session, "laptop", None).await;
    socket.prompt(1, "hold").await;
    socket.until(|frame| frame["d"] == "holding").await;
    let _frozen = outlive_testkit::endpoints::freeze();
    let minute = Duration::from_secs(60);
    let drain = outlive_server::hub::Drain { window: minute, deadline: minute };
    let hub = server.hub.clone();
    let drained = tokio::spawn(async move { hub.drain(drain).await });
    while !server.hub.is_draining() {
        tokio::task::yield_now().await;
    }
    let (_, events) = refusal(&server, &path).await;
    let goaway = json!({ "t": "goaway", "retry_after_ms": [61_000, 65_000] });
    assert_eq!(data(&events), [goaway, close(outlive::CloseCode::Restart)]);
    let prompt = server.request("POST", "/sessions", &[], "").await;
    assert_eq!((prompt.status, prompt.headers["retry-after"].as_str()), (503, "65"));
    drained.abort();
}

#[tokio::test]
async fn an_event_source_comes_back_to_a_store_that_does_not_answer() {
    let store = FaultyStore::new(Memory::new());
    let full = Arc::new(AtomicBool::new(false));
    let fails = Arc::clone(&full);
    let fault = || StoreFault::Fails(StoreError::Full("planned".into()));
    store.plan(move |_, _| fails.load(Ordering::Relaxed).then(fault));
    let hub = Hub::builder().store(store).build(Words).await.unwrap();
    let endpoints = outlive_server::http::endpoints(hub.clone());
    let server = Server::of(hub, endpoints.authorize(Anyone)).await;
    full.store(true, Ordering::Relaxed);
    let other = outlive_server::store::SessionId::from_random(7);
    let (_, events) = refusal(&server, &format!("/sessions/{other}/events")).await;
    assert_eq!(data(&events), [close(outlive::CloseCode::Error)]);
}

#[tokio::test]
async fn damage_is_told_alike_by_a_look_and_a_stream() {
    let store = FaultyStore::new(Memory::new());
    let fault = || StoreFault::Fails(StoreError::Corrupt("planned".into()));
    store.plan(move |call, _| (call == StoreCall::Load).then(fault));
    let hub = Hub::builder().store(store).build(Words).await.unwrap();
    let endpoints = outlive_server::http::endpoints(hub.clone());
    let server = Server::of(hub, endpoints.authorize(Anyone)).await;
    let session = format!("/sessions/{}", outlive_server::store::SessionId::from_random(7));
    let look = server.get(&session).await;
    let stream = server.request("GET", &format!("{session}/events"), &[EVENT_SOURCE], "").await;
    assert_eq!((look.status, look.json()["error"].clone()), (500, json!("damaged")));
    assert_eq!((stream.status, &stream.body), (500, &look.body));
    assert!(!stream.headers.contains_key("retry-after"));
}

/// One stream is read; the next one is told to come back.
async fn second_is_closed(server: &Server, code: outlive::CloseCode) {
    let session = server.session().await;
    let path = format!("{session}/events");
    let mut first = server.events(&path, &[EVENT_SOURCE]).await;
    first.until("welcome").await;
    let (_, events) = refusal(server, &path).await;
    assert_eq!(data(&events), [close(code)]);
}

#[tokio::test]
async fn an_event_source_comes_back_after_a_limit() {
    let limits = outlive_server::http::EndpointLimits::default().connections(1);
    let set = |endpoints: outlive_server::http::Endpoints| endpoints.limits(limits);
    let server = Server::with(outlive_server::hub::HubOptions::default(), set).await;
    second_is_closed(&server, outlive::CloseCode::Overloaded).await;

    let limits = outlive_server::http::EndpointLimits::default();
    let limits = limits.attach_burst(1).attach_interval(Duration::from_secs(60));
    let set = |endpoints: outlive_server::http::Endpoints| endpoints.limits(limits);
    let server = Server::with(outlive_server::hub::HubOptions::default(), set).await;
    second_is_closed(&server, outlive::CloseCode::RateLimited).await;

    let limits = outlive::Limits { connections: 1, ..outlive::Limits::default() };
    let hub = Hub::builder().limits(limits).build(Words).await.unwrap();
    let endpoints = outlive_server::http::endpoints(hub.clone());
    let server = Server::of(hub, endpoints.authorize(Anyone)).await;
    second_is_closed(&server, outlive::CloseCode::Overloaded).await;
}

#[tokio::test]
async fn an_event_source_whose_credentials_cannot_be_checked_comes_back() {
    let cases = [
        (AuthError::Unavailable, outlive::CloseCode::Overloaded),
        (
            AuthError::RateLimited { retry_after: Duration::from_millis(2_500) },
            outlive::CloseCode::RateLimited,
        ),
    ];
    for (error, code) in cases {
        let hub = Hub::builder().build(Words).await.unwrap();
        let authorize = move |_: &AuthRequest<'_>| Err::<Grant, _>(error);
        let endpoints = outlive_server::http::endpoints(hub.clone()).authorize(authorize);
        let server = Server::of(hub, endpoints).await;
        let (_, events) = refusal(&server, "/sessions/s_0/events").await;
        assert_eq!(data(&events), [close(code)]);
    }
}

#[tokio::test]
async fn what_is_refused_for_good_keeps_its_status() {
    let server = Server::new().await;
    let session = server.session().await;
    let path = format!("{session}/events");
    let accepts = "text/html, Text/Event-Stream; q=0.9";
    for (path, headers, status) in [
        (format!("{path}?until=foo"), vec![("accept", accepts)], 400),
        (format!("{path}?client=%00"), vec![("accept", accepts)], 400),
        (path.clone(), vec![("accept", accepts), ("origin", "https://evil.example")], 403),
        ("/sessions/s_0/events".into(), vec![("accept", accepts)], 404),
    ] {
        assert_eq!(server.request("GET", &path, &headers, "").await.status, status, "{path}");
    }
    let hub = Hub::builder().build(Words).await.unwrap();
    let endpoints = outlive_server::http::endpoints(hub.clone()).authorize(Bearer::new("token"));
    let server = Server::of(hub, endpoints).await;
    assert_eq!(server.request("GET", &path, &[("accept", accepts)], "").await.status, 401);
}
