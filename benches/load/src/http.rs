//! HTTP/1.1 by hand, for those who look: no task stands between them and the socket.

use tokio::io::{
    AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWriteExt as _, BufReader,
};
use tokio::net::TcpStream;

/// A head, and a body whose length it says; none if the peer has closed.
pub async fn read_head<R: AsyncRead + Unpin>(
    reader: &mut BufReader<R>,
) -> Option<(String, Vec<u8>)> {
    let mut head = String::new();
    loop {
        let before = head.len();
        reader.read_line(&mut head).await.ok().filter(|read| *read > 0)?;
        if &head[before..] == "\r\n" {
            break;
        }
    }
    let length = header(&head, "content-length").and_then(|length| length.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).await.ok()?;
    Some((head, body))
}

/// The value of a header, whose name is in lower case.
pub fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let mut fields = head.lines().filter_map(|line| line.split_once(':'));
    let (_, value) = fields.find(|(found, _)| found.eq_ignore_ascii_case(name))?;
    Some(value.trim())
}

/// A connection to one server, kept from request to request.
pub struct Client {
    stream: BufReader<TcpStream>,
    address: String,
}

impl Client {
    pub async fn connect(address: &str) -> Client {
        let stream = TcpStream::connect(address).await.expect("the server listens");
        stream.set_nodelay(true).expect("a socket has options");
        Client { stream: BufReader::with_capacity(64 << 10, stream), address: address.to_owned() }
    }

    /// Sends a request. `headers` are whole lines.
    pub async fn send(&mut self, method: &str, path: &str, headers: &str, body: &str) {
        let (address, length) = (&self.address, body.len());
        let text = format!(
            "{method} {path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
        );
        self.stream.get_mut().write_all(text.as_bytes()).await.expect("the server reads");
    }

    /// The head of a response, and its body if its length is known.
    pub async fn head(&mut self) -> (String, String) {
        let (head, body) = read_head(&mut self.stream).await.expect("the server answers");
        (head, String::from_utf8_lossy(&body).into_owned())
    }

    /// Reads a body in chunks until so many lines have come. The lines of the chunks themselves, which end with CR LF, do not
    /// count.
    pub async fn lines(&mut self, mut count: u32) {
        let mut last = 0;
        while count > 0 {
            let came = self.stream.fill_buf().await.expect("the server writes");
            assert!(!came.is_empty(), "closed, {count} lines before the end");
            let mut used = 0;
            for byte in came {
                used += 1;
                if *byte == b'\n' && last != b'\r' {
                    count -= 1;
                    if count == 0 {
                        break;
                    }
                }
                last = *byte;
            }
            self.stream.consume(used);
        }
    }

    /// Reads to the end of a body in chunks.
    pub async fn end(&mut self) {
        let mut tail = Vec::new();
        while !tail.ends_with(b"\r\n0\r\n\r\n") {
            tail.push(self.stream.read_u8().await.expect("the server writes"));
        }
    }

    /// Reads until a text has come.
    pub async fn until(&mut self, text: &str) {
        let mut line = Vec::new();
        loop {
            line.clear();
            let read = self.stream.read_until(b'\n', &mut line).await.expect("the server writes");
            assert!(read > 0, "closed before {text}");
            if line.windows(text.len()).any(|part| part == text.as_bytes()) {
                return;
            }
        }
    }
}

/// One request and its answer, over a connection of its own.
pub async fn once(address: &str, method: &str, path: &str, headers: &str, body: &str) -> String {
    let mut client = Client::connect(address).await;
    client.send(method, path, headers, body).await;
    let (head, body) = client.head().await;
    assert!(head.starts_with("HTTP/1.1 2"), "{head}{body}");
    body
}
