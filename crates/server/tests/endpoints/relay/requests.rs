//! Plain requests.

use axum::response::IntoResponse as _;
use outlive_server::http::Relay;
use outlive_testkit::cluster::{Cluster, head, header};
use serde_json::json;
use tokio::io::AsyncWriteExt as _;

use super::SECRET;
use crate::logs::Told;

#[tokio::test]
async fn every_node_answers_as_the_owner_does() {
    let cluster = Cluster::new();
    let owner = cluster.node("owner", SECRET).await;
    let edge = cluster.node("edge", SECRET).await;
    let session = owner.session().await;
    let prompts = format!("{session}/prompts");
    let prompt = json!({ "client": "laptop", "n": 1, "d": "one two" });
    let first = edge.post(&prompts, &prompt).await;
    assert_eq!((first.status, first.json()["again"].clone()), (202, json!(false)));
    assert_eq!(edge.post(&prompts, &prompt).await.status, 200);
    assert_eq!(owner.post(&prompts, &prompt).await.json()["again"], true, "both are one session");
    let key = [("idempotency-key", "laptop.1")];
    let other = edge.request("POST", &prompts, &key, "\"three\"").await;
    assert_eq!((other.status, other.json()["reason"].clone()), (422, json!("conflict")));
    let large = json!({ "client": "laptop", "n": 2, "d": "x".repeat(3 << 20) });
    assert_eq!(edge.post(&prompts, &large).await.status, 202);
    let larger = json!({ "client": "laptop", "n": 3, "d": "x".repeat(5 << 20) });
    assert_eq!(edge.post(&prompts, &larger).await.status, 413);
    let late = edge.post(&format!("{session}/interrupt"), &json!({ "turn": 999 })).await;
    assert_eq!((late.status, late.json()), {
        let direct = owner.post(&format!("{session}/interrupt"), &json!({ "turn": 999 })).await;
        (direct.status, direct.json())
    });
    let ask = edge.post(&format!("{session}/asks/7"), &json!({ "client": "a", "d": 1 })).await;
    assert_eq!(ask.status, 409, "{ask:?}");
    let record = edge.get(&session).await;
    assert_eq!((record.status, record.json()["state"].clone()), (200, json!("DETACHED")));
    let wrong = edge.request("PUT", &session, &[], "").await;
    assert_eq!((wrong.status, wrong.headers.contains_key("allow")), (405, true));
    assert_eq!(edge.get("/sessions/s_of_nobody").await.status, 404);
    assert_eq!(edge.request("DELETE", &session, &[], "").await.status, 204);
    assert_eq!(edge.get(&session).await.status, 404);
    assert_eq!(edge.hub.loaded_sessions(), 0, "nothing of it was here");
    let counts = edge.relay.counts();
    assert_eq!((counts.open, counts.failed), (0, 0));
    assert_eq!(owner.relay.counts().begun, 0);
}

#[tokio::test]
async fn the_owner_is_told_who_asks_and_the_path_as_it_came() {
    let cluster = Cluster::new();
    let owner = cluster.puppet("owner").await;
    let nested = |endpoints: outlive_server::http::Endpoints| {
        axum::Router::new().nest("/api", endpoints.router())
    };
    let edge = cluster.with("edge", Relay::new(SECRET.as_bytes()), nested).await;
    let session = owner.session().await;
    let path = format!("/api{session}/events?cursor=a%20b&client=c");
    let forged = [
        ("outlive-relay", "guessed"),
        ("outlive-relay-peer", "203.0.113.7:1"),
        ("authorization", "Bearer t"),
        ("connection", "x-mine"),
        ("x-mine", "1"),
        ("te", "trailers"),
    ];
    let answer = "HTTP/1.1 401 Unauthorized\r\nx-theirs: 2\r\nkeep-alive: timeout=5\r\ncontent-length: 4\r\n\r\nnope";
    let (told, head) = tokio::join!(edge.request("GET", &path, &forged, ""), owner.answer(answer));
    assert!(head.starts_with(&format!("GET {path} HTTP/1.1\r\n")), "{head}");
    let secret = header(&head, "outlive-relay").unwrap();
    assert!(secret.len() == 64 && !head.contains(SECRET) && !head.contains("guessed"), "{head}");
    let peer = header(&head, "outlive-relay-peer").unwrap();
    assert!(peer.starts_with("127.0.0.1:"), "{head}");
    assert_eq!(header(&head, "authorization"), Some("Bearer t"));
    assert_eq!(header(&head, "host"), Some(edge.at.to_string().as_str()));
    assert!(header(&head, "x-mine").is_none() && header(&head, "te").is_none(), "{head}");
    assert_eq!(
        (told.status, told.body.as_str(), told.headers["x-theirs"].as_str()),
        (401, "nope", "2")
    );
    assert!(!told.headers.contains_key("keep-alive"));
}

#[tokio::test]
async fn the_internal_address_is_for_nodes_with_the_secret() {
    let cluster = Cluster::new();
    let owner = cluster.node("owner", SECRET).await;
    let edge = cluster.node("edge", "another secret").await;
    let session = owner.session().await;
    let (lines, _keeping) = Told::from(tracing::Level::ERROR);
    for shown in [&[][..], &[("outlive-relay", "guessed")], &[("outlive-relay", SECRET)]] {
        let told = owner.internal.request("GET", &session, shown, "").await;
        assert_eq!((told.status, told.json()["error"].clone()), (403, json!("forbidden")));
        let told = owner.internal.request("GET", "/anything", shown, "").await;
        assert_eq!(told.status, 403);
    }
    let told = edge.get(&session).await;
    assert_eq!((told.status, told.headers["retry-after"].as_str()), (503, "1"));
    assert_eq!(edge.get(&session).await.status, 503);
    // Each of the two says so, once.
    let lines = lines.lock().unwrap().clone();
    assert!(lines.len() == 2 && lines.iter().all(|line| line.contains("secret")), "{lines:?}");
    assert!(lines[1].contains(&owner.internal.at.to_string()), "{lines:?}");
    // Where clients are served, the header means nothing.
    let forged = [("outlive-relay", "guessed")];
    assert_eq!(owner.request("GET", &session, &forged, "").await.status, 200);
}

#[tokio::test]
async fn what_was_passed_on_is_not_passed_on_again() {
    let cluster = Cluster::new();
    let (owner, other) = (cluster.node("owner", SECRET).await, cluster.node("other", SECRET).await);
    let puppet = cluster.puppet("puppet").await;
    let (session, bait) = (owner.session().await, puppet.session().await);
    let ok = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
    let (told, head) = tokio::join!(other.get(&bait), puppet.answer(ok));
    assert_eq!(told.status, 200);
    let shown = [("outlive-relay", header(&head, "outlive-relay").unwrap())];
    let told = other.internal.request("GET", &session, &shown, "").await;
    assert_eq!((told.status, told.headers["outlive-relay"].as_str()), (421, "elsewhere"));
    assert_eq!(other.relay.counts().begun, 1, "only the bait was passed on");
    assert_eq!(owner.internal.request("GET", &session, &shown, "").await.status, 200);
}

#[tokio::test]
async fn a_platform_may_be_asked_to_send_the_request_elsewhere() {
    let cluster = Cluster::new();
    let owner = cluster.node("owner", SECRET).await;
    let replay = |address: &str| [("fly-replay", format!("instance={address}"))].into_response();
    let redirects = Relay::new(SECRET.as_bytes()).redirect(replay);
    let edge = cluster.with("edge", redirects, outlive_server::http::Endpoints::router).await;
    let told = edge.get(&owner.session().await).await;
    assert_eq!(told.headers["fly-replay"], format!("instance={}", owner.internal.at));
    assert_eq!(edge.get(&edge.session().await).await.status, 200);
}

#[tokio::test]
async fn a_connection_between_nodes_is_kept_and_one_that_was_closed_is_not_missed() {
    let cluster = Cluster::new();
    let (owner, edge) = (cluster.puppet("owner").await, cluster.node("edge", SECRET).await);
    let (session, other) = (owner.session().await, owner.session().await);
    let ok = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
    let first = async {
        let (mut connection, _) = owner.request().await;
        connection.write_all(ok.as_bytes()).await.unwrap();
        connection
    };
    let (told, mut connection) = tokio::join!(edge.get(&session), first);
    assert_eq!((told.status, told.body.as_str()), (200, "ok"));
    let again = async {
        let head = head(&mut connection).await;
        connection.write_all(ok.as_bytes()).await.unwrap();
        head
    };
    let (told, asked) = tokio::join!(edge.get(&other), again);
    assert!(told.status == 200 && asked.starts_with(&format!("GET {other} ")), "{asked}");
    drop(connection);
    tokio::task::yield_now().await;
    let stop = format!("{session}/stop");
    let (told, asked) = tokio::join!(edge.request("POST", &stop, &[], ""), owner.answer(ok));
    assert!(told.status == 200 && asked.starts_with("POST "), "{told:?}");
    assert_eq!(edge.relay.counts().failed, 0);
}

#[tokio::test]
async fn a_request_that_may_have_had_its_effect_is_not_sent_again() {
    let cluster = Cluster::new();
    let (owner, edge) = (cluster.puppet("owner").await, cluster.node("edge", SECRET).await);
    let session = owner.session().await;
    let stop = format!("{session}/stop");
    let (told, head) = tokio::join!(edge.request("POST", &stop, &[], ""), owner.answer(""));
    assert!(head.starts_with("POST "));
    assert_eq!((told.status, told.headers["retry-after"].as_str()), (503, "1"));
    // One that changes nothing is.
    let answers = async {
        owner.answer("").await;
        owner.answer("HTTP/1.1 421 Misdirected\r\noutlive-relay: elsewhere\r\n\r\n").await;
        owner.answer("HTTP/1.1 421 Misdirected\r\ncontent-length: 2\r\n\r\nno").await;
    };
    let (told, ()) = tokio::join!(edge.get(&session), answers);
    assert_eq!((told.status, told.body.as_str()), (421, "no"), "one that is meant for the client");
    assert_eq!(edge.relay.counts().failed, 1);
}

#[tokio::test]
async fn the_node_that_a_page_dials_says_whether_it_may() {
    let cluster = Cluster::new();
    let (owner, edge) = (cluster.node("owner", SECRET).await, cluster.node("edge", SECRET).await);
    let session = owner.session().await;
    let foreign = [("origin", "https://elsewhere.example")];
    assert_eq!(edge.request("GET", &session, &foreign, "").await.status, 403);
    let (mut socket, _) = edge.dial(&session, &foreign).await.unwrap();
    assert_eq!(socket.code().await, 4003);
    assert_eq!(edge.relay.counts().begun, 0, "the owner was asked");
    // Its own page is none of the owner's.
    let picky = outlive_server::http::Origins::only(["https://chat.example"]);
    let app = |endpoints: outlive_server::http::Endpoints| endpoints.origins(picky).router();
    let picky = cluster.with("picky", Relay::new(SECRET.as_bytes()), app).await;
    let own = [("origin", format!("http://{}", edge.at))];
    let own = own.each_ref().map(|(name, value)| (*name, value.as_str()));
    let session = picky.session().await;
    assert_eq!(edge.request("GET", &session, &own, "").await.status, 200);
    assert_eq!(picky.request("GET", &session, &own, "").await.status, 403);
}
