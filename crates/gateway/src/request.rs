//! What is sent to a backend.

use bytes::Bytes;
use outlive::ids::{Incarnation, Seq};
use outlive::wire::Entry;
use outlive_server::hub::{Body, CloseoutContext, HistoryEntry, Turn, WorkerContext};
use outlive_server::store::StoreError;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use super::options::History;

/// The JSON of a request, the name under which it happens once, and the token of the worker that sends it.
#[derive(Debug)]
pub(crate) struct Posted {
    pub(crate) key: String,
    pub(crate) fencing_token: u64,
    pub(crate) json: Bytes,
}

#[derive(Serialize)]
struct Answer<'a> {
    session: &'a str,
    incarnation: Incarnation,
    turn: Seq,
    client: &'a str,
    /// The principal that prompted, or answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<&'a str>,
    at: u64,
    /// `null` where the turn goes on with an answer.
    prompt: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    answers: Option<Answers<'a>>,
    history: Conversation,
}

/// The answer to an ask that this backend left.
#[derive(Serialize)]
struct Answers<'a> {
    ask: Seq,
    /// `null` if it was trimmed.
    question: Option<&'a RawValue>,
    answer: &'a RawValue,
}

#[derive(Serialize)]
struct Interrupt<'a> {
    session: &'a str,
    incarnation: Incarnation,
    turn: Seq,
}

#[derive(Serialize)]
struct Closeout<'a> {
    session: &'a str,
    incarnation: Incarnation,
    history: Conversation,
}

/// What was said before.
#[derive(Serialize)]
#[serde(untagged)]
enum Conversation {
    Entries {
        /// Whether nothing is left out.
        complete: bool,
        entries: Vec<Placed>,
    },
    Url {
        url: String,
    },
}

/// An entry of the log, as `{"seq":1,"at":1764322800000,"entry":"prompt",…}`.
struct Placed(HistoryEntry);

impl Serialize for Placed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Flat<'a> {
            seq: Seq,
            at: u64,
            #[serde(flatten)]
            entry: &'a Entry,
        }
        let HistoryEntry { seq, at, entry, .. } = &self.0;
        Flat { seq: *seq, at: *at, entry }.serialize(serializer)
    }
}

pub(crate) async fn prompt(turn: &Turn, history: &History) -> Result<Posted, StoreError> {
    let context = turn.context();
    let body = raw(turn.prompt());
    let answers = turn.answers().map(|answered| Answers {
        ask: answered.ask,
        question: answered.question.as_ref().map(raw),
        answer: body,
    });
    let json = Answer {
        session: turn.session().as_str(),
        incarnation: context.incarnation(),
        turn: turn.id(),
        client: turn.client(),
        by: turn.by(),
        at: turn.at(),
        prompt: answers.is_none().then_some(body),
        answers,
        history: conversation(context, history, Some(turn.id())).await?,
    };
    Ok(posted(context, key(turn), &json))
}

/// The name of a turn's request.
pub(crate) fn key(turn: &Turn) -> String {
    format!("{}/{}", turn.session(), turn.id())
}

pub(crate) fn raw(body: &Body) -> &RawValue {
    serde_json::from_str(body.as_str()).unwrap_or(RawValue::NULL)
}

pub(crate) fn interrupt(turn: &Turn) -> Posted {
    let (session, incarnation) = (turn.session().as_str(), turn.context().incarnation());
    let json = Interrupt { session, incarnation, turn: turn.id() };
    posted(turn.context(), format!("{session}/{}/interrupt", turn.id()), &json)
}

pub(crate) async fn closeout(
    closeout: &CloseoutContext,
    history: &History,
) -> Result<Posted, StoreError> {
    let context = closeout.context();
    let (session, incarnation) = (context.session().as_str(), context.incarnation());
    let history = conversation(context, history, None).await?;
    let json = Closeout { session, incarnation, history };
    Ok(posted(context, format!("{session}/closeout/{incarnation}"), &json))
}

pub(crate) fn posted(context: &WorkerContext, key: String, json: &impl Serialize) -> Posted {
    let json = serde_json::to_vec(json).expect("all that is sent has a JSON form");
    Posted { key, fencing_token: context.fencing_token(), json: json.into() }
}

async fn conversation(
    context: &WorkerContext,
    history: &History,
    turn: Option<Seq>,
) -> Result<Conversation, StoreError> {
    match history {
        History::Url(base) => {
            let url = format!("{base}/sessions/{}/events?until=head", context.session());
            Ok(Conversation::Url { url })
        }
        History::Entries { entries, bytes } => {
            let (complete, before) = before(context, *entries, *bytes, turn).await?;
            let entries = before.into_iter().map(Placed).collect();
            Ok(Conversation::Entries { complete, entries })
        }
    }
}

/// The newest entries before a turn, and whether none is left out: its own prompt or answer, and those that wait
/// behind it, are not among them.
pub(crate) async fn before(
    context: &WorkerContext,
    entries: usize,
    bytes: usize,
    turn: Option<Seq>,
) -> Result<(bool, Vec<HistoryEntry>), StoreError> {
    if entries == 0 || bytes == 0 {
        return Ok((false, Vec::new()));
    }
    let mut latest = context.history().latest(entries, bytes).await?;
    let complete = latest.first().is_some_and(|said| said.seq == Seq(1));
    latest.retain(|said| {
        let waits = turn.is_some_and(|turn| said.seq >= turn);
        !(waits && matches!(said.entry, Entry::Prompt { .. } | Entry::Answer { .. }))
    });
    Ok((complete, latest))
}
