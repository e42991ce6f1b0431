//! A step becomes durable: its records as lines, its session as a snapshot, in one commit.

use std::string::{String, ToString};
use std::sync::Arc;

use bytes::Bytes;
use tokio::time::Instant;

use super::super::backoff::Backoff;
use super::super::body::Body;
use super::super::history;
use super::super::mailbox::Who;
use super::super::pieces::Pieces;
use super::super::staff::{Asked, Errand};
use super::super::tail::frames;
use super::Driver;
use crate::store::{Commit, CommitError, StoreError, StoredSession, Version};
use outlive::ids::{Incarnation, Seq};
use outlive::session::{Effect, EntryMeta, Event, Session, Step};
use outlive::wire::Entry;

/// What an event brings that the machine does not see.
#[derive(Debug)]
pub(super) enum Payload {
    None,
    /// Of a prompt, or of an answer.
    Body(Who, Body),
    Output(Pieces),
    Ask(Body, Asked),
    /// Why the turn failed, or the worker with its turn, or its start with every prompt that waited for it.
    End(Option<String>),
}

/// What became of a commit.
pub(super) enum Kept {
    Yes,
    /// Nothing has changed.
    No(String),
    /// Somebody else has the store.
    Stale,
    /// The hub is done for; nobody knows.
    Done,
}

impl Driver {
    /// Commits the step, if there is anything to commit.
    pub(super) async fn keep(&mut self, event: Option<&Event>, payload: &Payload) -> Kept {
        // Of a step that was not kept.
        self.frames.clear();
        self.errand = None;
        if !self.step.commits() {
            return Kept::Yes;
        }
        let began = Instant::now();
        let kept = self.commit(event, payload).await;
        let (yes, took) = (matches!(kept, Kept::Yes), began.elapsed());
        if yes {
            self.version = self.version.next();
        }
        let before = self.session.as_ref().map_or(Seq(0), |session| session.log().head);
        let entries = usize::try_from(self.step.next.log().head.0 - before.0).unwrap_or(usize::MAX);
        self.shared.observe(|observer| observer.committed(&self.id, entries, took, yes));
        kept
    }

    async fn commit(&mut self, event: Option<&Event>, payload: &Payload) -> Kept {
        match self.unless_done(self.errand(payload)).await {
            Some(Ok(errand)) => self.errand = errand,
            Some(Err(why)) => return Kept::No(why.to_string()),
            None => return Kept::Done,
        }
        let (snapshot, entries) = (self.step.next.snapshot(), self.lines(event, payload));
        let (session, expect) = (self.id.clone(), self.version);
        let commit = Commit { session, expect, snapshot, entries };
        if !self.viewers.is_empty() {
            self.frames = frames(commit.snapshot.log.id, commit.first(), &commit.entries);
        }
        match self.unless_done(self.shared.store.commit(commit)).await {
            Some(Ok(())) => Kept::Yes,
            Some(Err(CommitError::Stale)) => Kept::Stale,
            Some(Err(CommitError::Failed(why))) => Kept::No(why.to_string()),
            Some(Err(CommitError::Unknown(why))) => {
                let lines = self.lines(event, payload);
                // Rare and large: what every session's task would have to hold.
                Box::pin(self.find_out(&lines, &why.to_string())).await
            }
            None => Kept::Done,
        }
    }

    /// The prompt that the step dispatches. Nothing holds it in the log once the dispatch is committed, so
    /// it is read before.
    async fn errand(&self, payload: &Payload) -> Result<Option<Box<Errand>>, StoreError> {
        let dispatched = |effect: &Effect| {
            if let Effect::Dispatch { turn, .. } = *effect { Some(turn) } else { None }
        };
        let Some(turn) = self.step.effects.iter().find_map(dispatched) else { return Ok(None) };
        let prompt = match payload {
            Payload::Body(who, body) if self.step.records.iter().any(|of| of.seq == turn) => {
                Ok((Arc::clone(&who.name), body.clone()))
            }
            Payload::None
            | Payload::Body(..)
            | Payload::Output(_)
            | Payload::Ask(..)
            | Payload::End(_) => self.read_prompt(turn).await?,
        };
        Ok(Some(Box::new(Errand { turn, prompt })))
    }

    /// What cannot be read now, but perhaps later, is an error; what never can fails the turn.
    async fn read_prompt(&self, turn: Seq) -> Result<Result<(Arc<str>, Body), String>, StoreError> {
        match history::entry(&*self.shared.store, &self.id, turn).await {
            Ok(Entry::Prompt { client, d, .. }) => Ok(Ok((client.into(), Body::raw(&d)))),
            Ok(_) => Ok(Err(format!("the log has no prompt at {turn}"))),
            Err(why @ (StoreError::Trimmed | StoreError::Corrupt(_))) => Ok(Err(why.to_string())),
            Err(why) => Err(why),
        }
    }

    /// Nobody knows what became of the commit: the store says it, sooner or later. Nothing else of this
    /// session happens before.
    async fn find_out(&mut self, lines: &[Bytes], why: &str) -> Kept {
        let mut patience = Backoff::default();
        loop {
            let Some(stored) = self.look(why).await else { return Kept::Done };
            let version = stored.as_ref().map_or(Version::NONE, |stored| stored.version);
            if version == self.version {
                return Kept::No(String::from(why));
            }
            let Some(stored) = stored.filter(|_| version == self.version.next()) else {
                return Kept::Stale;
            };
            match self.unless_done(self.is_ours(&stored, lines)).await {
                Some(Ok(true)) => return Kept::Yes,
                Some(Ok(false)) => return Kept::Stale,
                None => return Kept::Done,
                Some(Err(_)) if self.be_unavailable(patience.next(), why).await => {
                    return Kept::Done;
                }
                Some(Err(_)) => {}
            }
        }
    }

    /// The session's record, however long it takes; none if the hub is done for before.
    pub(super) async fn look(&mut self, why: &str) -> Option<Option<StoredSession>> {
        tracing::warn!(session = %self.id, why, "nobody knows what became of a commit");
        let mut patience = Backoff::default();
        loop {
            match self.unless_done(self.shared.store.load(&self.id)).await? {
                Ok(stored) => return Some(stored),
                Err(_) if self.be_unavailable(patience.next(), why).await => return None,
                Err(_) => {}
            }
        }
    }

    /// Whether what is stored is the step that is being kept. Another owner's recovery may have made the
    /// same record; its entries say something else.
    async fn is_ours(&self, stored: &StoredSession, lines: &[Bytes]) -> Result<bool, StoreError> {
        if stored.snapshot != self.step.next.snapshot() {
            return Ok(false);
        }
        let log = stored.snapshot.log;
        let first = log.head.0 + 1 - lines.len() as u64;
        let from = first.max(log.base.0 + 1);
        if from > log.head.0 {
            return Ok(true);
        }
        // As much as is in memory anyway.
        let kept = self.shared.store.read(&self.id, Seq(from), log.head, usize::MAX).await?;
        let trimmed = usize::try_from(from - first).unwrap_or(usize::MAX);
        Ok(lines.get(trimmed..).is_some_and(|lines| lines == kept))
    }

    /// The lines of the step's records.
    fn lines(&self, event: Option<&Event>, payload: &Payload) -> Vec<Bytes> {
        let incarnation = self.session.as_ref().map_or(Incarnation(1), Session::incarnation);
        lines(&self.step, incarnation, event, payload)
    }
}

/// The lines of a step's records.
fn lines(step: &Step, of: Incarnation, event: Option<&Event>, payload: &Payload) -> Vec<Bytes> {
    let mut lines = Vec::new();
    let turn = if let Some(Event::Output { turn, .. }) = event { *turn } else { None };
    for record in &step.records {
        match (record.entry, payload) {
            // The commonest ones, without a detour.
            (EntryMeta::Output { .. }, Payload::Output(pieces)) => {
                let mut number = itoa::Buffer::new();
                let turn = turn.map_or("null", |turn| number.format(turn.0)).as_bytes();
                let before: [&[u8]; 3] = [b"{\"entry\":\"output\",\"turn\":", turn, b",\"d\":"];
                lines.append(&mut pieces.lines(&before, b"}"));
            }
            (entry, payload) => lines.push(line(&said(entry, of, payload))),
        }
    }
    lines
}

fn line(said: &Entry) -> Bytes {
    // A map of texts and numbers always has a JSON form.
    serde_json::to_vec(said).unwrap_or_default().into()
}

fn said(entry: EntryMeta, incarnation: Incarnation, payload: &Payload) -> Entry {
    let (client, d) = match payload {
        Payload::Body(who, body) => (String::from(&*who.name), body.raw_value().to_owned()),
        Payload::Ask(body, _) => (String::new(), body.raw_value().to_owned()),
        Payload::None | Payload::Output(_) | Payload::End(_) => {
            (String::new(), serde_json::value::RawValue::NULL.to_owned())
        }
    };
    match entry {
        EntryMeta::Prompt { n, .. } => Entry::Prompt { client, n, d },
        EntryMeta::Output { .. } => Entry::Output { turn: None, d },
        EntryMeta::Ask { turn } => Entry::Ask { turn, d },
        EntryMeta::Answer { ask, .. } => Entry::Answer { ask, client, d },
        EntryMeta::TurnEnd { turn, outcome } => {
            let error = match payload {
                Payload::End(error) => error.clone(),
                Payload::None | Payload::Body(..) | Payload::Output(_) | Payload::Ask(..) => None,
            };
            Entry::TurnEnd { turn, outcome, error }
        }
        EntryMeta::Closing { why } => Entry::Closing { why, incarnation },
        EntryMeta::End { why } => Entry::End { why, incarnation },
    }
}
