//! Grants that end, fresh tokens, and revocations.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use outlive_server::http::{AuthError, AuthRequest, Authorize, Grant, endpoints};
use outlive_server::hub::{Hub, Role};
use outlive_testkit::endpoints::{Server, Socket, Words, freeze};
use outlive_testkit::hub::in_seconds;
use serde_json::{Value, json};
use tokio::sync::Notify;

/// Tokens, and what each grants.
#[derive(Clone, Default)]
struct Tokens {
    known: Arc<Mutex<BTreeMap<&'static str, Result<Grant, AuthError>>>>,
    revoked: Arc<Mutex<Vec<String>>>,
    /// Each question waits for this, and says that it does.
    held: Option<Arc<[Notify; 2]>>,
}

impl Tokens {
    fn add(&self, token: &'static str, granted: Result<Grant, AuthError>) {
        self.known.lock().unwrap().insert(token, granted);
    }
}

impl Authorize for Tokens {
    async fn authorize(&self, request: &AuthRequest<'_>) -> Result<Grant, AuthError> {
        let token = request.token().ok_or(AuthError::MissingCredentials)?;
        let known = self.known.lock().unwrap().get(token).cloned();
        if let Some(held) = &self.held {
            held[0].notify_one();
            held[1].notified().await;
        }
        known.unwrap_or(Err(AuthError::InvalidCredentials))
    }

    fn revoked(&self, principal: &str) {
        self.revoked.lock().unwrap().push(principal.to_owned());
    }
}

fn ann() -> Grant {
    Grant::new("ann", Role::Admin)
}

async fn server(tokens: &Tokens) -> (Server, outlive_server::http::Endpoints, String) {
    let hub = Hub::builder().build(Words).await.unwrap();
    let session = format!("/sessions/{}", hub.create().await.unwrap());
    let endpoints = endpoints(hub.clone()).authorize(tokens.clone());
    (Server::of(hub, endpoints.clone()).await, endpoints, session)
}

async fn attach(server: &Server, session: &str, token: &str) -> Socket {
    let (mut socket, _) = server.dial(session, &[]).await.unwrap();
    socket.say(&json!({ "t": "attach", "client": "a", "token": token })).await;
    socket
}

async fn attached(server: &Server, session: &str, token: &str) -> Socket {
    let mut socket = attach(server, session, token).await;
    assert_eq!(socket.hear().await.unwrap()["t"], "welcome");
    socket
}

fn fresh(token: &str) -> Value {
    json!({ "t": "attach", "client": "a", "token": token })
}

/// The server has heard everything up to here.
async fn heard(socket: &mut Socket) {
    socket.say(&json!({ "t": "ping" })).await;
    socket.until(|frame| frame["t"] == "pong").await;
}

#[tokio::test]
async fn a_connection_whose_grant_ends_is_to_authenticate_again_and_an_old_token_is_expired() {
    let tokens = Tokens::default();
    tokens.add("short", Ok(ann().until(in_seconds(20))));
    let (server, _, session) = server(&tokens).await;
    let mut socket = attached(&server, &session, "short").await;
    let header = [("authorization", "Bearer short")];
    let mut events = server.events(&format!("{session}/events"), &header).await;
    events.until("welcome").await;
    let _frozen = freeze();
    tokio::time::advance(Duration::from_secs(19)).await;
    heard(&mut socket).await;
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(socket.code().await, 4201);
    let close = events.until("close").await;
    assert_eq!((&close.data["code"], &close.data["rule"]), (&json!(4201), &json!("now")));
    assert!(events.next().await.is_none());
    assert_eq!(attach(&server, &session, "short").await.code().await, 4010);
    // With its request or with its frame, it hears the same.
    let (mut socket, _) = server.dial(&session, &header).await.unwrap();
    socket.say(&json!({ "t": "attach", "client": "a" })).await;
    assert_eq!(socket.code().await, 4010);
    let told = server.request("GET", &session, &header, "").await;
    assert_eq!((told.status, &told.json()["error"]), (401, &json!("expired")));
}

#[tokio::test]
async fn a_fresh_token_in_band_keeps_the_connection_and_its_role_counts() {
    let tokens = Tokens::default();
    tokens.add("short", Ok(ann().until(in_seconds(20))));
    tokens.add("long", Ok(Grant::new("ann", Role::View).until(in_seconds(90))));
    tokens.add("ever", Ok(ann()));
    let (server, _, session) = server(&tokens).await;
    let mut socket = attached(&server, &session, "short").await;
    let _frozen = freeze();
    socket.say(&fresh("long")).await;
    // What stands behind the token is done by its grant.
    socket.prompt(1, "hello").await;
    let refused = socket.until(|frame| frame["t"] == "refused").await;
    assert_eq!(refused.last().unwrap()["reason"], "forbidden");
    for _ in 0..4 {
        tokio::time::advance(Duration::from_secs(20)).await;
        heard(&mut socket).await;
    }
    socket.say(&fresh("ever")).await;
    heard(&mut socket).await;
    for _ in 0..4 {
        tokio::time::advance(Duration::from_secs(20)).await;
        heard(&mut socket).await;
    }
}

#[tokio::test]
async fn a_fresh_token_that_is_none_ends_the_connection_unless_it_is_refused_for_now() {
    let tokens = Tokens::default();
    tokens.add("short", Ok(ann().until(in_seconds(20))));
    tokens.add("bob", Ok(Grant::new("bob", Role::Admin).until(in_seconds(90))));
    tokens.add("away", Err(AuthError::Unavailable));
    tokens.add("old", Err(AuthError::Expired));
    let (server, _, session) = server(&tokens).await;
    for (token, code) in [("wrong", 4001), ("old", 4010), ("bob", 4201)] {
        let mut socket = attached(&server, &session, "short").await;
        socket.say(&fresh(token)).await;
        assert_eq!(socket.code().await, code, "{token}");
    }
    let mut socket = attached(&server, &session, "short").await;
    socket.say(&fresh("away")).await;
    let told = socket.until(|frame| frame["t"] == "error").await;
    assert!(told.last().unwrap()["message"].as_str().unwrap().contains("at the moment"));
    heard(&mut socket).await;
}

#[tokio::test]
async fn a_revocation_closes_the_connections_of_its_principal_and_no_others() {
    let tokens = Tokens::default();
    tokens.add("ann", Ok(ann()));
    tokens.add("bob", Ok(Grant::new("bob", Role::Admin)));
    let (server, endpoints, session) = server(&tokens).await;
    let mut ann = attached(&server, &session, "ann").await;
    let mut bob = attached(&server, &session, "bob").await;
    let header = [("authorization", "Bearer ann")];
    let mut events = server.events(&format!("{session}/events"), &header).await;
    events.until("welcome").await;
    // Known by its request, and not attached yet.
    let (mut pending, _) = server.dial(&session, &header).await.unwrap();
    endpoints.revoke("ann");
    assert_eq!(ann.code().await, 4010);
    assert_eq!(events.until("close").await.data["code"], 4010);
    pending.say(&json!({ "t": "attach", "client": "b" })).await;
    assert_eq!(pending.code().await, 4010);
    heard(&mut bob).await;
    assert_eq!(*tokens.revoked.lock().unwrap(), ["ann"]);
    // The authoriser says whether it may come back.
    attached(&server, &session, "ann").await;
}

#[tokio::test]
async fn an_answer_of_before_a_revocation_lets_nobody_in_after_it() {
    let held = Arc::new([Notify::new(), Notify::new()]);
    let tokens = Tokens { held: Some(Arc::clone(&held)), ..Tokens::default() };
    tokens.add("ann", Ok(ann()));
    let (server, endpoints, session) = server(&tokens).await;
    let attaching = async {
        let header = [("authorization", "Bearer ann")];
        let (mut socket, _) = server.dial(&session, &header).await.ok()?;
        socket.say(&json!({ "t": "attach", "client": "a" })).await;
        Some(socket.code().await)
    };
    let revoking = async {
        held[0].notified().await;
        tokens.add("ann", Err(AuthError::InvalidCredentials));
        endpoints.revoke("ann");
        held[1].notify_one();
        held[0].notified().await;
        held[1].notify_one();
    };
    let (code, ()) = tokio::join!(attaching, revoking);
    assert_eq!(code, None, "the upgrade is refused: 401");
}
