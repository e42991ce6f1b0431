//! What a backend says when it fails, and bounded pieces of what it says.

use std::time::Duration;

use http_body_util::{BodyExt as _, Limited};
use hyper::Response;
use hyper::header::LOCATION;
use serde::Deserialize;

use super::connection::Answer;
use super::response::essence;

/// How much of an error's body is read, in bytes …
const READ: usize = 64 << 10;
/// … for how long …
const PATIENCE: Duration = Duration::from_secs(5);
/// … and how much of a text is shown, in characters.
pub(crate) const SHOWN: usize = 500;

/// The fields of RFC 9457 that are for people. `FastAPI` has `detail` too; servers of `OpenAI`'s form have `error`.
#[derive(Deserialize)]
struct Problem {
    title: Option<String>,
    detail: Option<String>,
    error: Option<Fault>,
}

/// What servers of `OpenAI`'s form say of a failure.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Fault {
    Object { message: String },
    Text(String),
}

impl Fault {
    pub(crate) fn text(&self) -> &str {
        match self {
            Fault::Object { message } => message,
            Fault::Text(text) => text,
        }
    }
}

/// A response whose status says that the backend failed, as one sentence.
pub(crate) async fn refusal(response: Response<Answer>) -> String {
    let (head, body) = response.into_parts();
    let mut said = format!("the backend answered {}", head.status);
    if head.status.is_redirection() {
        // Where to is for the server's log: whoever reads the answer may not know the backend.
        let location = head.headers.get(LOCATION).map(|to| excerpt(to.as_bytes(), SHOWN));
        tracing::warn!(location, "the backend redirects, which is not followed");
        return said + ", and redirects are not followed";
    }
    let read = Limited::new(body, READ).collect();
    let Ok(Ok(body)) = tokio::time::timeout(PATIENCE, read).await else { return said };
    let body = body.to_bytes();
    let json = essence(&head.headers).is_some_and(|of| of.ends_with("json"));
    let problem = if json { serde_json::from_slice::<Problem>(&body).ok() } else { None };
    let parts = problem.map(|Problem { title, detail, error }| {
        [title, detail, error.map(|error| error.text().to_owned())]
    });
    let mut parts: Vec<String> = parts.into_iter().flatten().flatten().collect();
    if parts.is_empty() {
        parts.push(excerpt(&body, SHOWN));
    }
    for part in parts.iter().filter(|part| !part.is_empty()) {
        said.push_str(": ");
        said += &excerpt(part.as_bytes(), SHOWN);
    }
    said
}

/// The beginning of what came, on one line.
pub(crate) fn excerpt(bytes: &[u8], most: usize) -> String {
    // Four bytes make a character at most.
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(4 * most)]);
    let mut shown = String::new();
    for (place, word) in text.split(|c: char| c.is_whitespace() || c.is_control()).enumerate() {
        if place > 0 && !word.is_empty() && !shown.is_empty() {
            shown.push(' ');
        }
        shown.push_str(word);
    }
    match shown.char_indices().nth(most) {
        Some((end, _)) => shown.truncate(end),
        None if bytes.len() <= 4 * most => return shown,
        None => {}
    }
    shown + "…"
}

#[cfg(test)]
mod tests {
    use super::excerpt;

    #[test]
    fn an_excerpt_is_short_and_on_one_line() {
        assert_eq!(excerpt(b"  two\r\n\n words\0 ", 20), "two words");
        assert_eq!(excerpt("äöü".as_bytes(), 3), "äöü");
        assert_eq!(excerpt("äöüß".as_bytes(), 3), "äöü…");
        assert_eq!(excerpt(&[b'x'; 100], 10), "xxxxxxxxxx…");
        assert_eq!(excerpt(b"\xff", 10), "\u{fffd}");
    }
}
