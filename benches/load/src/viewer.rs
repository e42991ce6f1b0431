//! Those who look: raw WebSockets that count frames and note how old each token is.

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

use crate::server::now;

/// A viewer's connection.
pub type Socket = WebSocketStream<TcpStream>;

/// A WebSocket to a path of a server.
pub async fn connect(address: &str, path: &str, protocol: Option<&str>) -> Socket {
    let stream = TcpStream::connect(address).await.expect("the server listens");
    connect_over(stream, address, path, protocol).await
}

/// A connection that has hardly any room for what it does not read.
async fn narrow(address: &str) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(4 << 10).expect("a socket has options");
    socket.connect(address.parse().expect("an address")).await.expect("the server listens")
}

async fn connect_over(
    stream: TcpStream,
    address: &str,
    path: &str,
    protocol: Option<&str>,
) -> Socket {
    let mut request = format!("ws://{address}{path}").into_client_request().expect("an address");
    if let Some(protocol) = protocol {
        let protocol = protocol.parse().expect("a protocol's name");
        request.headers_mut().insert("sec-websocket-protocol", protocol);
    }
    stream.set_nodelay(true).expect("a socket has options");
    let config = WebSocketConfig::default().read_buffer_size(16 << 10);
    let (socket, _) = tokio_tungstenite::client_async_with_config(request, stream, Some(config))
        .await
        .expect("the server speaks WebSocket");
    socket
}

/// Sends a text.
pub async fn say(socket: &mut Socket, text: String) {
    socket.send(Message::Text(text.into())).await.expect("the server reads");
}

/// The next text.
pub async fn hear(socket: &mut Socket) -> Option<String> {
    loop {
        match socket.next().await? {
            Ok(Message::Text(text)) => return Some(text.as_str().to_owned()),
            Ok(_) => {}
            Err(_) => return None,
        }
    }
}

/// Attaches to one of our sessions, and returns when welcome.
pub async fn attach(address: &str, session: &str, client: &str, cursor: Option<&str>) -> Socket {
    let stream = TcpStream::connect(address).await.expect("the server listens");
    attach_over(stream, address, session, client, cursor).await
}

/// Attaches with a token; one that does not read has hardly any room for it.
pub async fn attach_as(address: &str, session: &str, token: &str, reads: bool) -> Socket {
    let stream = if reads {
        TcpStream::connect(address).await.expect("the server listens")
    } else {
        narrow(address).await
    };
    let path = format!("/sessions/{session}/ws");
    let mut socket = connect_over(stream, address, &path, Some("outlive.v1")).await;
    let hello = format!(r#"{{"t":"attach","client":"viewer","token":"{token}"}}"#);
    say(&mut socket, hello).await;
    let welcome = hear(&mut socket).await.expect("a welcome");
    assert!(welcome.contains(r#""t":"welcome""#), "{welcome}");
    socket
}

/// As [`attach`], with hardly any room for what is not read: for one that does not.
pub async fn attach_narrow(address: &str, session: &str, client: &str) -> Socket {
    attach_over(narrow(address).await, address, session, client, None).await
}

async fn attach_over(
    stream: TcpStream,
    address: &str,
    session: &str,
    client: &str,
    cursor: Option<&str>,
) -> Socket {
    let path = format!("/sessions/{session}/ws");
    let mut socket = connect_over(stream, address, &path, Some("outlive.v1")).await;
    let cursor = cursor.map(|cursor| format!(r#","cursor":"{cursor}""#)).unwrap_or_default();
    say(&mut socket, format!(r#"{{"t":"attach","client":"{client}"{cursor}}}"#)).await;
    let welcome = hear(&mut socket).await.expect("a welcome");
    assert!(welcome.contains(r#""t":"welcome""#), "{welcome}");
    socket
}

/// A new session.
pub async fn create(address: &str) -> String {
    let answer = request(address, "POST", "/sessions").await;
    let (_, rest) = answer.split_once(r#""session":""#).expect("a session");
    rest.split('"').next().expect("its name").to_owned()
}

/// A plain request, and what came back.
pub async fn request(address: &str, method: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).await.expect("the server listens");
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.expect("the server reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("the server answers");
    answer
}

/// Reads tokens until `count` have come; returns how old each was, in microseconds.
pub async fn watch(socket: &mut Socket, count: u32) -> Vec<f64> {
    let mut ages = Vec::with_capacity(count as usize);
    while ages.len() < count as usize {
        let Some(text) = hear(socket).await else { panic!("closed after {} tokens", ages.len()) };
        if let Some(made) = token(&text) {
            #[allow(clippy::cast_precision_loss, reason = "an age is small")]
            ages.push(now().saturating_sub(made) as f64 / 1_000.0);
        }
    }
    ages
}

/// When a token was made: the last 20 digits of its frame.
fn token(text: &str) -> Option<u64> {
    let digits = text.strip_suffix("\"}")?;
    digits.get(digits.len().checked_sub(20)?..)?.parse().ok()
}
