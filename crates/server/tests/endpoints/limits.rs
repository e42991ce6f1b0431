//! What one principal may have.

use std::time::Duration;

use outlive_server::http::{AuthError, AuthRequest, EndpointLimits, Grant, endpoints};
use outlive_server::hub::{Hub, HubOptions, Role};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use outlive_testkit::endpoints::{Server, Words, freeze};

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

/// A prompt whose body does not end: so many bytes of it have been sent.
async fn unfinished(server: &Server, session: &str, bytes: usize) -> TcpStream {
    unfinished_by("a", server, session, bytes).await
}

async fn unfinished_by(user: &str, server: &Server, session: &str, bytes: usize) -> TcpStream {
    let mut stream = TcpStream::connect(server.at).await.unwrap();
    let head = format!(
        "POST {session}/prompts HTTP/1.1\r\nhost: {}\r\nx-user: {user}\r\ncontent-length: 1000000\r\n\r\n",
        server.at
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&vec![b' '; bytes]).await.unwrap();
    stream
}

/// The status of an answer.
async fn status(stream: &mut TcpStream) -> u16 {
    let mut head = [0; 12];
    stream.read_exact(&mut head).await.unwrap();
    std::str::from_utf8(&head).unwrap().split(' ').nth(1).unwrap().parse().unwrap()
}

#[tokio::test]
async fn bodies_that_do_not_end_are_bounded_in_number_bytes_and_time() {
    let limits = EndpointLimits::default().bodies(3).bodies_bytes(300_000);
    let server = Server::with(HubOptions::default(), |endpoints| endpoints.limits(limits)).await;
    let session = server.session().await;
    // Bytes: of two bodies of 200,000 the one that goes beyond is refused.
    let mut first = unfinished(&server, &session, 200_000).await;
    let mut second = unfinished(&server, &session, 200_000).await;
    let refused = tokio::select! {
        status = status(&mut first) => (status, 1),
        status = status(&mut second) => (status, 2),
    };
    assert_eq!(refused.0, 429);
    let mut left = if refused.1 == 1 { second } else { first };
    // Number: three wait, and one more is refused.
    let mut waiting = Vec::new();
    for _ in 0..2 {
        waiting.push(unfinished(&server, &session, 1).await);
    }
    let prompt = json!({ "client": "a", "n": 1, "d": "one" });
    loop {
        // They may not have arrived yet.
        let told = server.post(&format!("{session}/interrupt"), &json!({ "turn": 1 })).await;
        if told.status == 429 {
            assert_eq!(
                (&told.json()["error"], &*told.headers["retry-after"]),
                (&json!("limit"), "1")
            );
            break;
        }
    }
    // Time: all of them are refused, and there is room again.
    let _frozen = freeze();
    tokio::time::advance(Duration::from_secs(121)).await;
    assert_eq!(status(&mut left).await, 408);
    for stream in &mut waiting {
        assert_eq!(status(stream).await, 408);
    }
    assert_eq!(server.post(&format!("{session}/prompts"), &prompt).await.status, 202);
}

/// A server where a header says who asks, and a session of it.
async fn with_users(limits: EndpointLimits) -> (Server, String) {
    let hub = Hub::builder().build(Words).await.unwrap();
    let by_name = |request: &AuthRequest<'_>| match request.parts().headers.get("x-user") {
        Some(user) => Ok(Grant::new(user.to_str().unwrap(), Role::Admin)),
        None => Err(AuthError::MissingCredentials),
    };
    let server = Server::of(hub.clone(), endpoints(hub).authorize(by_name).limits(limits)).await;
    let made = server.request("POST", "/sessions", &[("x-user", "a")], "{}").await;
    let session = format!("/sessions/{}", made.json()["session"].as_str().unwrap());
    (server, session)
}

/// Asks until the answer is this one: what was sent before may not have arrived, or what was dropped not be gone.
async fn until_told(server: &Server, session: &str, status: u16) {
    let (path, body) = (format!("{session}/interrupt"), json!({ "turn": 1 }).to_string());
    while server.request("POST", &path, &[("x-user", "last")], &body).await.status != status {}
}

#[tokio::test]
async fn bodies_of_all_principals_together_are_bounded_in_number() {
    let (server, session) = with_users(EndpointLimits::default().bodies_in_all(3)).await;
    let mut waiting = Vec::new();
    for user in ["a", "b", "c"] {
        waiting.push(unfinished_by(user, &server, &session, 1).await);
    }
    // One of a principal that has none is beyond it, and no longer when another one is gone.
    until_told(&server, &session, 429).await;
    waiting.pop();
    until_told(&server, &session, 200).await;
}

#[tokio::test]
async fn bodies_of_all_principals_together_are_bounded_in_bytes() {
    let limits = EndpointLimits::default().bodies_bytes_in_all(300_000);
    let (server, session) = with_users(limits).await;
    let mut first = unfinished_by("a", &server, &session, 200_000).await;
    let mut second = unfinished_by("b", &server, &session, 200_000).await;
    let refused = tokio::select! {
        status = status(&mut first) => status,
        status = status(&mut second) => status,
    };
    assert_eq!(refused, 429);
}
