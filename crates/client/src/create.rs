//! `POST /sessions`: the one request that a client makes which is no WebSocket.

use std::io;
use std::time::Duration;

use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1::handshake;
use hyper::header::{AUTHORIZATION, CONNECTION, CONTENT_LENGTH, HOST, RETRY_AFTER};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
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
        /// Not to ask again before, in milliseconds, if the server set it.
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
        let mut request = Request::post(address.sessions())
            .header(HOST, &address.authority)
            // hyper says none for an empty body, and some servers then answer 411.
            .header(CONTENT_LENGTH, 0)
            .header(CONNECTION, "close");
        if let Some(token) = token {
            request = request.header(AUTHORIZATION, bearer(token)?);
        }
        let request = request.body(Empty::<Bytes>::new()).map_err(io::Error::other)?;
        exchange(dialer.dial(&address.target).await?, request).await
    };
    let most = Duration::from_millis(u64::from(most_ms));
    let answer =
        timeout(most, asking).await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
    answer.session()
}

struct Answer {
    status: StatusCode,
    after_ms: Option<u32>,
    body: Bytes,
}

impl Answer {
    fn session(self) -> Result<String, CreateError> {
        #[derive(Deserialize)]
        struct Made {
            session: String,
        }
        let Answer { status, after_ms, body } = self;
        if status.is_success() {
            let made: Made = serde_json::from_slice(&body).map_err(no_answer)?;
            return Ok(made.session);
        }
        let said = serde_json::from_slice(&body).map(|problem: Problem| problem.message);
        let message = said.unwrap_or_else(|_| "it does not say why".to_string());
        Err(CreateError::Refused { status: status.as_u16(), message, after_ms })
    }
}

/// What was answered is no answer of a server of sessions.
fn no_answer(why: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

/// Sends the request and reads the answer: over HTTP/1.1, on a connection of its own.
async fn exchange(stream: Stream, request: Request<Empty<Bytes>>) -> io::Result<Answer> {
    let (mut sender, connection) = handshake(TokioIo::new(stream)).await.map_err(no_answer)?;
    let answer = async {
        let (head, body) = sender.send_request(request).await.map_err(no_answer)?.into_parts();
        let after = head.headers.get(RETRY_AFTER).and_then(|after| after.to_str().ok());
        let body = Limited::new(body, MOST).collect().await.map_err(no_answer)?.to_bytes();
        Ok(Answer { status: head.status, after_ms: retry_after(after), body })
    };
    tokio::pin!(answer);
    tokio::select! {
        biased;
        answer = &mut answer => answer,
        // It has read what there is; the answer is made of that.
        _ = connection => answer.await,
    }
}
