//! A backend of `OpenAI`'s form (`/v1/chat/completions`): the conversation that it is sent, and the pieces of its stream.

use std::collections::BTreeMap;

use hyper::header::HeaderValue;
use outlive::ids::Seq;
use outlive::wire::Entry;
use outlive_server::hub::{HistoryEntry, Turn};
use outlive_server::store::StoreError;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::gateway::GatewayError;
use super::problem::Fault;
use super::request::{self, Posted};

/// What a server of `OpenAI`'s form is told beside the conversation. [`Gateway::openai`](super::Gateway::openai) takes it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct OpenAi {
    model: String,
    system: Option<String>,
    pub(crate) authorization: Option<HeaderValue>,
}

impl OpenAi {
    /// The model's name, as the server knows it.
    pub fn new(model: impl Into<String>) -> OpenAi {
        OpenAi { model: model.into(), system: None, authorization: None }
    }

    /// Is the first message of each request, with the role `system`. None by default.
    pub fn system(self, system: impl Into<String>) -> OpenAi {
        OpenAi { system: Some(system.into()), ..self }
    }

    /// Is shown to the server with each request, as `Authorization: Bearer KEY`. None by default.
    ///
    /// # Errors
    /// [`GatewayError::Key`] if no header can carry it.
    pub fn key(self, key: &str) -> Result<OpenAi, GatewayError> {
        let wrong = key.is_empty() || key.contains(char::is_whitespace);
        let header = HeaderValue::try_from(format!("Bearer {key}"));
        let Some(mut header) = header.ok().filter(|_| !wrong) else {
            return Err(GatewayError::Key);
        };
        header.set_sensitive(true);
        Ok(OpenAi { authorization: Some(header), ..self })
    }

    /// The request of a turn, with what at most so many entries, and so many bytes of them, say of the conversation.
    pub(crate) async fn request(
        &self,
        turn: &Turn,
        entries: usize,
        bytes: usize,
    ) -> Result<Posted, StoreError> {
        let turns = Some(turn.id());
        let (_, before) = request::before(turn.context(), entries, bytes, turns).await?;
        let asked = request::raw(turn.prompt());
        let messages = messages(self.system.as_deref(), &before, asked);
        let json = Completion { model: &self.model, stream: true, messages };
        Ok(request::posted(turn.context(), request::key(turn), &json))
    }
}

#[derive(Serialize)]
struct Completion<'a> {
    model: &'a str,
    stream: bool,
    messages: Vec<Message>,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
struct Message {
    role: Role,
    content: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Role {
    System,
    User,
    Assistant,
}

/// A prompt, and what was answered.
#[derive(Debug, Default)]
struct Exchange {
    user: Option<String>,
    assistant: String,
}

/// The conversation: user and assistant take turns, for many models refuse two messages of one role in a row. An
/// answer counts however its turn ended, since its viewers have read it. A prompt without one is a paragraph of the
/// next message. Answers to prompts that are not among the entries are left out.
fn messages(system: Option<&str>, entries: &[HistoryEntry], asked: &RawValue) -> Vec<Message> {
    let mut exchanges = BTreeMap::<Seq, Exchange>::new();
    for HistoryEntry { seq, entry, .. } in entries {
        match entry {
            Entry::Prompt { d, .. } | Entry::Answer { d, .. } => {
                exchanges.entry(*seq).or_default().user = Some(text(d));
            }
            Entry::Output { turn: Some(turn), d } | Entry::Ask { turn, d, .. } => {
                exchanges.entry(*turn).or_default().assistant += &text(d);
            }
            // What is said outside of turns answers nobody.
            Entry::Output { turn: None, .. }
            | Entry::Withdrawn { .. }
            | Entry::TurnEnd { .. }
            | Entry::Closing { .. }
            | Entry::End { .. } => {}
        }
    }
    let mut messages = Vec::new();
    messages.extend(system.map(|content| Message { role: Role::System, content: content.into() }));
    let mut say = |role: Role, content: String| match messages.last_mut() {
        Some(last) if last.role == role => {
            last.content += "\n\n";
            last.content += &content;
        }
        Some(_) | None => messages.push(Message { role, content }),
    };
    for Exchange { user, assistant } in exchanges.into_values() {
        let Some(user) = user else { continue };
        say(Role::User, user);
        if !assistant.is_empty() {
            say(Role::Assistant, assistant);
        }
    }
    say(Role::User, text(asked));
    messages
}

/// A text as it is, anything else as its JSON.
fn text(body: &RawValue) -> String {
    serde_json::from_str(body.get()).unwrap_or_else(|_| body.get().to_owned())
}

/// An event of the stream.
#[derive(Debug, Deserialize)]
pub(crate) struct Piece {
    #[serde(default)]
    choices: Option<Vec<Choice>>,
    #[serde(default)]
    pub(crate) error: Option<Fault>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Choice {
    #[serde(default)]
    delta: Option<Delta>,
    #[serde(default)]
    pub(crate) finish_reason: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
struct Delta {
    content: Option<String>,
    refusal: Option<String>,
    tool_calls: Option<Vec<serde::de::IgnoredAny>>,
    function_call: Option<serde::de::IgnoredAny>,
}

/// The data of the event after the last one.
pub(crate) const DONE: &str = "[DONE]";

impl Piece {
    /// The one choice: no more are asked for.
    pub(crate) fn choice(self) -> Option<Choice> {
        self.choices?.into_iter().next()
    }
}

impl Choice {
    /// What is said, without thoughts.
    pub(crate) fn texts(&self) -> impl Iterator<Item = &str> {
        let delta = self.delta.iter();
        let texts = delta.flat_map(|delta| [delta.content.as_deref(), delta.refusal.as_deref()]);
        texts.flatten().filter(|text| !text.is_empty())
    }

    /// Whether a tool is called, which nobody offered.
    pub(crate) fn calls_a_tool(&self) -> bool {
        self.delta.as_ref().is_some_and(|delta| {
            delta.function_call.is_some()
                || delta.tool_calls.as_ref().is_some_and(|calls| !calls.is_empty())
        })
    }
}
