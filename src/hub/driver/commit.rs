//! A step becomes durable: its records as lines, its session as a snapshot, in one commit.

use core::fmt::Write as _;
use std::borrow::ToOwned;
use std::format;
use std::string::String;
use std::vec::Vec;

use bytes::Bytes;
use tokio::sync::oneshot;

use super::super::body::Body;
use super::super::mailbox::Who;
use super::super::worker::{Answer, TurnError};
use super::Driver;
use crate::ids::{Incarnation, Seq};
use crate::session::{Entry, Event, Session, Step};
use crate::store::{Commit, CommitError};
use crate::wire::Said;

/// What an event brings that the machine does not see.
#[derive(Debug)]
pub(super) enum Payload {
    None,
    /// Of a prompt, or of an answer.
    Said(Who, Body),
    Output(Vec<Body>),
    Ask(Body, oneshot::Sender<Result<Answer, TurnError>>),
    /// Why the turn failed.
    End(Option<String>),
}

/// What became of a commit.
pub(super) enum Kept {
    Yes,
    /// Nothing has changed.
    No(String),
    /// Somebody else has the session.
    Stale,
}

impl Driver {
    /// Commits the step, if there is anything to commit.
    pub(super) async fn keep(&mut self, event: Option<&Event>, payload: &Payload) -> Kept {
        if !self.step.commits() {
            return Kept::Yes;
        }
        let incarnation = self.session.as_ref().map_or(Incarnation(1), Session::incarnation);
        self.lines = lines(&self.step, incarnation, event, payload);
        let commit = Commit {
            session: self.id.clone(),
            expect: self.version,
            snapshot: self.step.next.snapshot(),
            entries: self.lines.clone(),
        };
        let kept = match self.shared.store.commit(commit).await {
            Ok(()) => Kept::Yes,
            Err(CommitError::Stale) => Kept::Stale,
            Err(CommitError::Failed(why)) => Kept::No(format!("{why}")),
            Err(CommitError::Unknown(why)) => self.find_out(&why).await,
        };
        if matches!(kept, Kept::Yes) {
            self.version = self.version.next();
        }
        kept
    }

    /// Nobody knows what became of the commit: the store says it, sooner or later. Nothing else of this
    /// session happens before.
    async fn find_out(&mut self, why: &str) -> Kept {
        tracing::warn!(session = %self.id, why, "nobody knows what became of a commit");
        let mut patience = super::super::backoff::Backoff::default();
        loop {
            match self.shared.store.load(&self.id).await {
                Ok(None) if self.version == crate::store::Version::NONE => {
                    return Kept::No(String::from(why));
                }
                Ok(Some(stored)) if stored.version == self.version => {
                    return Kept::No(String::from(why));
                }
                Ok(Some(stored))
                    if stored.version == self.version.next()
                        && stored.snapshot == self.step.next.snapshot() =>
                {
                    return Kept::Yes;
                }
                Ok(Some(_) | None) => return Kept::Stale,
                Err(_) => {
                    if self.be_unavailable(patience.next(), why).await {
                        return Kept::Stale;
                    }
                }
            }
        }
    }
}

/// The lines of a step's records.
fn lines(step: &Step, of: Incarnation, event: Option<&Event>, payload: &Payload) -> Vec<Bytes> {
    let mut lines = Vec::with_capacity(step.records.len());
    let turn = match event {
        Some(Event::Output { turn, .. }) => *turn,
        Some(_) | None => None,
    };
    for record in &step.records {
        match (record.entry, payload) {
            (Entry::Output { .. }, Payload::Output(bodies)) => {
                lines.extend(bodies.iter().map(|body| output(turn, body)));
            }
            (entry, payload) => lines.push(line(&said(entry, of, payload))),
        }
    }
    lines
}

/// The commonest line, without a detour.
fn output(turn: Option<Seq>, body: &Body) -> Bytes {
    let mut line = String::with_capacity(body.size() + 48);
    line.push_str("{\"entry\":\"output\",\"turn\":");
    match turn {
        Some(turn) => _ = write!(line, "{turn}"),
        None => line.push_str("null"),
    }
    line.push_str(",\"d\":");
    line.push_str(body.as_str());
    line.push('}');
    line.into()
}

fn line(said: &Said) -> Bytes {
    // A map of texts and numbers always has a JSON form.
    serde_json::to_vec(said).unwrap_or_default().into()
}

fn said(entry: Entry, incarnation: Incarnation, payload: &Payload) -> Said {
    let (client, d) = match payload {
        Payload::Said(who, body) => (String::from(&*who.name), body.raw_value().to_owned()),
        Payload::Ask(body, _) => (String::new(), body.raw_value().to_owned()),
        Payload::None | Payload::Output(_) | Payload::End(_) => {
            (String::new(), serde_json::value::RawValue::NULL.to_owned())
        }
    };
    match entry {
        Entry::Prompt { n, .. } => Said::Prompt { client, n, d },
        Entry::Output { .. } => Said::Output { turn: None, d },
        Entry::Ask { turn } => Said::Ask { turn, d },
        Entry::Answer { ask, .. } => Said::Answer { ask, client, d },
        Entry::TurnEnd { turn, outcome } => {
            let error = match payload {
                Payload::End(error) => error.clone(),
                Payload::None | Payload::Said(..) | Payload::Output(_) | Payload::Ask(..) => None,
            };
            Said::TurnEnd { turn, outcome, error }
        }
        Entry::Closing { why } => Said::Closing { why, incarnation },
        Entry::End { why } => Said::End { why, incarnation },
    }
}
