//! The backend behind the gateway and behind nginx: HTTP/1.1 by hand, so that it costs little, and each entry is a chunk and a
//! write of its own.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Barrier;

use crate::http::{header, read_head};
use crate::server::{clock, pace, token};

/// How the entries of an answer are sent.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    Ndjson,
    Sse,
}

/// The prompt: what answer is wanted.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Answer {
    pub entries: u32,
    /// Bytes of an entry, as JSON; at least 22.
    pub size: usize,
    pub form: Form,
    /// Microseconds between two entries; 0 is as fast as they are taken.
    pub pace_us: u64,
    /// So many answers begin together; 1 waits for none.
    pub together: usize,
}

/// What the gateway posts, and what is posted through nginx: one field of it counts.
#[derive(Deserialize)]
struct Posted {
    prompt: Answer,
}

#[derive(Default)]
struct Shared {
    barrier: Mutex<Option<(usize, Arc<Barrier>)>>,
    /// Answers that were written to their end.
    done: AtomicU32,
}

/// Serves until it is killed.
pub async fn backend() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    println!("{}", listener.local_addr().expect("it is bound"));
    let shared = Arc::new(Shared::default());
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        stream.set_nodelay(true).expect("a socket has options");
        tokio::spawn(connection(stream, Arc::clone(&shared)));
    }
}

async fn connection(stream: TcpStream, shared: Arc<Shared>) -> Option<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let (head, body) = read_head(&mut stream).await?;
        match head.split(' ').nth(1)? {
            "/answer" => {
                let Posted { prompt } = serde_json::from_slice(&body).ok()?;
                answer(stream.get_mut(), prompt, &shared).await?;
            }
            // Who may: the principal is what the bearer token says.
            "/may" => {
                let token = header(&head, "authorization")?.strip_prefix("Bearer ")?;
                let json =
                    format!(r#"{{"principal":"{token}","role":"admin","cache_seconds":600}}"#);
                whole(stream.get_mut(), &json).await?;
            }
            "/done" => {
                let done = shared.done.load(Ordering::Relaxed);
                whole(stream.get_mut(), &done.to_string()).await?;
            }
            _ => return None,
        }
    }
}

async fn whole(stream: &mut TcpStream, json: &str) -> Option<()> {
    let length = json.len();
    let text = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{json}"
    );
    stream.write_all(text.as_bytes()).await.ok()
}

async fn answer(stream: &mut TcpStream, answer: Answer, shared: &Shared) -> Option<()> {
    let (kind, before, behind) = match answer.form {
        Form::Ndjson => ("application/x-ndjson", "", "\n"),
        Form::Sse => ("text/event-stream", "data: ", "\n\n"),
    };
    let head =
        format!("HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nTransfer-Encoding: chunked\r\n\r\n");
    stream.write_all(head.as_bytes()).await.ok()?;
    if answer.together > 1 {
        shared.barrier(answer.together).wait().await;
    }
    let padding = "x".repeat(answer.size.saturating_sub(22));
    let length = before.len() + padding.len() + 22 + behind.len();
    let mut clock = clock(answer.pace_us);
    for _ in 0..answer.entries {
        pace(&mut clock).await;
        let chunk = format!("{length:x}\r\n{before}\"{padding}{}\"{behind}\r\n", token());
        stream.write_all(chunk.as_bytes()).await.ok()?;
    }
    stream.write_all(b"0\r\n\r\n").await.ok()?;
    shared.done.fetch_add(1, Ordering::Relaxed);
    Some(())
}

impl Shared {
    fn barrier(&self, together: usize) -> Arc<Barrier> {
        let mut barrier = self.barrier.lock().unwrap_or_else(PoisonError::into_inner);
        match &*barrier {
            Some((count, barrier)) if *count == together => Arc::clone(barrier),
            _ => {
                let new = Arc::new(Barrier::new(together));
                *barrier = Some((together, Arc::clone(&new)));
                new
            }
        }
    }
}
