//! `outlive serve --authorize`, `--jwt-key` and `--jwks`.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::{Json, Router};
use outlive_testkit::endpoints::{Site, Socket};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::child::{Folder, Serving};
use super::kill::guard;

/// What the backend was shown and told, and what it answers to which token.
#[derive(Clone, Default)]
struct Backend {
    asked: Arc<Mutex<Vec<(HeaderMap, Value)>>>,
    answers: Arc<Mutex<HashMap<&'static str, (u16, Value)>>>,
}

impl Backend {
    fn answers(&self, token: &'static str, status: u16, answer: Value) {
        self.answers.lock().unwrap().insert(token, (status, answer));
    }

    fn asked(&self) -> Vec<(HeaderMap, Value)> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }

    async fn listen(&self) -> (String, JoinHandle<()>) {
        let app = Router::new().fallback(may).with_state(self.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/may", listener.local_addr().unwrap());
        (url, tokio::spawn(async move { axum::serve(listener, app).await.unwrap() }))
    }
}

/// A session of others is not for who asks.
async fn may(
    State(backend): State<Backend>,
    headers: HeaderMap,
    Json(asked): Json<Value>,
) -> Response {
    let token = headers["authorization"].to_str().unwrap().trim_start_matches("Bearer ").to_owned();
    backend.asked.lock().unwrap().push((headers, asked.clone()));
    let Some((status, answer)) = backend.answers.lock().unwrap().get(&*token).cloned() else {
        return StatusCode::UNAUTHORIZED.into_response();
    };
    if !asked["session"].is_null() && asked["created_by"] != answer["principal"] {
        return StatusCode::FORBIDDEN.into_response();
    }
    (StatusCode::from_u16(status).unwrap(), Json(answer)).into_response()
}

async fn status(site: &Site, method: &str, path: &str, token: &str) -> u16 {
    let bearer = format!("Bearer {token}");
    site.request(method, path, &[("authorization", &bearer)], "").await.status
}

async fn session(site: &Site, token: &str) -> String {
    let bearer = format!("Bearer {token}");
    let made = site.request("POST", "/sessions", &[("authorization", &bearer)], "").await;
    assert_eq!(made.status, 201, "{}", made.body);
    format!("/sessions/{}", made.json()["session"].as_str().unwrap())
}

async fn attach(site: &Site, session: &str, token: &str) -> Socket {
    let (mut socket, _) = site.dial(session, &[]).await.unwrap();
    socket.say(&json!({ "t": "attach", "client": "a", "token": token })).await;
    socket
}

#[tokio::test]
async fn a_backend_says_who_may_and_for_how_long_and_one_that_is_away_refuses_for_now() {
    let backend = Backend::default();
    backend.answers("anns", 200, json!({ "principal": "ann", "cache_seconds": 3600 }));
    backend.answers("bobs", 200, json!({ "principal": "bob" }));
    backend.answers("short", 200, json!({ "principal": "ann", "expires_in": 0.3 }));
    backend.answers("views", 200, json!({ "principal": "ann", "role": "view" }));
    backend.answers("garbage", 200, json!({ "principal": 7 }));
    backend.answers("broken", 500, json!({ "principal": "ann" }));
    let (url, listening) = backend.listen().await;
    let folder = Folder::new("authorize");
    let more = ["--authorize", &url, "--authorize-header", "x-team"];
    let server = Serving::start("127.0.0.1:0", &folder.file("outlive.db"), &more).await;
    let site = &server.site;
    // Who shows nothing is not asked about.
    assert_eq!(site.request("POST", "/sessions", &[], "").await.status, 401);
    assert!(backend.asked().is_empty());
    let anns = session(site, "anns").await;
    let asked = backend.asked();
    assert_eq!(asked[0].1, json!({ "session": null, "created_by": null }));
    // Its headers, and those that were asked for; no others.
    let shown =
        [("authorization", "Bearer anns"), ("cookie", "a=1"), ("x-team", "red"), ("x-other", "1")];
    assert_eq!(site.request("GET", &anns, &shown, "").await.status, 200);
    let (headers, asked) = backend.asked().remove(0);
    let name = anns.trim_start_matches("/sessions/");
    assert_eq!(asked, json!({ "session": name, "created_by": "ann" }));
    assert_eq!(headers["cookie"], "a=1");
    assert_eq!(headers["x-team"], "red");
    assert!(!headers.contains_key("x-other"));
    // The same is asked once, as the answer says; without that each time.
    for (token, status_is, count) in [("anns", 200, 1), ("bobs", 404, 2), ("views", 200, 2)] {
        for _ in 0..2 {
            assert_eq!(status(site, "GET", &anns, token).await, status_is, "{token}");
        }
        assert_eq!(backend.asked().len(), count, "{token}");
    }
    assert_eq!(status(site, "POST", "/sessions", "views").await, 403);
    assert_eq!(status(site, "GET", &anns, "nobodys").await, 401);
    assert_eq!(status(site, "GET", &format!("/debug{anns}/steps"), "bobs").await, 404);
    for token in ["garbage", "broken"] {
        assert_eq!(status(site, "POST", "/sessions", token).await, 503, "{token}");
    }
    let mut socket = attach(site, &anns, "anns").await;
    assert_eq!(socket.hear().await.unwrap()["t"], "welcome");
    let mut socket = attach(site, &anns, "short").await;
    assert_eq!(socket.hear().await.unwrap()["t"], "welcome");
    assert_eq!(guard("the end of the grant", socket.code()).await, 4201);

    listening.abort();
    assert!(listening.await.unwrap_err().is_cancelled());
    // What was answered before is good, and anything else is refused for now.
    assert_eq!(status(site, "GET", &anns, "anns").await, 200);
    let bob = [("authorization", "Bearer bobs")];
    let refused = site.request("POST", "/sessions", &bob, "").await;
    assert_eq!((refused.status, refused.headers["retry-after"].as_str()), (503, "1"));
    assert_eq!(attach(site, &anns, "views").await.code().await, 1013);
}

/// `sub` is ann, until the year 2100; `kid` is k, `aud` is chat, `iss` is us.
const ANN: &str = concat!(
    "eyJhbGciOiJIUzI1NiIsImtpZCI6ImsifQ.",
    "eyJzdWIiOiJhbm4iLCJleHAiOjQxMDI0NDQ4MDAsImF1ZCI6ImNoYXQiLCJpc3MiOiJ1cyJ9.",
    "OYCgJ-1nv1g8U0nvDQokx9TZG133z6bvcgxY3x4Qc2I"
);
/// The same of bob.
const BOB: &str = concat!(
    "eyJhbGciOiJIUzI1NiIsImtpZCI6ImsifQ.",
    "eyJzdWIiOiJib2IiLCJleHAiOjQxMDI0NDQ4MDAsImF1ZCI6ImNoYXQiLCJpc3MiOiJ1cyJ9.",
    "Ou4VbwcjBf3dXPCS8tOFM9r-nS_wL8PI85ir-wrdruw"
);
/// The same of ann, until the year 2001.
const OLD: &str = concat!(
    "eyJhbGciOiJIUzI1NiIsImtpZCI6ImsifQ.",
    "eyJzdWIiOiJhbm4iLCJleHAiOjEwMDAwMDAwMDAsImF1ZCI6ImNoYXQiLCJpc3MiOiJ1cyJ9.",
    "Fh6NNi5shAl2IrEirVLe41ZczgeGpahNtEa-wqys-hc"
);
/// For mail, not chat.
const MAIL: &str = concat!(
    "eyJhbGciOiJIUzI1NiIsImtpZCI6ImsifQ.",
    "eyJzdWIiOiJhbm4iLCJleHAiOjQxMDI0NDQ4MDAsImF1ZCI6Im1haWwiLCJpc3MiOiJ1cyJ9.",
    "iWItaAT7sJVy0ha-dWfIJZyqH-6ExE6XIpEUgdgru4Y"
);
/// From them, not us.
const THEM: &str = concat!(
    "eyJhbGciOiJIUzI1NiIsImtpZCI6ImsifQ.",
    "eyJzdWIiOiJhbm4iLCJleHAiOjQxMDI0NDQ4MDAsImF1ZCI6ImNoYXQiLCJpc3MiOiJ0aGVtIn0.",
    "lhVnw8ywkN9y5HX7-sZyr991Vyp69uIZLgMf_wGqJPA"
);
/// With the `kid` j.
const OTHER: &str = concat!(
    "eyJhbGciOiJIUzI1NiIsImtpZCI6ImoifQ.",
    "eyJzdWIiOiJhbm4iLCJleHAiOjQxMDI0NDQ4MDAsImF1ZCI6ImNoYXQiLCJpc3MiOiJ1cyJ9.",
    "A9P1ac5VtoyAXRtJshdy_EtYSygIp05O8-VsrFTiYsY"
);

const KEY: &str = "0123456789abcdef0123456789abcdef\n";
const JWKS: &str = r#"{"keys":[{"kty":"oct","kid":"k","alg":"HS256","k":"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY"}]}"#;

/// Each user has the sessions that it has created.
async fn tokens_are_held_to_their_claims(flag: &str, key: &str) -> (Folder, Serving) {
    let folder = Folder::new("jwt");
    let file = folder.file("key");
    std::fs::write(&file, key).unwrap();
    let file = file.to_str().unwrap();
    let more = [flag, file, "--jwt-aud", "chat", "--jwt-iss", "us"];
    let server = Serving::start("127.0.0.1:0", &folder.file("outlive.db"), &more).await;
    let site = &server.site;
    let anns = session(site, ANN).await;
    for (token, right) in [(ANN, 200), (BOB, 404), (OLD, 401), (MAIL, 401), (THEM, 401)] {
        assert_eq!(status(site, "GET", &anns, token).await, right, "{token}");
        if right != 200 {
            let steps = format!("/debug{anns}/steps");
            assert_eq!(status(site, "GET", &steps, token).await, right, "{token}");
        }
    }
    assert_eq!(site.get(&anns).await.status, 401);
    let mut socket = attach(site, &anns, ANN).await;
    assert_eq!(socket.hear().await.unwrap()["t"], "welcome");
    assert_eq!(attach(site, &anns, OLD).await.code().await, 4010);
    assert_eq!(attach(site, &anns, BOB).await.code().await, 4004);
    (folder, server)
}

#[tokio::test]
async fn a_key_in_a_file_knows_who_signed_a_token() {
    let (_folder, server) = tokens_are_held_to_their_claims("--jwt-key", KEY).await;
    assert_eq!(status(&server.site, "POST", "/sessions", OTHER).await, 201);
}

#[tokio::test]
async fn a_key_of_a_set_is_known_by_its_name() {
    let (_folder, server) = tokens_are_held_to_their_claims("--jwks", JWKS).await;
    assert_eq!(status(&server.site, "POST", "/sessions", OTHER).await, 401);
}
