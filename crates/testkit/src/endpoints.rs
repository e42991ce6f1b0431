//! A server on a loopback address, and clients that speak to it over real sockets.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;

use futures_util::{SinkExt as _, StreamExt as _};
use outlive::Limits;
use outlive_server::http::{Anyone, Endpoints, endpoints};
use outlive_server::hub::{CloseoutContext, Failure, Hub, HubOptions, Turn, Worker, WorkerContext};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode as Number;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::schema;

/// Answers with the words of its prompt; `hold` is not answered until a client stops it, `ask` asks, and
/// `long N` says N words of a kilobyte each.
pub struct Words;

impl Worker for Words {
    type Run = ();

    async fn start(&self, _: WorkerContext) -> Result<(), Failure> {
        Ok(())
    }

    async fn answer(&self, (): &mut (), turn: Turn) -> Result<(), Failure> {
        let prompt: String = turn.prompt().deserialize()?;
        if prompt == "hold" {
            turn.emit(&"holding").await?;
            turn.cancellation().cancelled().await;
            return Ok(());
        }
        if prompt == "ask" {
            let answer = turn.ask(&"may I?").await?;
            turn.emit(&answer.deserialize::<Value>()?).await?;
            return Ok(());
        }
        if let Some(count) = prompt.strip_prefix("long ") {
            for _ in 0..count.parse::<u32>()? {
                turn.emit(&"x".repeat(1_000)).await?;
            }
            return Ok(());
        }
        for word in prompt.split_whitespace() {
            turn.emit(&word).await?;
        }
        Ok(())
    }

    async fn close_out(&self, (): (), context: CloseoutContext) {
        _ = context.emit(&"goodbye").await;
    }
}

/// A server that runs as long as the test.
pub struct Server {
    site: Site,
    pub hub: Hub,
}

impl std::ops::Deref for Server {
    type Target = Site;

    fn deref(&self) -> &Site {
        &self.site
    }
}

/// Where a server is, in this process or in another.
#[derive(Clone, Copy, Debug)]
pub struct Site {
    pub at: SocketAddr,
}

impl Server {
    pub async fn new() -> Server {
        Server::with(HubOptions::default(), |endpoints| endpoints).await
    }

    pub async fn with(options: HubOptions, set: impl FnOnce(Endpoints) -> Endpoints) -> Server {
        let hub = Hub::builder().options(options).limits(Limits::default());
        let hub = hub.build(Words).await.unwrap();
        Server::of(hub.clone(), set(endpoints(hub).authorize(Anyone))).await
    }

    pub async fn of(hub: Hub, endpoints: Endpoints) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Server::on(listener, hub, endpoints)
    }

    pub fn on(listener: TcpListener, hub: Hub, endpoints: Endpoints) -> Server {
        let at = listener.local_addr().unwrap();
        let ready = axum::routing::get(outlive_server::http::ready).with_state(endpoints.clone());
        let app = axum::Router::new().route("/ready", ready).merge(endpoints.router());
        tokio::spawn(async move { axum::serve(listener, app).await });
        Server { site: Site { at }, hub }
    }
}

impl Site {
    pub async fn request(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let (mut stream, mut answer) = self.begin(method, path, headers, body).await.unwrap();
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).await.unwrap();
        answer.body.push_str(&String::from_utf8(rest).unwrap());
        let json = answer.headers.get("content-type").is_some_and(|of| of == "application/json");
        if let (Some(form), true) = (schema::answer_to(method, path, answer.status), json) {
            schema::check(form, &answer.json());
        }
        answer
    }

    /// Sends a request, and reads its answer's head.
    async fn begin(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> io::Result<(TcpStream, Answer)> {
        let mut stream = TcpStream::connect(self.at).await?;
        let length = body.len();
        let mut text = format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\ncontent-length: {length}\r\n",
            self.at
        );
        for (name, value) in headers {
            text.extend([*name, ": ", *value, "\r\n"]);
        }
        text.push_str("\r\n");
        text.push_str(body);
        stream.write_all(text.as_bytes()).await?;
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await?);
        }
        let head = String::from_utf8(head).unwrap();
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers = lines.filter_map(|line| line.split_once(": "));
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Ok((stream, Answer { status, headers, body: String::new() }))
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.request("GET", path, &[], "").await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.request("POST", path, &[], &body.to_string()).await
    }

    /// A new session, by its path.
    pub async fn session(&self) -> String {
        let made = self.post("/sessions", &json!({})).await;
        assert_eq!(made.status, 201, "{}", made.body);
        format!("/sessions/{}", made.json()["session"].as_str().unwrap())
    }

    /// A stream of events.
    pub async fn events(&self, path: &str, headers: &[(&str, &str)]) -> Events {
        self.try_events(path, headers).await.unwrap()
    }

    /// A stream of events, of a server that may be gone.
    pub async fn try_events(&self, path: &str, headers: &[(&str, &str)]) -> io::Result<Events> {
        let (stream, answer) = self.begin("GET", path, headers, "").await?;
        Ok(Events { stream, answer, text: String::new(), raw: Vec::new() })
    }

    /// A WebSocket that has not attached, or the status of the refusal.
    pub async fn dial(&self, path: &str, headers: &[(&'static str, &str)]) -> Dialled {
        self.dial_over(TcpStream::connect(self.at).await.unwrap(), path, headers).await
    }

    async fn dial_over(
        &self,
        stream: TcpStream,
        path: &str,
        headers: &[(&'static str, &str)],
    ) -> Dialled {
        let address = format!("ws://{}{path}/ws", self.at);
        let mut request = address.into_client_request().unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(*name, HeaderValue::from_str(value).unwrap());
        }
        match client_async(request, stream).await {
            Ok((socket, response)) => {
                let protocol = response.headers().get("sec-websocket-protocol").cloned();
                Ok((Socket(socket), protocol.map(|value| value.to_str().unwrap().to_owned())))
            }
            Err(tungstenite::Error::Http(response)) => {
                let body = response.body().clone().unwrap_or_default();
                Err((response.status().as_u16(), serde_json::from_slice(&body).unwrap_or_default()))
            }
            Err(other) => panic!("{other}"),
        }
    }

    /// A WebSocket that has attached, and its welcome.
    pub async fn attach(&self, path: &str, client: &str, cursor: Option<&str>) -> (Socket, Value) {
        let stream = TcpStream::connect(self.at).await.unwrap();
        self.attach_over(stream, path, client, cursor).await
    }

    pub async fn attach_over(
        &self,
        stream: TcpStream,
        path: &str,
        client: &str,
        cursor: Option<&str>,
    ) -> (Socket, Value) {
        let (mut socket, _) = self.dial_over(stream, path, &[]).await.unwrap();
        socket.say(&json!({ "t": "attach", "client": client, "cursor": cursor })).await;
        let welcome = socket.hear().await.unwrap();
        assert_eq!(welcome["t"], "welcome", "{welcome}");
        (socket, welcome)
    }
}

type Dialled = Result<(Socket, Option<String>), (u16, Value)>;

/// An answer over HTTP.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HashMap<String, String>,
    pub body: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|why| panic!("{why}: {self:?}"))
    }
}

/// A stream of events, with its chunks taken apart.
#[derive(Debug)]
pub struct Events {
    stream: TcpStream,
    pub answer: Answer,
    raw: Vec<u8>,
    text: String,
}

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    pub name: String,
    pub id: Option<String>,
    pub data: Value,
    pub retry: Option<u32>,
}

impl Events {
    /// The next event; none when the stream has ended.
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            while let Some(at) = self.text.find("\n\n") {
                let block: String = self.text.drain(..at + 2).collect();
                if !block.starts_with(':') {
                    return Some(read_event(&block));
                }
            }
            if !self.chunk().await {
                return None;
            }
        }
    }

    /// The next event of a kind.
    pub async fn until(&mut self, name: &str) -> Event {
        loop {
            let event = self.next().await.unwrap_or_else(|| panic!("no {name} came"));
            if event.name == name {
                return event;
            }
        }
    }

    async fn chunk(&mut self) -> bool {
        loop {
            if let Some(end) = self.raw.windows(2).position(|pair| pair == b"\r\n") {
                let size = std::str::from_utf8(&self.raw[..end]).unwrap();
                let size = usize::from_str_radix(size, 16).unwrap();
                if self.raw.len() >= end + 2 + size + 2 {
                    let chunk: Vec<u8> = self.raw.drain(..end + 2 + size + 2).collect();
                    self.text
                        .push_str(std::str::from_utf8(&chunk[end + 2..end + 2 + size]).unwrap());
                    return size > 0;
                }
            }
            if self.stream.read_buf(&mut self.raw).await.unwrap_or(0) == 0 {
                return false;
            }
        }
    }
}

/// Reads one event, up to its empty line.
pub fn read_event(block: &str) -> Event {
    let field = |name: &str| {
        let mut lines = block.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(key, _)| *key == name).map(|(_, value)| value.to_owned())
    };
    let data: Value = serde_json::from_str(&field("data").unwrap()).unwrap();
    schema::check("StreamEvent", &data);
    Event {
        name: field("event").unwrap(),
        id: field("id"),
        data,
        retry: field("retry").map(|retry| retry.parse().unwrap()),
    }
}

/// A client's WebSocket.
pub struct Socket(pub WebSocketStream<TcpStream>);

impl Socket {
    pub async fn say(&mut self, frame: &Value) {
        self.send(Message::text(frame.to_string())).await.unwrap();
    }

    pub async fn send(&mut self, message: Message) -> tungstenite::Result<()> {
        self.0.send(message).await
    }

    pub async fn prompt(&mut self, n: u32, text: &str) {
        self.say(&json!({ "t": "prompt", "n": n, "d": text })).await;
    }

    /// The next frame, or the code of the close.
    pub async fn hear(&mut self) -> Result<Value, u16> {
        loop {
            match self.0.next().await {
                Some(Ok(Message::Text(text))) => {
                    let frame = serde_json::from_str(&text).unwrap();
                    schema::check("ToClient", &frame);
                    return Ok(frame);
                }
                Some(Ok(Message::Close(frame))) => {
                    let frame = frame.expect("a close says why");
                    assert!(frame.reason.len() <= 123 && !frame.reason.is_empty());
                    // Nothing comes after a close.
                    assert!(matches!(self.0.next().await, None | Some(Err(_))));
                    return Err(Number::into(frame.code));
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(1006),
            }
        }
    }

    /// The code of the close, whatever comes before it.
    pub async fn code(&mut self) -> u16 {
        loop {
            if let Err(code) = self.hear().await {
                return code;
            }
        }
    }

    /// The code of the close, which is the next frame, and its reason.
    pub async fn closed(&mut self) -> (u16, String) {
        match self.0.next().await {
            Some(Ok(Message::Close(Some(frame)))) => {
                (Number::into(frame.code), frame.reason.as_str().to_owned())
            }
            other => panic!("no close: {other:?}"),
        }
    }

    /// The frames up to the first one that `is` accepts.
    pub async fn until(&mut self, is: impl Fn(&Value) -> bool) -> Vec<Value> {
        let mut frames = Vec::new();
        loop {
            let frame = self.hear().await.expect("a frame");
            frames.push(frame);
            if is(&frames[frames.len() - 1]) {
                return frames;
            }
        }
    }
}

/// Time that stands still, and moves only when a test advances it: as long as this is kept.
///
/// Paused time alone jumps also when what all tasks wait for is on its way through a socket; it does not
/// while a thread is busy.
pub struct Frozen {
    _busy: std::sync::mpsc::Sender<()>,
}

pub fn freeze() -> Frozen {
    let (sender, receiver) = std::sync::mpsc::channel::<()>();
    tokio::task::spawn_blocking(move || _ = receiver.recv());
    tokio::time::pause();
    Frozen { _busy: sender }
}

/// Whether a frame is an entry of this kind.
pub fn entry(kind: &'static str) -> impl Fn(&Value) -> bool {
    move |frame| frame["entry"] == kind
}

/// What was said in these frames.
pub fn outputs(frames: &[Value]) -> Vec<&str> {
    let outputs = frames.iter().filter(|frame| frame["entry"] == "output");
    outputs.map(|frame| frame["d"].as_str().unwrap()).collect()
}
