//! The client on tokio, against a server that does what the test says, over real sockets.

use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use outlive::client::{Settings, State};
use outlive::ids::{PromptNumber, Seq};
use outlive_client::{Builder, Client, ClientError, ClientState, CreateError, Target, Update};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::{WebSocketStream, accept_hdr_async};

/// What hangs must fail, and say where.
const SOON: Duration = Duration::from_secs(300);

pub(super) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(SOON, future).await.unwrap_or_else(|_| panic!("{what}: nothing came"))
}

pub(super) struct Server(TcpListener);

/// One connection, seen from the server.
pub(super) struct Peer {
    socket: WebSocketStream<TcpStream>,
    path: String,
    token: Option<String>,
}

impl Server {
    pub(super) async fn new() -> Server {
        Server(TcpListener::bind("127.0.0.1:0").await.unwrap())
    }

    pub(super) fn client(&self) -> Builder {
        let mut settings = Settings::default();
        (settings.first_ms, settings.step_ms, settings.spacing_ms) = (0, 0, 0);
        let url = format!("ws://{}", self.0.local_addr().unwrap());
        Client::builder(url).session("s_1").client("c_1").settings(settings)
    }

    #[allow(clippy::result_large_err, reason = "the signature is the library's")]
    pub(super) async fn accept(&self) -> Peer {
        let (stream, _) = soon("a dial", self.0.accept()).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let (mut path, mut token) = (String::new(), None);
        let look = |request: &Request, mut response: Response| {
            request.uri().path().clone_into(&mut path);
            let shown = request.headers().get("authorization");
            token = shown.map(|shown| shown.to_str().unwrap().to_owned());
            assert_eq!(request.headers()["sec-websocket-protocol"], "outlive.v1");
            let selected = HeaderValue::from_static("outlive.v1");
            response.headers_mut().insert("sec-websocket-protocol", selected);
            Ok(response)
        };
        let socket = soon("an upgrade", accept_hdr_async(stream, look)).await.unwrap();
        Peer { socket, path, token }
    }

    /// Accepts, reads the hello and welcomes; returns the hello's cursor as well.
    pub(super) async fn welcome(&self, more: Value) -> (Peer, Value) {
        let mut peer = self.accept().await;
        let hello = peer.read().await;
        assert_eq!(hello["t"], "attach");
        let mut welcome = json!({ "t": "welcome", "connection": "1", "log": "9f3a", "head": 0, "base": 0,
            "state": "ACTIVE", "incarnation": 1, "turn": null, "queue": [], "asks": [], "high": null,
            "outcome": "fresh", "ping_ms": 25000, "later": "unknown" });
        welcome.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        peer.tell(welcome).await;
        (peer, hello["cursor"].clone())
    }
}

impl Peer {
    pub(super) async fn read(&mut self) -> Value {
        match soon("a frame", self.socket.next()).await {
            Some(Ok(Message::Text(text))) => serde_json::from_str(text.as_str()).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    pub(super) async fn tell(&mut self, frame: Value) {
        self.tell_text(&frame.to_string()).await;
    }

    pub(super) async fn tell_text(&mut self, text: &str) {
        self.socket.send(Message::text(text)).await.unwrap();
    }

    pub(super) async fn entries(&mut self, seqs: impl IntoIterator<Item = u64>) {
        for seq in seqs {
            let id = format!("9f3a.{seq}");
            self.tell(json!({ "t": "ev", "id": id, "entry": "output", "turn": 1, "d": seq })).await;
        }
    }

    async fn close(mut self, code: u16) {
        let frame = CloseFrame { code: code.into(), reason: "because".into() };
        self.socket.close(Some(frame)).await.unwrap();
        while let Some(Ok(_)) = self.socket.next().await {}
    }
}

/// The next update that changes what the application shows.
async fn next(client: &mut Client) -> String {
    loop {
        let update = soon("an update", client.next()).await.expect("the client lives");
        if let Update::Reset { .. } = update {
            return "anew".into();
        } else if let Update::Entry(entry) = update {
            return entry.id.to_string();
        } else if let Update::Gap { lost_from, lost_to } = update {
            return format!("gap {lost_from}..{lost_to}");
        } else if let Update::Closed { code, reason } = update {
            return format!("closed {code} {reason}");
        }
    }
}

async fn until_state(client: &mut Client, state: State) {
    loop {
        if let Some(Update::State { to, .. }) = soon("a state", client.next()).await {
            if to == state {
                return;
            }
        }
    }
}

pub(super) fn number(n: u64) -> PromptNumber {
    PromptNumber::new(n).unwrap()
}

#[tokio::test]
async fn it_says_who_it_is_and_reads_the_log_in_order() {
    let server = Server::new().await;
    let mut client = server.client().token("secret").start().unwrap();
    let (mut peer, cursor) = server.welcome(json!({ "head": 2 })).await;
    assert_eq!((peer.path.as_str(), &cursor), ("/sessions/s_1/ws", &Value::Null));
    assert_eq!(peer.token.as_deref(), Some("Bearer secret"));
    peer.entries([1, 2]).await;
    for expected in ["anew", "9f3a.1", "9f3a.2"] {
        assert_eq!(next(&mut client).await, expected);
    }
    until_state(&mut client, State::Live).await;
}

#[tokio::test]
async fn the_cursor_is_saved_when_the_application_asks_for_more() {
    let server = Server::new().await;
    let kept = Arc::new(Mutex::new(ClientState::default()));
    let keep = kept.clone();
    let save = move |now: &ClientState| *keep.lock().unwrap() = now.clone();
    let mut client = server.client().save(save).start().unwrap();
    let (mut peer, _) = server.welcome(json!({ "head": 2 })).await;
    peer.entries([1, 2]).await;
    for _ in 0..3 {
        next(&mut client).await;
    }
    let cursor = || kept.lock().unwrap().link.cursor.map(|cursor| cursor.seq);
    assert_eq!(cursor(), Some(Seq(1)), "the second one is in the application's hands");
    client.close().await;
    assert_eq!(cursor(), Some(Seq(2)));
    assert_eq!(peer.read().await, json!({ "t": "detach" }));
    // Another life goes on from there.
    let restored = kept.lock().unwrap().clone();
    let client = server.client().restore(restored).start().unwrap();
    let (_peer, cursor) = server.welcome(json!({ "outcome": { "resumed": { "from": 3 } } })).await;
    assert_eq!(cursor, "9f3a.2");
    drop(client);
}

#[tokio::test]
async fn a_cut_is_healed_and_nothing_comes_twice() {
    let server = Server::new().await;
    let mut client = server.client().start().unwrap();
    let (mut peer, _) = server.welcome(json!({ "head": 2 })).await;
    peer.entries([1, 2]).await;
    assert_eq!(next(&mut client).await, "anew");
    assert_eq!(next(&mut client).await, "9f3a.1");
    drop(peer);
    let outcome = json!({ "gap": { "lost_from": 3, "lost_to": 4 } });
    let (mut peer, cursor) =
        server.welcome(json!({ "head": 5, "base": 4, "outcome": outcome })).await;
    assert_eq!(cursor, "9f3a.2");
    peer.entries([2, 5]).await;
    for expected in ["9f3a.2", "gap 3..4", "9f3a.5"] {
        assert_eq!(next(&mut client).await, expected);
    }
}

#[tokio::test]
async fn prompts_survive_the_connection_in_order_and_once() {
    let server = Server::new().await;
    let client = server.client().start().unwrap();
    let (first, second) = (client.prompt("one"), client.prompt("two"));
    let (mut peer, _) = server.welcome(json!({})).await;
    assert_eq!(peer.read().await, json!({ "t": "prompt", "n": 1, "d": "one" }));
    drop(peer); // not answered: sent again
    let (mut peer, _) = server.welcome(json!({})).await;
    assert_eq!(peer.read().await, json!({ "t": "prompt", "n": 1, "d": "one" }));
    drop(peer); // the answer was lost: sent again, for a number alone settles nothing
    let (mut peer, _) = server.welcome(json!({ "high": 1 })).await;
    assert_eq!(peer.read().await, json!({ "t": "prompt", "n": 1, "d": "one" }));
    let said = json!({ "t": "accepted", "n": 1, "seq": 2, "again": true, "incarnation": 1 });
    peer.tell(said).await;
    let accepted = soon("an answer", first).await.unwrap();
    assert_eq!((accepted.n, accepted.seq), (number(1), Seq(2)));
    assert_eq!(peer.read().await, json!({ "t": "prompt", "n": 2, "d": "two" }));
    let said = json!({ "t": "accepted", "n": 2, "seq": 4, "again": false, "incarnation": 1 });
    peer.tell(said).await;
    assert_eq!(soon("an answer", second).await.unwrap().seq, Seq(4));
}

/// The prompt ended a closeout. The client has read of neither, and a stop is for the life that answers.
#[tokio::test]
async fn a_stop_right_after_an_acceptance_is_for_the_life_that_it_named() {
    let server = Server::new().await;
    let client = server.client().start().unwrap();
    let (mut peer, _) = server.welcome(json!({ "state": "CLOSING" })).await;
    let accepted = client.prompt("one");
    peer.read().await;
    let said = json!({ "t": "accepted", "n": 1, "seq": 9, "again": false, "incarnation": 2 });
    peer.tell(said).await;
    soon("an answer", accepted).await.unwrap();
    soon("sent", client.stop_session()).await.unwrap();
    assert_eq!(peer.read().await, json!({ "t": "stop", "incarnation": 2 }));
}

#[tokio::test]
async fn a_refusal_is_for_the_one_who_prompted() {
    let server = Server::new().await;
    let client = server.client().start().unwrap();
    let (first, second) = (client.prompt("one"), client.prompt("two"));
    let (mut peer, _) = server.welcome(json!({})).await;
    peer.read().await;
    // A reason that this client has never heard of.
    peer.tell(json!({ "t": "refused", "what": "prompt", "n": 1, "reason": "monday", "message": "not today" }))
        .await;
    let failed = soon("a refusal", first).await.unwrap_err();
    assert_eq!(failed.to_string(), "not today");
    assert_eq!(peer.read().await, json!({ "t": "prompt", "n": 1, "d": "two" }));
    drop(second);
}

#[tokio::test]
async fn sent_away_it_stays_away_until_it_is_started() {
    let server = Server::new().await;
    let mut client = server.client().start().unwrap();
    let (mut peer, _) = server.welcome(json!({})).await;
    let pending = client.prompt("late");
    peer.read().await;
    peer.close(4003).await;
    assert_eq!(soon("an end", pending).await, Err(ClientError::Closed { code: 4003 }));
    while next(&mut client).await != "closed 4003 because" {}
    let refused = soon("a refusal", client.prompt("nobody listens")).await.unwrap_err();
    insta::assert_snapshot!(refused, @"PROMPT refused in STOPPED: not_started (rule P4)");
    client.handle().reconnect();
    let (_peer, _) = server.welcome(json!({})).await;
}

#[tokio::test]
async fn what_http_refuses_is_a_close() {
    let server = Server::new().await;
    let mut client = server.client().start().unwrap();
    let (stream, _) = soon("a dial", server.0.accept()).await.unwrap();
    #[allow(clippy::result_large_err, reason = "the signature is the library's")]
    let refuse = |_: &Request, _: Response| {
        Err(Response::builder().status(403).body(None).expect("a response"))
    };
    assert!(accept_hdr_async(stream, refuse).await.is_err());
    assert_eq!(next(&mut client).await, "closed 4003 403 Forbidden");
}

#[tokio::test]
async fn a_server_that_is_busy_is_left_alone_as_long_as_it_says() {
    let server = Server::new().await;
    let mut client = server.client().start().unwrap();
    let (stream, _) = soon("a dial", server.0.accept()).await.unwrap();
    #[allow(clippy::result_large_err, reason = "the signature is the library's")]
    let refuse = |_: &Request, _: Response| {
        let busy = Response::builder().status(503).header("retry-after", "3600");
        Err(busy.body(None).expect("a response"))
    };
    assert!(accept_hdr_async(stream, refuse).await.is_err());
    loop {
        if let Some(Update::Unreached { why }) = soon("a reason", client.next()).await {
            assert_eq!(why, "503 Service Unavailable");
            break;
        }
    }
    until_state(&mut client, State::BackingOff).await;
    // An hour, and nobody waits for it: who asks is served at once.
    client.handle().reconnect();
    let (_peer, _) = server.welcome(json!({})).await;
}

#[tokio::test]
async fn a_session_is_made_with_one_request() {
    let server = Server::new().await;
    let server = &server;
    let answer = async |answer: &str| {
        let (stream, _) = soon("a dial", server.0.accept()).await.unwrap();
        let mut stream = BufReader::new(stream);
        let mut request = String::new();
        while !request.ends_with("\r\n\r\n") {
            soon("a line", stream.read_line(&mut request)).await.unwrap();
        }
        // A client that has read enough may be gone.
        _ = stream.write_all(answer.as_bytes()).await;
        request
    };
    let at = server.0.local_addr().unwrap();
    let create = || soon("an answer", server.client().token("secret").create());
    let made = "HTTP/1.1 201 Created\r\ncontent-length: 17\r\n\r\n{\"session\":\"s_2\"}";
    let (request, made) = tokio::join!(answer(made), create());
    assert_eq!(
        request,
        format!(
            "POST /sessions HTTP/1.1\r\nhost: {at}\r\ncontent-length: 0\r\n\
             connection: close\r\nauthorization: Bearer secret\r\n\r\n"
        )
    );
    let client = made.unwrap().start().unwrap();
    assert_eq!(client.session(), "s_2");
    let (peer, _) = server.welcome(json!({})).await;
    assert_eq!(peer.path, "/sessions/s_2/ws");
    let why = |made: Result<Builder, CreateError>| made.err().unwrap().to_string();
    let refused = "HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n";
    let (_, made) = tokio::join!(answer(refused), create());
    assert_eq!(why(made), "no session: HTTP 401: it does not say why");
    let full = "HTTP/1.1 503 Service Unavailable\r\nretry-after: 5\r\ncontent-length: 18\r\n\r\n\
         {\"message\":\"full\"}";
    let (_, made) = tokio::join!(answer(full), create());
    let Err(CreateError::Refused { after_ms, message, .. }) = made else { panic!("not refused") };
    assert_eq!((after_ms, message.as_str()), (Some(5_000), "full"));
    let endless = format!("HTTP/1.1 201 Created\r\n\r\n{}", " ".repeat(65 << 10));
    for text in [
        "HTTP/1.1 201 Created\r\ncontent-le",
        "SSH-2.0-OpenSSH\r\n",
        "HTTP/1.1 201 Created\r\ncontent-length: many\r\n\r\n",
        "HTTP/1.1 201 Created\r\ntransfer-encoding: chunked\r\n\r\nx\r\n",
        "HTTP/1.1 201 Created\r\ncontent-length: 2\r\n\r\n{}",
        &endless,
    ] {
        let (_, made) = tokio::join!(answer(text), create());
        assert!(matches!(made, Err(CreateError::Unreached(_))), "{text:.60}");
    }
    let chunked = "HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n\
         5;a=b\r\n{\"ses\r\nC\r\nsion\":\"s_1\"}\r\n0\r\n\r\n";
    let (_, made) = tokio::join!(answer(chunked), create());
    assert_eq!(made.unwrap().start().unwrap().session(), "s_1");
}

#[tokio::test]
async fn what_can_never_work_is_told_at_once() {
    let why = |client: Builder| client.start().err().unwrap().to_string();
    insta::assert_snapshot!(why(Client::builder("localhost").session("s_1")), @r#""localhost" is no address of a server, such as ws://localhost:8080: it does not begin with ws:// or wss://"#);
    insta::assert_snapshot!(why(Client::builder("ws://localhost")), @"no session: name one, or have one created");
    #[cfg(not(feature = "tls"))]
    insta::assert_snapshot!(why(Client::builder("wss://localhost").session("s_1")), @r#""wss://localhost" needs TLS: build outlive-client with its feature `tls`, or give the client a dialer"#);
}

#[tokio::test]
async fn a_dialer_goes_another_way_and_what_it_says_is_told() {
    let server = Server::new().await;
    let at = server.0.local_addr().unwrap();
    let dials = Arc::new(Mutex::new(0));
    let dialled = dials.clone();
    let dial = move |to: Target| {
        assert_eq!((to.host.as_str(), to.port, to.secure), ("nowhere.invalid", 443, true));
        *dialled.lock().unwrap() += 1;
        let first = *dialled.lock().unwrap() == 1;
        async move {
            let tcp = TcpStream::connect(at).await?;
            if first { Err(std::io::Error::other("the proxy sleeps")) } else { Ok(tcp) }
        }
    };
    let mut settings = Settings::default();
    (settings.first_ms, settings.step_ms, settings.spacing_ms) = (0, 0, 0);
    let client = Client::builder("wss://nowhere.invalid").session("s_1").settings(settings);
    let mut client = client.dialer(dial).start().unwrap();
    drop(soon("a dial", server.0.accept()).await.unwrap());
    loop {
        if let Some(Update::Unreached { why }) = soon("a reason", client.next()).await {
            assert!(why.contains("the proxy sleeps"), "{why}");
            break;
        }
    }
    let (_peer, _) = server.welcome(json!({})).await;
}

#[tokio::test]
async fn news_that_nobody_asks_for_gives_way_to_newer_news() {
    let mut settings = Settings::default();
    (settings.first_ms, settings.step_ms, settings.spacing_ms) = (0, 0, 0);
    let (told, mut dials) = tokio::sync::mpsc::unbounded_channel();
    let dial = move |_: Target| {
        let told = told.clone();
        async move {
            told.send(()).unwrap();
            Err::<TcpStream, _>(std::io::Error::other("nobody is there"))
        }
    };
    let client = Client::builder("ws://nowhere.invalid").session("s_1").settings(settings);
    let mut client = client.dialer(dial).start().unwrap();
    for _ in 0..1_000 {
        soon("a dial", dials.recv()).await.unwrap();
    }
    client.handle().hide();
    let mut news = 0;
    while !matches!(
        soon("news", client.next()).await,
        Some(Update::State { to: State::Dormant, .. })
    ) {
        news += 1;
    }
    assert!(news < 200, "{news}");
}

#[tokio::test]
async fn a_silent_server_is_given_up() {
    let server = Server::new().await;
    let _client = server.client().start().unwrap();
    let (_half_open, _) = server.welcome(json!({ "ping_ms": 20 })).await;
    let (_peer, _) = server.welcome(json!({})).await;
}

#[tokio::test]
async fn a_dial_that_takes_too_long_is_told() {
    // Nobody accepts: the stream is there, and no answer comes.
    let server = Server::new().await;
    let mut settings = Settings::default();
    settings.attach_ms = 20;
    let mut client = server.client().settings(settings).start().unwrap();
    loop {
        if let Some(Update::Unreached { why }) = soon("a reason", client.next()).await {
            assert_eq!(why, "no welcome within 20 ms");
            break;
        }
    }
}

#[tokio::test]
async fn pings_are_answered_and_unknown_frames_passed_over() {
    let server = Server::new().await;
    let _client = server.client().start().unwrap();
    let (mut peer, _) = server.welcome(json!({})).await;
    peer.tell(json!({ "t": "fireworks" })).await;
    peer.tell(json!({ "t": "ping" })).await;
    assert_eq!(peer.read().await, json!({ "t": "pong" }));
}

#[tokio::test]
async fn hidden_and_shown_it_keeps_its_connection() {
    let server = Server::new().await;
    let mut client = server.client().start().unwrap();
    let (mut peer, _) = server.welcome(json!({ "head": 1 })).await;
    peer.entries([1]).await;
    until_state(&mut client, State::Live).await;
    client.handle().hide();
    assert_eq!(peer.read().await, json!({ "t": "suspend", "seen": 1 }));
    client.handle().show();
    assert_eq!(peer.read().await, json!({ "t": "ping" }));
    assert_eq!(peer.read().await, json!({ "t": "resume" }));
    soon("sent", client.interrupt(Seq(1))).await.unwrap();
    assert_eq!(peer.read().await, json!({ "t": "interrupt", "turn": 1 }));
}

#[tokio::test]
async fn a_command_without_a_connection_is_refused() {
    let server = Server::new().await;
    let client = server.client().start().unwrap();
    let refused = soon("a refusal", client.interrupt(Seq(1))).await.unwrap_err();
    assert!(
        matches!(refused, ClientError::NotTaken(refusal) if refusal.rule == "P6"),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_slow_application_loses_nothing_and_next_may_be_dropped() {
    let server = Server::new().await;
    let mut client = server.client().start().unwrap();
    let (mut peer, _) = server.welcome(json!({ "head": 500 })).await;
    let sends = tokio::spawn(async move {
        peer.entries(1..=500).await;
        peer
    });
    assert_eq!(next(&mut client).await, "anew");
    let mut seen = Vec::new();
    while seen.len() < 500 {
        // A future that is dropped before it is done takes nothing with it.
        let update = tokio::select! {
            biased;
            update = client.next() => Some(update),
            () = std::future::ready(()) => None,
        };
        if let Some(Some(Update::Entry(entry))) = update {
            seen.push(entry.id.seq.0);
            continue;
        }
        if let Some(Update::Entry(entry)) = soon("an update", client.next()).await {
            seen.push(entry.id.seq.0);
        }
    }
    assert!(seen.iter().copied().eq(1..=500), "{seen:?}");
    drop(sends.await.unwrap());
}

#[tokio::test]
async fn a_client_that_is_dropped_leaves() {
    let server = Server::new().await;
    let mut client = server.client().start().unwrap();
    let (mut peer, _) = server.welcome(json!({})).await;
    until_state(&mut client, State::Live).await;
    drop(client);
    assert_eq!(peer.read().await, json!({ "t": "detach" }));
    let end = soon("a close", peer.socket.next()).await;
    assert!(matches!(end, Some(Ok(Message::Close(Some(frame)))) if u16::from(frame.code) == 1000));
}

#[tokio::test]
async fn what_waits_when_the_process_dies_is_sent_by_the_next_one() {
    let server = Server::new().await;
    let kept = Arc::new(Mutex::new(ClientState::default()));
    let keep = kept.clone();
    let save = move |now: &ClientState| *keep.lock().unwrap() = now.clone();
    let client = server.client().save(save).start().unwrap();
    let pending = client.prompt(json!({ "text": "keep me" }));
    let (mut peer, _) = server.welcome(json!({})).await;
    peer.read().await;
    drop(client);
    assert_eq!(soon("an end", pending).await, Err(ClientError::Gone));
    let text = serde_json::to_string(&*kept.lock().unwrap()).unwrap();
    insta::assert_snapshot!(text, @r#"{"client":"c_1","link":{"cursor":null,"next":1,"tried":true,"outbox":[1]},"bodies":{"1":{"text":"keep me"}},"ticket":2}"#);
    let _client = server.client().restore(serde_json::from_str(&text).unwrap()).start().unwrap();
    let (mut peer, _) = server.welcome(json!({})).await;
    assert_eq!(peer.read().await, json!({ "t": "prompt", "n": 1, "d": { "text": "keep me" } }));
}
