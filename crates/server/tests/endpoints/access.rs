//! Who may do what.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use outlive_server::http::{
    AuthError, AuthRequest, Bearer, Endpoints, Grant, Hosts, Origins, Problem, endpoints,
};
use outlive_server::hub::{Hub, HubOptions, Role};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio_tungstenite::tungstenite::Message;

use crate::logs::Told;
use outlive_testkit::endpoints::{Server, Site, Words};

async fn guarded() -> Server {
    let hub = Hub::builder().build(Words).await.unwrap();
    Server::of(hub.clone(), endpoints(hub).authorize(Bearer::new("secret"))).await
}

#[tokio::test]
async fn a_token_opens_everything_and_nothing_else_does() {
    let server = guarded().await;
    for headers in
        [&[][..], &[("authorization", "Bearer wrong")], &[("authorization", "Basic secret")]]
    {
        let told = server.request("POST", "/sessions", headers, "").await;
        assert_eq!((told.status, told.json()["error"].clone()), (401, json!("unauthenticated")));
        assert_eq!(told.headers["www-authenticate"], "Bearer");
        let told = server.request("GET", "/sessions/s_1/events", headers, "").await;
        assert_eq!(told.status, 401);
    }
    let right = [("authorization", "bearer secret")];
    assert_eq!(server.request("POST", "/sessions", &right, "").await.status, 201);
}

#[tokio::test]
async fn a_socket_says_who_it_is_with_its_request_or_with_its_first_frame() {
    let server = guarded().await;
    let session = format!("/sessions/{}", server.hub.create().await.unwrap());
    let (mut socket, _) =
        server.dial(&session, &[("authorization", "Bearer secret")]).await.unwrap();
    socket.say(&json!({ "t": "attach", "client": "a" })).await;
    assert_eq!(socket.hear().await.unwrap()["t"], "welcome");
    let (mut socket, _) = server.dial(&session, &[]).await.unwrap();
    socket.say(&json!({ "t": "attach", "client": "b", "token": "secret" })).await;
    assert_eq!(socket.hear().await.unwrap()["t"], "welcome");
    for token in [None, Some("wrong")] {
        let (mut socket, _) = server.dial(&session, &[]).await.unwrap();
        socket.say(&json!({ "t": "attach", "client": "c", "token": token })).await;
        assert_eq!(socket.code().await, 4001, "{token:?}");
    }
}

#[tokio::test]
async fn a_wrong_token_is_a_status_for_programs_and_a_close_for_browsers() {
    let server = guarded().await;
    let session = format!("/sessions/{}", server.hub.create().await.unwrap());
    let wrong = ("authorization", "Bearer wrong");
    let (status, problem) = server.dial(&session, &[wrong]).await.err().unwrap();
    assert_eq!((status, &problem["error"]), (401, &json!("unauthenticated")));
    let page = format!("http://{}", server.at);
    let (mut socket, _) = server.dial(&session, &[wrong, ("origin", &page)]).await.unwrap();
    socket.say(&json!({ "t": "attach", "client": "a" })).await;
    assert_eq!(socket.code().await, 4001);
}

#[tokio::test]
async fn whoever_authorises_may_say_that_somebody_asks_too_often() {
    fn too_often(_: &AuthRequest<'_>) -> Result<Grant, AuthError> {
        Err(AuthError::RateLimited { retry_after: Duration::from_millis(1_500) })
    }
    let hub = Hub::builder().build(Words).await.unwrap();
    let session = format!("/sessions/{}", hub.create().await.unwrap());
    let server = Server::of(hub.clone(), endpoints(hub).authorize(too_often)).await;
    let told = server.get(&session).await;
    assert_eq!((told.status, told.headers["retry-after"].as_str()), (429, "2"));
    assert_eq!(server.dial(&session, &[]).await.err().unwrap().0, 429);
    let page = format!("http://{}", server.at);
    let (mut browser, _) = server.dial(&session, &[("origin", &page)]).await.unwrap();
    browser.say(&json!({ "t": "attach", "client": "a" })).await;
    assert_eq!(browser.code().await, 4129);
}

/// Each has one session; `x-role` says what it may do there.
fn by_headers(ask: &AuthRequest<'_>) -> Result<Grant, AuthError> {
    let header = |name| ask.parts().headers.get(name).and_then(|value| value.to_str().ok());
    let principal = ask.cookie("user").ok_or(AuthError::MissingCredentials)?.to_owned();
    if header("x-other").is_some() {
        return Err(AuthError::Forbidden);
    }
    let role = match header("x-role") {
        Some("view") => Role::View,
        Some("prompt") => Role::Prompt,
        _ => Role::Admin,
    };
    Ok(Grant::new(principal, role))
}

async fn shared() -> (Server, String) {
    let hub = Hub::builder().build(Words).await.unwrap();
    let server = Server::of(hub.clone(), endpoints(hub).authorize(by_headers)).await;
    let session = format!("/sessions/{}", server.hub.create().await.unwrap());
    (server, session)
}

#[tokio::test]
async fn a_session_of_others_looks_like_one_that_is_not_there() {
    let (server, session) = shared().await;
    let mut said = Vec::new();
    let mine = [("cookie", "a=1; user=ann")];
    let others = [("cookie", "user=ann"), ("x-other", "1")];
    for (path, headers) in [("/sessions/s_nobody", &mine[..]), (&session, &others)] {
        let look = server.request("GET", path, headers, "").await;
        let events = server.request("GET", &format!("{path}/events"), headers, "").await;
        let stop = server.request("POST", &format!("{path}/stop"), headers, "").await;
        let (mut socket, _) = server.dial(path, headers).await.unwrap();
        socket.say(&json!({ "t": "attach", "client": "a" })).await;
        let code = socket.code().await;
        assert_eq!((look.status, events.status, stop.status, code), (404, 404, 404, 4004));
        said.push((look.body, events.body, stop.body));
    }
    assert_eq!(said[0], said[1]);
}

#[tokio::test]
async fn a_role_is_held_against_every_request() {
    let (server, session) = shared().await;
    let viewer = [("cookie", "user=ann"), ("x-role", "view")];
    let prompter = [("cookie", "user=ann"), ("x-role", "prompt")];
    let prompt = r#"{"client":"a","n":1,"d":"x"}"#;
    for (path, body) in
        [("prompts", prompt), ("interrupt", r#"{"turn":1}"#), ("stop", ""), ("asks/1", prompt)]
    {
        let told = server.request("POST", &format!("{session}/{path}"), &viewer, body).await;
        assert_eq!(
            (told.status, told.json()["error"].clone()),
            (403, json!("forbidden")),
            "{path}"
        );
    }
    assert_eq!(server.request("POST", "/sessions", &viewer, "").await.status, 403);
    assert_eq!(server.request("GET", &session, &viewer, "").await.status, 200);
    let told = server.request("POST", &format!("{session}/stop"), &prompter, "").await;
    assert_eq!((told.status, told.json()["right"].clone()), (403, json!("admin")));
    let prompts = format!("{session}/prompts");
    assert_eq!(server.request("POST", &prompts, &prompter, prompt).await.status, 202);
    // Over a socket the refusal is a frame.
    let (mut socket, _) = server.dial(&session, &viewer).await.unwrap();
    socket.say(&json!({ "t": "attach", "client": "b" })).await;
    socket.prompt(1, "x").await;
    let refused = socket.until(|frame| frame["t"] == "refused").await;
    assert_eq!(refused.last().unwrap()["reason"], "forbidden");
}

#[tokio::test]
async fn clients_of_two_principals_have_numbers_of_their_own() {
    let (server, session) = shared().await;
    let prompts = format!("{session}/prompts");
    for user in ["user=ann", "user=ben"] {
        let told = server
            .request("POST", &prompts, &[("cookie", user)], r#"{"client":"a","n":1,"d":"x"}"#)
            .await;
        assert_eq!((told.status, told.json()["again"].clone()), (202, json!(false)), "{user}");
    }
}

#[tokio::test]
async fn pages_of_other_origins_may_not_connect_and_are_told_why() {
    let (logs, _logs) = Told::from(tracing::Level::WARN);
    let server = Server::new().await;
    let session = server.session().await;
    for origin in ["https://evil.example", "null", "http://127.0.0.1:1", "https://evil.example"] {
        let why = format!(
            "Endpoints::origins (serve: --origin) admits no page of {origin:?} at \"{}\"",
            server.at
        );
        // A browser shows its page no status: the page would see 1006, and dial for ever.
        let (mut socket, _) = server.dial(&session, &[("origin", origin)]).await.unwrap();
        assert_eq!(socket.closed().await, (4003, why.clone()));
        for (method, path) in [("POST", "/sessions"), ("GET", &format!("{session}/events"))] {
            let told = server.request(method, path, &[("origin", origin)], "").await;
            let told = (told.status, told.json());
            assert_eq!((told.0, &told.1["error"]), (403, &json!("origin")), "{origin}");
            assert_eq!(told.1["message"], why);
        }
    }
    assert_eq!(outlive::CloseCode::Forbidden.client_rule(), outlive::ClientRule::Stop);
    let page = format!("http://{}", server.at);
    assert!(server.dial(&session, &[("origin", &page)]).await.is_ok());
    // Once per origin, and not without end.
    assert_eq!(logs.lock().unwrap().len(), 3, "{logs:?}");
    for port in 0..100 {
        let origin = format!("http://127.0.0.1:{port}");
        server.request("POST", "/sessions", &[("origin", &origin)], "").await;
    }
    assert_eq!(logs.lock().unwrap().len(), 64);
}

/// A head with this host and origin, and the status of its answer.
async fn status_for(server: &Server, host: &str, more: &str) -> u16 {
    let mut stream = TcpStream::connect(server.at).await.unwrap();
    let head =
        format!("GET /sessions/s_1 HTTP/1.1\r\nhost: {host}\r\n{more}connection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

/// DNS rebinding: a name of the page's site is made to lead here, so the page is of the host that it asks for.
#[tokio::test]
async fn a_page_whose_name_was_made_to_lead_here_reaches_nothing() {
    let server = Server::new().await;
    let session = server.session().await;
    let port = server.at.port();
    for name in ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "[::1].evil"] {
        let host = format!("{name}:{port}");
        let origin = format!("origin: http://{host}\r\n");
        assert_eq!(status_for(&server, &host, "").await, 421, "{host}");
        assert_eq!(status_for(&server, &host, &origin).await, 421, "{host}");
        let origin = format!("http://{host}");
        let (mut socket, _) =
            server.dial(&session, &[("host", &host), ("origin", &origin)]).await.unwrap();
        let why = format!("Endpoints::hosts admits nothing for {host:?}");
        assert_eq!(socket.closed().await, (4003, why));
        assert_eq!(server.dial(&session, &[("host", &host)]).await.err().unwrap().0, 421);
    }
    for host in ["127.0.0.1", "[::1]", "LocalHost"] {
        assert_eq!(status_for(&server, host, "").await, 404, "{host}");
        assert_eq!(status_for(&server, &format!("{host}:{port}"), "").await, 404, "{host}");
    }
    let only = Hosts::only(["chat.example"]);
    let server = Server::with(HubOptions::default(), |endpoints| endpoints.hosts(only)).await;
    assert_eq!(status_for(&server, "Chat.example:80", "").await, 404);
    assert_eq!(status_for(&server, "127.0.0.1", "").await, 421);
    // Whoever authorises by a token is reached by every name.
    assert_eq!(status_for(&guarded().await, "chat.example", "").await, 401);
}

#[tokio::test]
async fn origins_can_be_listed() {
    let only = Origins::only(["https://chat.example"]);
    let server = Server::with(HubOptions::default(), |endpoints| endpoints.origins(only)).await;
    let session = server.session().await;
    let status = async |server: &Server, origin: &str| {
        server.request("GET", "/sessions/s_1", &[("origin", origin)], "").await.status
    };
    assert!(server.dial(&session, &[("origin", "https://Chat.example")]).await.is_ok());
    assert_eq!(status(&server, "https://Chat.example").await, 404);
    assert_eq!(status(&server, &format!("http://{}", server.at)).await, 403);
    let any =
        Server::with(HubOptions::default(), |endpoints| endpoints.origins(Origins::any())).await;
    assert_eq!(status(&any, "null").await, 404);
}

#[tokio::test]
async fn whoever_authorises_may_take_time_but_not_for_ever() {
    struct Slow(Arc<Notify>);
    impl outlive_server::http::Authorize for Slow {
        async fn authorize(&self, ask: &AuthRequest<'_>) -> Result<Grant, AuthError> {
            if ask.token().is_none() {
                return Err(AuthError::MissingCredentials);
            }
            self.0.notify_one();
            std::future::pending().await
        }
    }
    let asked = Arc::new(Notify::new());
    let hub = Hub::builder().build(Words).await.unwrap();
    let session = format!("/sessions/{}", hub.create().await.unwrap());
    let server = Server::of(hub.clone(), endpoints(hub).authorize(Slow(Arc::clone(&asked)))).await;
    let (mut socket, _) = server.dial(&session, &[]).await.unwrap();
    socket.send(Message::text(r#"{"t":"attach","client":"a","token":"t"}"#)).await.unwrap();
    // Paused before, time could run ahead of what is on its way.
    asked.notified().await;
    tokio::time::pause();
    assert_eq!(socket.code().await, 1013);
}

/// Knows everybody, and cannot write down whose a session is.
struct Forgetful(std::sync::Arc<std::sync::Mutex<Option<outlive_server::store::SessionId>>>);

impl outlive_server::http::Authorize for Forgetful {
    async fn authorize(&self, _: &AuthRequest<'_>) -> Result<Grant, AuthError> {
        Ok(Grant::new("ann", Role::Admin))
    }

    async fn created(
        &self,
        request: &AuthRequest<'_>,
        _: &Grant,
        session: &outlive_server::store::SessionId,
    ) -> Result<(), AuthError> {
        assert_eq!((request.cookie("plan"), request.session()), (Some("free"), None));
        *self.0.lock().unwrap() = Some(session.clone());
        Err(AuthError::Unavailable)
    }
}

#[tokio::test]
async fn a_session_whose_owner_cannot_be_remembered_is_forgotten() {
    let made = std::sync::Arc::default();
    let hub = Hub::builder().build(Words).await.unwrap();
    let forgetful = Forgetful(std::sync::Arc::clone(&made));
    let server = Server::of(hub.clone(), endpoints(hub).authorize(forgetful)).await;
    let told = server.request("POST", "/sessions", &[("cookie", "plan=free")], "").await;
    assert_eq!((told.status, told.json()["error"].clone()), (503, json!("unavailable")));
    let session = made.lock().unwrap().clone().unwrap();
    assert_eq!(server.get(&format!("/sessions/{session}")).await.status, 404);
}

#[tokio::test]
async fn a_route_of_ones_own_is_authorised_as_the_endpoints_are() {
    async fn mine(
        State(endpoints): State<Endpoints>,
        parts: axum::http::request::Parts,
    ) -> Result<String, Problem> {
        let session = "s_1".parse().unwrap();
        let grant = endpoints.authorize(&parts, Some(&session), Role::Prompt).await?;
        Ok(grant.principal)
    }
    let hub = Hub::builder().build(Words).await.unwrap();
    let endpoints = endpoints(hub).authorize(by_headers);
    let app = axum::Router::new().route("/mine", axum::routing::get(mine));
    let app = app.with_state(endpoints);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let site = Site { at: listener.local_addr().unwrap() };
    tokio::spawn(async move { axum::serve(listener, app).await });
    let ann = ("cookie", "user=ann");
    for (headers, status, said) in [
        (&[ann][..], 200, "ann"),
        (&[], 401, "unauthenticated"),
        (&[ann, ("x-role", "view")], 403, "\"right\":\"prompt\""),
        (&[ann, ("x-other", "1")], 404, "not_found"),
        (&[ann, ("origin", "https://evil.example")], 403, "\"origin\""),
    ] {
        let told = site.request("GET", "/mine", headers, "").await;
        assert_eq!(told.status, status, "{}", told.body);
        assert!(told.body.contains(said), "{}", told.body);
    }
}

/// The token's own name is the principal.
fn by_token(request: &AuthRequest<'_>) -> Result<Grant, AuthError> {
    let token = request.token().ok_or(AuthError::MissingCredentials)?;
    Ok(Grant::new(token, Role::Admin))
}

/// Signed in as one user, one could allow something under the name of another, and log and worker both said so.
#[tokio::test]
async fn what_is_done_is_done_by_whom_the_server_authorised_whatever_name_is_typed() {
    let hub = Hub::builder().build(Words).await.unwrap();
    let session = format!("/sessions/{}", hub.create().await.unwrap());
    let server = Server::of(hub.clone(), endpoints(hub).authorize(by_token)).await;
    let (mut socket, _) = server.dial(&session, &[("authorization", "Bearer carl")]).await.unwrap();
    socket.say(&json!({ "t": "attach", "client": "ann" })).await;
    let ann = [("authorization", "Bearer ann")];
    let post = async |path: &str, body: serde_json::Value| {
        let path = format!("{session}/{path}");
        let told = server.request("POST", &path, &ann, &body.to_string()).await;
        assert_eq!(told.status, 202, "{told:?}");
    };
    post("prompts", json!({ "client": "carl", "n": 1, "d": "ask" })).await;
    let mut frames = socket.until(|frame| frame["entry"] == "ask").await;
    post("asks/2", json!({ "client": "carl", "d": "yes" })).await;
    frames.extend(socket.until(|frame| frame["entry"] == "turn_end").await);
    socket.prompt(1, "ask").await;
    frames.extend(socket.until(|frame| frame["entry"] == "ask").await);
    socket.say(&json!({ "t": "answer", "ask": 7, "d": "yes" })).await;
    frames.extend(socket.until(|frame| frame["entry"] == "turn_end").await);
    for n in [2, 3] {
        socket.prompt(n, "hold").await;
        let running = socket.until(|frame| frame["d"] == "holding").await;
        let turn = running.last().unwrap()["turn"].clone();
        if n == 2 {
            post("interrupt", json!({ "turn": turn })).await;
        } else {
            socket.say(&json!({ "t": "interrupt", "turn": turn })).await;
        }
        frames.extend(running);
        frames.extend(socket.until(|frame| frame["entry"] == "turn_end").await);
    }
    post("stop", json!({})).await;
    frames.extend(socket.until(|frame| frame["entry"] == "end").await);
    socket.prompt(4, "one").await;
    frames.extend(socket.until(|frame| frame["entry"] == "turn_end").await);
    socket.say(&json!({ "t": "stop", "incarnation": 2 })).await;
    frames.extend(socket.until(|frame| frame["entry"] == "closing").await);
    let caused = ["prompt", "answer", "turn_end", "closing"];
    let caused = |frame: &&serde_json::Value| {
        caused.iter().any(|kind| frame["entry"] == *kind) && frame["outcome"] != "completed"
    };
    let by: Vec<&str> = frames.iter().filter(caused).map(|it| it["by"].as_str().unwrap()).collect();
    let right =
        ["ann", "ann", "carl", "carl", "carl", "ann", "carl", "carl", "ann", "carl", "carl"];
    assert_eq!(by, right, "{frames:#?}");
}
