//! `POST /sessions`: the one request that a client makes which is no WebSocket.

use std::io;
use std::string::{String, ToString};
use std::time::Duration;

use serde::Deserialize;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;

use super::address::{Address, StartError};
use super::dial::{Dialer, Stream};
use super::problem::Problem;
use super::socket::{bearer, retry_after};

/// An answer is not read further than this, in bytes.
const MOST: usize = 64 << 10;

/// Why there is no new session.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CreateError {
    /// What was set is of no use, however often it is tried.
    #[error(transparent)]
    StartError(#[from] StartError),
    /// The server was not reached, or not in time, or what it answered is no HTTP.
    #[error("no session: {0}")]
    Unreached(#[from] io::Error),
    /// The server does not make one.
    #[error("no session: HTTP {status}: {message}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// What the server says.
        message: String,
        /// Not to ask again before, in milliseconds, if it said so.
        after_ms: Option<u32>,
    },
}

/// Asks for a session; returns its name.
pub(super) async fn create(
    address: &Address,
    dialer: &Dialer,
    token: Option<&str>,
    most_ms: u32,
) -> Result<String, CreateError> {
    let asking = async {
        let shown = token.map(bearer).transpose()?;
        let shown = shown.as_ref().and_then(|shown| shown.to_str().ok());
        let shown = shown.map_or(String::new(), |shown| format!("authorization: {shown}\r\n"));
        let Address { authority, .. } = address;
        let path = address.sessions();
        let request = format!(
            "POST {path} HTTP/1.1\r\nhost: {authority}\r\n{shown}content-length: 0\r\nconnection: close\r\n\r\n"
        );
        let mut stream = dialer.dial(&address.target).await?;
        stream.write_all(request.as_bytes()).await?;
        stream.flush().await?;
        read(&mut stream).await
    };
    let most = Duration::from_millis(u64::from(most_ms));
    let answer =
        timeout(most, asking).await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
    answer.session()
}

#[derive(Debug, PartialEq, Eq)]
struct Answer {
    status: u16,
    after_ms: Option<u32>,
    body: Vec<u8>,
}

impl Answer {
    fn session(self) -> Result<String, CreateError> {
        #[derive(Deserialize)]
        struct Made {
            session: String,
        }
        let Answer { status, after_ms, body } = self;
        if (200..300).contains(&status) {
            let made: Made = serde_json::from_slice(&body).map_err(|_| no_http())?;
            return Ok(made.session);
        }
        let said = serde_json::from_slice(&body).map(|problem: Problem| problem.message);
        let message = said.unwrap_or_else(|_| "it does not say why".to_string());
        Err(CreateError::Refused { status, message, after_ms })
    }
}

fn no_http() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the answer is none of a server of sessions")
}

async fn read(stream: &mut Stream) -> io::Result<Answer> {
    let mut bytes = Vec::new();
    loop {
        // Some hang up without a farewell of TLS: what came is judged by itself.
        let over = matches!(stream.read_buf(&mut bytes).await, Ok(0) | Err(_));
        if let Some(answer) = parse(&bytes, over)? {
            return Ok(answer);
        }
        if over || bytes.len() > MOST {
            return Err(no_http());
        }
    }
}

/// The answer, if it is here in full. `over`: nothing more comes.
fn parse(bytes: &[u8], over: bool) -> io::Result<Option<Answer>> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut response = httparse::Response::new(&mut headers);
    let parsed = response.parse(bytes).map_err(|_| no_http())?;
    let (httparse::Status::Complete(head), Some(status)) = (parsed, response.code) else {
        return Ok(None);
    };
    let header = |name: &str| {
        let mut of =
            response.headers.iter().filter(|header| header.name.eq_ignore_ascii_case(name));
        of.next().and_then(|header| std::str::from_utf8(header.value).ok())
    };
    let after_ms = retry_after(header("retry-after"));
    let rest = &bytes[head..];
    let body = if header("transfer-encoding").is_some() {
        chunks(rest)?
    } else if let Some(length) = header("content-length") {
        let length: usize = length.trim().parse().map_err(|_| no_http())?;
        rest.get(..length).map(<[u8]>::to_vec)
    } else {
        over.then(|| rest.to_vec())
    };
    Ok(body.map(|body| Answer { status, after_ms, body }))
}

/// A body in chunks, if all of them are here.
fn chunks(mut rest: &[u8]) -> io::Result<Option<Vec<u8>>> {
    let mut body = Vec::new();
    loop {
        let Ok(parsed) = httparse::parse_chunk_size(rest) else { return Err(no_http()) };
        let httparse::Status::Complete((begin, size)) = parsed else { return Ok(None) };
        if size == 0 {
            return Ok(Some(body));
        }
        let end = usize::try_from(size).ok().and_then(|size| begin.checked_add(size));
        let end = end.ok_or_else(no_http)?;
        let Some(chunk) = rest.get(begin..end) else { return Ok(None) };
        body.extend_from_slice(chunk);
        // Behind each there is an end of line.
        let Some(more) = rest.get(end + 2..) else { return Ok(None) };
        rest = more;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MADE: &[u8] = br#"{"session":"s_1"}"#;

    fn made() -> Answer {
        Answer { status: 201, after_ms: None, body: MADE.to_vec() }
    }

    /// An answer that comes byte by byte is complete with its last one.
    fn grows(text: &str, needs_end: bool) {
        let bytes = text.as_bytes();
        for length in 0..bytes.len() {
            assert_eq!(parse(&bytes[..length], false).unwrap(), None, "{length} of {text}");
        }
        assert_eq!(parse(bytes, needs_end).unwrap(), Some(made()), "{text}");
    }

    #[test]
    fn an_answer_is_read_whichever_way_its_end_is_told() {
        grows("HTTP/1.1 201 Created\r\nContent-Length: 17\r\n\r\n{\"session\":\"s_1\"}", false);
        grows("HTTP/1.0 201 Created\r\n\r\n{\"session\":\"s_1\"}", true);
        let chunked = "HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n\
             5;a=b\r\n{\"ses\r\nC\r\nsion\":\"s_1\"}\r\n0\r\n";
        assert_eq!(parse(chunked.as_bytes(), false).unwrap(), Some(made()));
        assert_eq!(made().session().unwrap(), "s_1");
    }

    #[test]
    fn what_is_no_answer_is_an_error() {
        for text in [
            "SSH-2.0-OpenSSH\r\n",
            "HTTP/1.1 201 Created\r\ncontent-length: many\r\n\r\n",
            "HTTP/1.1 201 Created\r\ntransfer-encoding: chunked\r\n\r\nx\r\n",
            "HTTP/1.1 201 Created\r\ntransfer-encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFF\r\n",
        ] {
            assert!(parse(text.as_bytes(), true).is_err(), "{text}");
        }
    }

    #[test]
    fn a_refusal_says_why_and_when_to_come_back() {
        let text = "HTTP/1.1 503 Service Unavailable\r\nretry-after: 5\r\ncontent-length: 18\r\n\r\n\
             {\"message\":\"full\"}";
        let answer = parse(text.as_bytes(), false).unwrap().unwrap();
        assert_eq!(answer.after_ms, Some(5_000));
        let refused = answer.session().unwrap_err();
        assert_eq!(refused.to_string(), "no session: HTTP 503: full");
    }
}
