//! One event: step, commit, apply.
//!
//! [`feed`](Driver::feed) takes a command, which can be refused; [`feed_fact`](Driver::feed_fact) what has happened
//! and cannot. Both make the step, [`commit`](Driver::commit) it and [`apply`](Driver::apply) it. What a commit makes
//! on its way, [`Committed`], is handed from the one to the other and lives no longer.

use std::sync::Arc;

use bytes::Bytes;
use outlive::ids::{ConnectionId, Incarnation, Seq};
use outlive::session::{Effect, EntryMeta, Event, Session, TurnState};
use outlive::table::Verdict;
use outlive::wire::{Entry, Line};
use tokio::time::{Duration, Instant};

use super::super::ask::{AnsweredAsk, TurnError};
use super::super::backoff::Backoff;
use super::super::body::Body;
use super::super::history;
use super::super::mailbox::{CommandError, Handled};
use super::super::observe::NodeEvent;
use super::super::recent_frames::frames;
use super::super::worker_message::{DispatchedTurn, TurnContent};
use super::encode::{self, Context, Payload};
use super::{Driver, turn_back};
use crate::store::{Commit, CommitError, Owner, StoreError, StoredSession, Version};

/// What a commit has made for the effects that follow it.
#[derive(Debug, Default)]
pub(super) struct Committed {
    /// When its entries were committed.
    pub(super) at: u64,
    /// The new entries as frames, if a link watches.
    frames: Vec<Bytes>,
    /// The turn that the step dispatches.
    pub(super) turn: Option<Box<DispatchedTurn>>,
}

/// What became of a commit.
pub(super) enum CommitOutcome {
    /// The step is durable, or had nothing to commit.
    Committed(Committed),
    /// Nothing has changed.
    Failed(String),
    /// Another node owns the session.
    Stale,
    /// The hub shuts down, and the result is unknown.
    ShutDown,
}

impl Driver {
    /// Feeds a command. An error means that nothing has changed, except that an interrupt waits for no store: the
    /// worker is told at once, and only the answer waits. A connection that the command came `via` gets its effect
    /// too.
    pub(super) async fn feed(
        &mut self,
        event: Event,
        payload: Payload,
        via: Option<ConnectionId>,
    ) -> Result<Handled, CommandError> {
        let Some(session) = &self.session else { return Err(self.shared.shutdown_error()) };
        self.shared.machine.step_into(session, &event, &mut self.step);
        if !self.step.commits() {
            if self.step.interrupts() {
                let done = self.apply(Some(&event), payload, Committed::default(), via);
                return self.confirm().await.map(|()| done);
            }
            self.confirm().await?;
        }
        if let Some(refusal) = self.step.refusal() {
            self.shared.observe_step(&self.id, &event, &self.step);
            return Err(refusal.into());
        }
        match self.commit(Some(&event), &payload).await {
            CommitOutcome::Committed(made) => Ok(self.apply(Some(&event), payload, made, via)),
            CommitOutcome::Failed(why) => Err(CommandError::Unavailable(why)),
            CommitOutcome::Stale => {
                self.lost();
                Err(CommandError::Moved)
            }
            CommitOutcome::ShutDown => {
                self.end(self.shared.shutdown_error());
                Err(self.shared.shutdown_error())
            }
        }
    }

    /// Asks whether the session is still this node's, before a command is answered that commits nothing: no commit
    /// would notice another owner, and a welcome, a refusal or an interrupt that is taken would be of before. It is
    /// enough that it was so after the step: what the answer says was true then, and another owner only goes on
    /// from there.
    async fn confirm(&mut self) -> Result<(), CommandError> {
        match self.or_shutdown(self.shared.store.confirm(&self.id, self.version)).await {
            Some(Ok(true)) => Ok(()),
            Some(Ok(false)) => {
                self.lost();
                Err(CommandError::Moved)
            }
            Some(Err(why)) => Err(CommandError::Unavailable(why.to_string())),
            None => Err(self.shared.shutdown_error()),
        }
    }

    /// Feeds a fact, which cannot be refused: it is fed again until it is committed. Nothing else of this session
    /// happens before, but that it begins to drain.
    pub(super) async fn feed_fact(&mut self, event: Event, payload: Payload) {
        let mut patience = Backoff::default();
        let made = loop {
            let Some(session) = &self.session else { return };
            self.shared.machine.step_into(session, &event, &mut self.step);
            match self.commit(Some(&event), &payload).await {
                CommitOutcome::Committed(made) => break made,
                CommitOutcome::Stale => return self.lost(),
                CommitOutcome::ShutDown => return self.end(self.shared.shutdown_error()),
                CommitOutcome::Failed(why) => {
                    tracing::warn!(session = %self.id, %why, "the store does not answer; trying again");
                    if self.reject_while_unavailable(patience.next(), &why).await {
                        return self.end(self.shared.shutdown_error());
                    }
                    // What follows from the fact may begin something.
                    Box::pin(self.drain()).await;
                }
            }
        };
        self.apply(Some(&event), payload, made, None);
    }

    /// Commits the step, if it has anything to commit.
    pub(super) async fn commit(
        &mut self,
        event: Option<&Event>,
        payload: &Payload,
    ) -> CommitOutcome {
        if !self.step.commits() {
            return CommitOutcome::Committed(Committed::default());
        }
        let began = Instant::now();
        let outcome = self.commit_step(event, payload).await;
        let (kept, took) = (matches!(outcome, CommitOutcome::Committed(_)), began.elapsed());
        if let CommitOutcome::Committed(made) = &outcome {
            self.version = self.version.next();
            if !self.step.records.is_empty() {
                self.last_at = Some(made.at);
            }
        }
        let before = self.session.as_ref().map_or(Seq(0), |session| session.log().head);
        let entries = usize::try_from(self.step.next.log().head.0 - before.0).unwrap_or(usize::MAX);
        self.shared.observe(|observer| observer.on_commit(&self.id, entries, took, kept));
        outcome
    }

    async fn commit_step(&mut self, event: Option<&Event>, payload: &Payload) -> CommitOutcome {
        let made = async {
            let at = self.commit_time().await?;
            Ok::<_, StoreError>((at, self.dispatched_turn(payload, at).await?))
        };
        let (at, turn) = match self.or_shutdown(made).await {
            Some(Ok(made)) => made,
            Some(Err(why)) => return CommitOutcome::Failed(why.to_string()),
            None => return CommitOutcome::ShutDown,
        };
        let (snapshot, entries) = (self.step.next.snapshot(), self.lines(at, event, payload));
        let (session, expect) = (self.id.clone(), self.version);
        let principal = self.creator.take();
        let commit = Commit { session, expect, snapshot, entries, principal };
        let mut made = Committed { at, frames: Vec::new(), turn };
        if !self.viewers.is_empty() {
            made.frames = frames(commit.snapshot.log.id, commit.first(), &commit.entries);
        }
        match self.or_shutdown(self.shared.store.commit(commit)).await {
            Some(Ok(())) => CommitOutcome::Committed(made),
            Some(Err(CommitError::Stale)) => CommitOutcome::Stale,
            Some(Err(CommitError::Failed(why))) => CommitOutcome::Failed(why.to_string()),
            Some(Err(CommitError::Unknown(why))) => {
                let lines = self.lines(at, event, payload);
                // Rare and large: in a box, or the task of each session would have room for it.
                let settled =
                    Box::pin(self.resolve_unknown_commit(&lines, &why.to_string(), made)).await;
                match settled {
                    CommitOutcome::Committed(_) => {
                        self.shared.observe_node(NodeEvent::Settled { kept: true });
                    }
                    CommitOutcome::Failed(_) | CommitOutcome::Stale => {
                        self.shared.observe_node(NodeEvent::Settled { kept: false });
                    }
                    CommitOutcome::ShutDown => {}
                }
                settled
            }
            None => CommitOutcome::ShutDown,
        }
    }

    /// When the step is committed, if it logs anything: now, and never before the entry that precedes it, whoever
    /// committed that and whatever the clock said.
    async fn commit_time(&self) -> Result<u64, StoreError> {
        if self.step.records.is_empty() {
            return Ok(0);
        }
        let log = self.session.as_ref().map(Session::log).filter(|log| log.head > log.base);
        let last = match (self.last_at, log) {
            (Some(last), _) => last,
            (None, None) => 0,
            (None, Some(log)) => history::time(&*self.shared.store, &self.id, log.head).await?,
        };
        Ok(last.max(self.shared.now()))
    }

    /// The turn that the step dispatches. Once the dispatch is committed its entry may be trimmed, so it is read
    /// before.
    async fn dispatched_turn(
        &self,
        payload: &Payload,
        at: u64,
    ) -> Result<Option<Box<DispatchedTurn>>, StoreError> {
        let dispatched = |effect: &Effect| {
            if let Effect::Dispatch { turn, .. } = *effect { Some(turn) } else { None }
        };
        let Some(turn) = self.step.effects.iter().find_map(dispatched) else { return Ok(None) };
        let fresh = self.step.records.iter().find(|record| record.seq == turn);
        let content = match (payload, fresh) {
            (Payload::Body(who, body), Some(record)) => {
                let entry = record.entry;
                let ask = if let EntryMeta::Answer { ask, .. } = entry { Some(ask) } else { None };
                let (client, by) = (Arc::clone(&who.client), Some(Arc::clone(&who.by)));
                self.content(TurnContent { client, by, at, body: body.clone(), answers: None }, ask)
                    .await?
            }
            (_, _) => self.read_turn(turn).await?,
        };
        Ok(Some(Box::new(DispatchedTurn { turn, content })))
    }

    /// What cannot be read now, but perhaps later, is an error; what never can fails the turn.
    async fn read_turn(&self, turn: Seq) -> Result<Result<TurnContent, String>, StoreError> {
        let Line { at, entry } = match history::line(&*self.shared.store, &self.id, turn).await {
            Ok(line) => line,
            Err(why @ (StoreError::Trimmed | StoreError::Corrupt(_))) => {
                return Ok(Err(why.to_string()));
            }
            Err(why) => return Err(why),
        };
        let (client, by, d, ask) = match entry {
            Entry::Prompt { client, by, d, .. } => (client, by, d, None),
            Entry::Answer { client, by, d, ask } => (client, by, d, Some(ask)),
            Entry::Output { .. }
            | Entry::Ask { .. }
            | Entry::Withdrawn { .. }
            | Entry::TurnEnd { .. }
            | Entry::Closing { .. }
            | Entry::End { .. } => {
                return Ok(Err(format!("the log has neither a prompt nor an answer at {turn}")));
            }
        };
        let (client, by, body) = (client.into(), by.map(Arc::from), Body::raw(&d));
        self.content(TurnContent { client, by, at, body, answers: None }, ask).await
    }

    /// What a prompt or an answer brings, with the question that it answers, if that is still there.
    async fn content(
        &self,
        brings: TurnContent,
        ask: Option<Seq>,
    ) -> Result<Result<TurnContent, String>, StoreError> {
        let Some(ask) = ask else { return Ok(Ok(brings)) };
        let asked = history::line(&*self.shared.store, &self.id, ask).await;
        let question = match asked.map(|line| line.entry) {
            Ok(Entry::Ask { d, .. }) => Some(Body::raw(&d)),
            Err(StoreError::Trimmed) => None,
            Ok(_) => return Ok(Err(format!("the log has no ask at {ask}"))),
            Err(why @ StoreError::Corrupt(_)) => return Ok(Err(why.to_string())),
            Err(why) => return Err(why),
        };
        Ok(Ok(TurnContent { answers: Some(AnsweredAsk { ask, question }), ..brings }))
    }

    /// After a commit whose result is unknown: reads the record until the store answers, and finds out which of the
    /// two it was. The store [settles](crate::store::Store::load) it before it answers, so a commit that is not in
    /// the record never comes in. Nothing else of this session happens before.
    async fn resolve_unknown_commit(
        &mut self,
        lines: &[Bytes],
        why: &str,
        committed: Committed,
    ) -> CommitOutcome {
        let mut patience = Backoff::default();
        loop {
            let Some(stored) = self.load_record(why).await else { return CommitOutcome::ShutDown };
            let version = stored.as_ref().map_or(Version::NONE, |stored| stored.version);
            if version == self.version {
                return CommitOutcome::Failed(String::from(why));
            }
            let kept = |stored: &StoredSession| {
                version == self.version.next() && stored.owner == Owner::Ours
            };
            let Some(stored) = stored.filter(kept) else { return CommitOutcome::Stale };
            match self.or_shutdown(self.is_ours(&stored, lines)).await {
                Some(Ok(true)) => return CommitOutcome::Committed(committed),
                Some(Ok(false)) => return CommitOutcome::Stale,
                None => return CommitOutcome::ShutDown,
                Some(Err(_)) if self.reject_while_unavailable(patience.next(), why).await => {
                    return CommitOutcome::ShutDown;
                }
                Some(Err(_)) => {}
            }
        }
    }

    /// The session's record, however long it takes; `None` if the hub shuts down first.
    pub(super) async fn load_record(&mut self, why: &str) -> Option<Option<StoredSession>> {
        tracing::warn!(session = %self.id, why, "the result of a commit is not known; asking the store");
        let mut patience = Backoff::default();
        loop {
            match self.or_shutdown(self.shared.store.load(&self.id)).await? {
                Ok(stored) => return Some(stored),
                Err(_) if self.reject_while_unavailable(patience.next(), why).await => return None,
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
    fn lines(&self, at: u64, event: Option<&Event>, payload: &Payload) -> Vec<Bytes> {
        let incarnation = self.session.as_ref().map_or(Incarnation(1), Session::incarnation);
        let interrupted = self.interrupted.as_deref();
        encode::lines(&self.step, Context { at, incarnation, interrupted }, event, payload)
    }

    /// The step is durable: its session becomes the current one, and its effects are performed in order.
    pub(super) fn apply(
        &mut self,
        event: Option<&Event>,
        payload: Payload,
        mut committed: Committed,
        via: Option<ConnectionId>,
    ) -> Handled {
        if let Some(event) = event {
            self.shared.observe_step(&self.id, event, &self.step);
        }
        let mut done = match self.step.verdict() {
            Verdict::Ignore(reason) => Handled::Ignored(reason),
            Verdict::Go(_) | Verdict::Stay | Verdict::Refuse(_) => Handled::Taken,
        };
        let next = &mut self.step.next;
        match &mut self.session {
            Some(session) => core::mem::swap(session, next),
            None => self.session = Some(next.clone()),
        }
        self.count_turn();
        self.publish(&mut committed);
        let effects = core::mem::take(&mut self.step.effects);
        let mut payload = self.await_answer(payload);
        for effect in &effects {
            if let Some(said) = self.perform(effect, &mut payload, &mut committed, via) {
                done = said;
            }
        }
        self.step.effects = effects;
        done
    }

    /// Whether a turn runs is known to the whole hub: a drain lasts until none does.
    fn count_turn(&mut self) {
        let runs = self.session.as_ref().is_some_and(|session| session.turn() != TurnState::Idle);
        if runs != self.running.is_some() {
            self.running = runs.then(|| self.shared.turns.token());
        }
    }

    /// Makes the new entries visible to the links that watch.
    fn publish(&mut self, committed: &mut Committed) {
        let Some(session) = &self.session else { return };
        let head = session.log().head;
        self.mailbox.reaches(head);
        let frames = core::mem::take(&mut committed.frames);
        if self.viewers.is_empty() {
            self.mailbox.tail.clear();
        } else if !frames.is_empty() {
            self.mailbox.tail.extend(Seq(head.0 + 1 - frames.len() as u64), frames);
        }
    }

    /// An ask that was taken waits for its answer; one that was not gets an error.
    fn await_answer(&mut self, payload: Payload) -> Payload {
        let Payload::Ask(_, reply) = payload else { return payload };
        match self.step.verdict() {
            Verdict::Go(_) | Verdict::Stay => {
                if let Some(record) = self.step.records.first() {
                    self.asks.push((record.seq, reply));
                }
            }
            Verdict::Refuse(_) => _ = reply.send(Err(TurnError::TooManyAsks)),
            Verdict::Ignore(_) => _ = reply.send(Err(TurnError::Stopped)),
        }
        Payload::None
    }

    /// Another node has the session: this one does nothing more for it. Whether it may own others is asked at once.
    pub(super) fn lost(&mut self) {
        self.shared.observe_node(NodeEvent::Lost);
        self.shared.membership.suspect();
        self.end(CommandError::Moved);
    }

    /// Waits before the store is asked again, and refuses what arrives meanwhile. Returns whether the hub shuts down.
    pub(super) async fn reject_while_unavailable(&mut self, wait: Duration, why: &str) -> bool {
        let until = Instant::now() + wait;
        let unavailable = || CommandError::Unavailable(String::from(why));
        loop {
            tokio::select! {
                biased;
                () = self.shared.shut_down() => return true,
                () = tokio::time::sleep_until(until) => return false,
                asks = self.inbox.refusable() => match asks {
                    Ok(arrival) => turn_back(&self.shared, &arrival.orders, &unavailable()),
                    Err(command) => self.turn_away(*command, unavailable()),
                },
            }
        }
    }

    /// Awaits the store; `None` if the hub shuts down first. A store that answers at once is awaited without a look
    /// at the hub.
    pub(super) async fn or_shutdown<T>(&self, answer: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            answer = answer => Some(answer),
            () = self.shared.shut_down() => None,
        }
    }
}
