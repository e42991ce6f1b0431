//! Server-sent events.

use serde_json::json;

use outlive_testkit::endpoints::Server;

#[tokio::test]
async fn a_stream_begins_with_a_welcome_and_only_entries_move_the_cursor() {
    let server = Server::new().await;
    let session = server.session().await;
    let path = format!("{session}/events");
    let mut events = server.events(&path, &[]).await;
    assert_eq!(events.answer.status, 200);
    for (name, value) in [
        ("content-type", "text/event-stream"),
        ("cache-control", "no-store"),
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
