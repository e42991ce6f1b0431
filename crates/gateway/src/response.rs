//! What a backend sends back, as entries.

use std::str;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap};
use hyper::{Response, StatusCode};
use outlive_server::hub::TurnError;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::client::root;
use super::connection::Answer;
use super::events::{Event, Events, Malformed};
use super::lines::{Ending, Lines, TooLong};
use super::openai::{self, Piece};
use super::output::Output;
use super::problem::{excerpt, refusal};

const EVENT_STREAM: &str = "text/event-stream";

/// The content types that are understood.
pub(crate) const ACCEPTED: &str =
    "text/event-stream, application/x-ndjson, application/json, text/plain";

/// How much of a malformed line is shown, in characters.
const SHOWN: usize = 80;

/// Why a response makes no answer. What it says is in the log, for all to see.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ResponseError {
    #[error("{0}")]
    Refused(String),
    #[error("the backend's answer has {what}, and must have one of {right}")]
    ContentType { what: String, right: &'static str },
    #[error("the backend's answer is in {0}, and must be in UTF-8")]
    Charset(String),
    #[error("the backend's answer is compressed ({0}), which was not asked for")]
    Compressed(String),
    #[error("the backend's answer was cut off after {entries} entries: {why}")]
    CutOff { entries: u64, why: String },
    #[error("line {number} of the backend's answer is no JSON ({why}): {excerpt}")]
    NotJson { number: u64, why: serde_json::Error, excerpt: String },
    #[error("the backend's answer is no JSON ({why}): {excerpt}")]
    NotOneJson { why: serde_json::Error, excerpt: String },
    #[error("line {number} of the backend's answer is not UTF-8: {excerpt}")]
    NotUtf8 { number: u64, excerpt: String },
    #[error("the backend's answer is not UTF-8 after {after} bytes")]
    NotText { after: u64 },
    #[error(
        "line {number} of the backend's answer makes an entry of more than {most} bytes, the most that is taken"
    )]
    TooLong { number: u64, most: usize },
    #[error("the backend's answer is longer than {most} bytes, the most that an entry may have")]
    DocumentTooLong { most: usize },
    #[error(
        "the backend's answer ended in the middle of an event, after line {number}: an empty line ends each event"
    )]
    UnfinishedEvent { number: u64 },
    #[error("the backend failed: {0}")]
    Fault(String),
    #[error("the model ended its answer before it was whole: {0}")]
    Unfinished(String),
    #[error("the model calls a tool, and none was offered to it")]
    CallsATool,
    #[error(
        "the backend's answer ended after {entries} entries without a finish_reason and without [DONE]"
    )]
    NoEnd { entries: u64 },
    #[error("the backend's answer to a closeout asks something, and nobody is there to answer")]
    AskInCloseout,
    #[error(transparent)]
    Output(#[from] TurnError),
}

/// How a body is made of entries.
#[derive(Clone, Copy, Debug)]
enum Form {
    Events,
    Lines,
    Json,
    Text,
}

/// Reads a response to its end, an entry after the other, as fast as they are taken.
pub(crate) async fn read(
    response: Response<Answer>,
    output: Output<'_>,
    most: usize,
) -> Result<(), ResponseError> {
    if !response.status().is_success() {
        return Err(ResponseError::Refused(refusal(response).await));
    }
    if response.status() == StatusCode::NO_CONTENT {
        return Ok(());
    }
    let form = form(response.headers(), ACCEPTED)?;
    let mut reader = Reader { body: response.into_body(), output, most, entries: 0 };
    match form {
        Form::Events => reader.events().await,
        Form::Lines => reader.lines().await,
        Form::Json => reader.json().await,
        Form::Text => reader.text().await,
    }
}

/// Reads a stream of `OpenAI`'s form to the end of its answer.
pub(crate) async fn read_chat(
    response: Response<Answer>,
    output: Output<'_>,
    most: usize,
) -> Result<(), ResponseError> {
    if !response.status().is_success() {
        return Err(ResponseError::Refused(refusal(response).await));
    }
    form(response.headers(), EVENT_STREAM)?;
    Reader { body: response.into_body(), output, most, entries: 0 }.chat().await
}

/// The media type of a message, in lower case and without its parameters.
pub(crate) fn essence(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    Some(value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
}

/// What a response is made of, if that is one of the `right` media types, with a comma between two.
fn form(headers: &HeaderMap, right: &'static str) -> Result<Form, ResponseError> {
    if let Some(coding) = headers.get(CONTENT_ENCODING).filter(|coding| *coding != "identity") {
        return Err(ResponseError::Compressed(excerpt(coding.as_bytes(), SHOWN)));
    }
    let essence = essence(headers);
    let known = |of: &&str| right.split(", ").any(|one| one == *of);
    let form = match essence.as_deref().filter(known) {
        Some(EVENT_STREAM) => Form::Events,
        Some("application/x-ndjson") => Form::Lines,
        Some("application/json") => Form::Json,
        Some("text/plain") => Form::Text,
        Some(_) | None => {
            let named = |of: &str| format!("the content type {}", excerpt(of.as_bytes(), SHOWN));
            let what = essence.as_deref().map_or_else(|| "no content type".into(), named);
            return Err(ResponseError::ContentType { what, right });
        }
    };
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let parameters = value.split(';').skip(1).filter_map(|parameter| parameter.split_once('='));
    for (name, value) in parameters {
        let value = value.trim().trim_matches('"');
        let known = ["utf-8", "utf8", "us-ascii"].iter().any(|is| value.eq_ignore_ascii_case(is));
        if name.trim().eq_ignore_ascii_case("charset") && !known {
            return Err(ResponseError::Charset(excerpt(value.as_bytes(), SHOWN)));
        }
    }
    Ok(form)
}

/// An ask, in JSON. The name is [`ASK`](super::events::ASK).
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Question<'a> {
    #[serde(borrow, rename = "outlive.ask")]
    ask: &'a RawValue,
}

/// Events that are made of chunks.
struct Stream {
    lines: Lines,
    events: Events,
    /// What is left of the last one.
    chunk: Bytes,
}

impl Stream {
    fn new(most: usize) -> Stream {
        let (lines, events) = (Lines::new(Ending::Any, most), Events::new(most));
        Stream { lines, events, chunk: Bytes::new() }
    }
}

struct Reader<'a> {
    body: Answer,
    output: Output<'a>,
    /// The most bytes of an entry.
    most: usize,
    /// How many there were.
    entries: u64,
}

impl Reader<'_> {
    /// What comes next; none at the end of the response.
    async fn chunk(&mut self) -> Result<Option<Bytes>, ResponseError> {
        while let Some(frame) = self.body.frame().await {
            let entries = self.entries;
            let frame = frame.map_err(|why| ResponseError::CutOff { entries, why: root(&why) })?;
            // Trailers say nothing to anybody.
            if let Ok(data) = frame.into_data() {
                return Ok(Some(data));
            }
        }
        Ok(None)
    }

    /// JSON, which is an entry, or a question as `{"outlive.ask":QUESTION}`.
    async fn json_entry(&mut self, entry: &RawValue) -> Result<(), ResponseError> {
        match serde_json::from_str::<Question<'_>>(entry.get()) {
            Ok(Question { ask }) => self.ask(ask),
            Err(_) => self.emit(entry).await,
        }
    }

    fn ask(&self, question: impl Serialize) -> Result<(), ResponseError> {
        Ok(self.output.ask(&question).ok_or(ResponseError::AskInCloseout)??)
    }

    async fn emit(&mut self, entry: impl Serialize) -> Result<(), ResponseError> {
        self.output.emit(&entry).await?;
        self.entries += 1;
        Ok(())
    }

    async fn events(&mut self) -> Result<(), ResponseError> {
        let mut stream = Stream::new(self.most);
        while let Some(event) = self.event(&mut stream).await? {
            match event.question() {
                None => self.emit(event).await?,
                Some(Ok(json)) => self.ask(json)?,
                Some(Err(text)) => self.ask(text)?,
            }
        }
        Ok(())
    }

    /// The next event; none at the end of the response.
    async fn event(&mut self, stream: &mut Stream) -> Result<Option<Event>, ResponseError> {
        let most = self.most;
        let Stream { lines, events, chunk } = stream;
        loop {
            let line = lines.next(chunk);
            let number = lines.number();
            let too_long = ResponseError::TooLong { number, most };
            let Ok(line) = line else { return Err(too_long) };
            let Some(line) = line else {
                match self.chunk().await? {
                    Some(next) => *chunk = next,
                    None if lines.rest().is_some() || events.is_in_an_event() => {
                        return Err(ResponseError::UnfinishedEvent { number: lines.number() });
                    }
                    None => return Ok(None),
                }
                continue;
            };
            match events.take(&line) {
                Ok(Some(event)) => return Ok(Some(event)),
                Ok(None) => {}
                Err(Malformed::TooLong) => return Err(too_long),
                Err(Malformed::NotUtf8) => {
                    let excerpt = excerpt(&line, SHOWN);
                    return Err(ResponseError::NotUtf8 { number, excerpt });
                }
            }
        }
    }

    /// A chat completion. What comes after the reason for its end is read, for the backend to have said all, and can
    /// spoil nothing.
    async fn chat(&mut self) -> Result<(), ResponseError> {
        let (mut stream, mut finished) = (Stream::new(self.most), None);
        loop {
            let event = match self.event(&mut stream).await {
                Ok(Some(event)) if event.data() != openai::DONE => event,
                Err(why) if finished.is_none() => return Err(why),
                Ok(None) if finished.is_none() => {
                    return Err(ResponseError::NoEnd { entries: self.entries });
                }
                Ok(_) | Err(_) => break,
            };
            if finished.is_some() {
                continue;
            }
            let piece: Piece = serde_json::from_str(event.data()).map_err(|why| {
                let (number, excerpt) =
                    (stream.lines.number(), excerpt(event.data().as_bytes(), SHOWN));
                ResponseError::NotJson { number, why, excerpt }
            })?;
            if let Some(fault) = piece.error {
                let said = excerpt(fault.text().as_bytes(), super::problem::SHOWN);
                return Err(ResponseError::Fault(said));
            }
            let Some(choice) = piece.choice() else { continue };
            for text in choice.texts() {
                self.emit(text).await?;
            }
            if choice.calls_a_tool() {
                return Err(ResponseError::CallsATool);
            }
            finished = choice.finish_reason;
        }
        match finished.as_deref() {
            Some(why @ ("length" | "content_filter")) => Err(ResponseError::Unfinished(why.into())),
            Some(_) | None => Ok(()),
        }
    }

    async fn lines(&mut self) -> Result<(), ResponseError> {
        let most = self.most;
        let mut lines = Lines::new(Ending::Lf, most);
        while let Some(mut chunk) = self.chunk().await? {
            loop {
                let line = lines.next(&mut chunk);
                let number = lines.number();
                match line {
                    Ok(Some(line)) => self.line(number, &line).await?,
                    Ok(None) => break,
                    Err(TooLong) => return Err(ResponseError::TooLong { number, most }),
                }
            }
        }
        // The last line may lack its end.
        match lines.rest() {
            Some(line) => self.line(lines.number(), &line).await,
            None => Ok(()),
        }
    }

    /// An empty line keeps the connection alive, and is no entry.
    async fn line(&mut self, number: u64, line: &[u8]) -> Result<(), ResponseError> {
        let line = line.trim_ascii();
        if line.is_empty() {
            return Ok(());
        }
        let entry: &RawValue = serde_json::from_slice(line)
            .map_err(|why| ResponseError::NotJson { number, why, excerpt: excerpt(line, SHOWN) })?;
        self.json_entry(entry).await
    }

    async fn json(&mut self) -> Result<(), ResponseError> {
        let mut document = BytesMut::new();
        while let Some(chunk) = self.chunk().await? {
            if document.len() + chunk.len() > self.most {
                return Err(ResponseError::DocumentTooLong { most: self.most });
            }
            document.extend_from_slice(&chunk);
        }
        let entry: &RawValue = serde_json::from_slice(&document)
            .map_err(|why| ResponseError::NotOneJson { why, excerpt: excerpt(&document, SHOWN) })?;
        self.json_entry(entry).await
    }

    async fn text(&mut self) -> Result<(), ResponseError> {
        // A character has six bytes at most when it is written in JSON.
        let piece = (self.most / 6).max(4);
        let (mut begun, mut read) = (BytesMut::new(), 0);
        while let Some(chunk) = self.chunk().await? {
            begun.extend_from_slice(&chunk);
            let whole = match str::from_utf8(&begun) {
                Ok(text) => text.len(),
                // The rest of a character may come with the next chunk.
                Err(why) if why.error_len().is_none() => why.valid_up_to(),
                Err(why) => {
                    let after = read + why.valid_up_to() as u64;
                    return Err(ResponseError::NotText { after });
                }
            };
            let text = begun.split_to(whole);
            let mut text = str::from_utf8(&text).unwrap_or_default();
            while !text.is_empty() {
                let end = (0..=piece.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
                let (now, later) = text.split_at(end.unwrap_or(text.len()));
                self.emit(now).await?;
                text = later;
            }
            read += whole as u64;
        }
        if begun.is_empty() { Ok(()) } else { Err(ResponseError::NotText { after: read }) }
    }
}
