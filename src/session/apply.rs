//! What each op does. An op works on the step's next session and adds records and effects.

use core::num::NonZeroU32;

use super::event::{Effect, EntryMeta, Event, Record};
use super::machine::{Step, expected};
use super::table::{Op, Row};
use super::{ClientRecord, Connection, Queued, Session, TurnState};
use crate::ids::{ConnectionId, Generation, Incarnation, Seq};
use crate::session::limits::Limits;
use crate::table::Verdict;
use crate::words::{CloseCode, EndReason, Reason, Timer, TurnOutcome};

impl Step {
    /// Takes a row: its ops in order, then its state. The only place where a state changes.
    pub(super) fn apply(&mut self, row: &Row, event: &Event, limits: &Limits) {
        for op in row.ops {
            self.perform(*op, event, limits);
        }
        match row.verdict {
            Verdict::Go(state) => self.next.state = state,
            Verdict::Refuse(Reason::Gap | Reason::Conflict | Reason::TooOld) => self.explain(event),
            Verdict::Stay | Verdict::Ignore(_) | Verdict::Refuse(_) => {}
        }
    }

    /// That an op finds in the event what it works on is a law at build time
    /// ([`OpsFitTheEvent`](crate::laws::Law::OpsFitTheEvent)).
    fn perform(&mut self, op: Op, event: &Event, limits: &Limits) {
        let incarnation = self.next.incarnation;
        match op {
            Op::Commit => self.commit(),
            Op::Abort => self.effects.push(Effect::Abort { incarnation }),
            Op::Replace => self.replace(event),
            Op::List => self.list(event),
            Op::Unlist => self.unlist(event),
            Op::Suspend => self.suspend(event),
            Op::Unsuspend => self.with_connection(event, |connection| connection.suspended = None),
            Op::PinLog => self.pin(event),
            Op::UnpinLog => self.next.pin = None,
            Op::Credit => self.credit(event),
            Op::Rewind => self.with_connection(event, |connection| {
                connection.next = connection.in_flight.take().unwrap_or(connection.next);
            }),
            Op::RenewLog => self.renew_log(event),
            Op::LogStandingAsks => self.log_standing_asks(event, limits),
            Op::EndTurn(outcome) => self.end_turn(outcome, limits),
            Op::EndTurnAsReported => self.end_turn_as_reported(event, limits),
            Op::EndQueue(outcome) => self.end_queue(outcome, limits),
            Op::WithdrawAsks => self.withdraw_asks(limits),
            Op::TakeBack => self.take_back(event, limits),
            Op::LogClosing(why) => _ = self.log(EntryMeta::Closing { why }, limits),
            Op::LogEnd(why) => self.log_end(why, limits),
            Op::NextIncarnation => self.next.incarnation = Incarnation(incarnation.0 + 1),
            Op::Accept => self.accept(event, limits),
            Op::AcceptAnswer => self.accept_answer(event, limits),
            Op::LogOutput => self.log_output(event, limits),
            Op::LogAsk => self.log_ask(event, limits),
            Op::LogAnswer => self.log_answer(event, limits),
            Op::LogWithdrawn => self.log_withdrawn(event, limits),
            Op::Drain => self.next.draining = true,
            Op::CloseAll(code) => self.close_all(code),
            Op::DisarmAll => self.effects.push(Effect::DisarmAll),
            Op::Disarm(timer) => self.effects.push(Effect::Disarm { timer }),
            Op::Arm(timer) => self.arm(timer, limits),
            Op::StartWorker => {
                let resume = incarnation > Incarnation(1);
                self.effects.push(Effect::Start { incarnation, resume });
            }
            Op::CloseOut => self.effects.push(Effect::CloseOut { incarnation }),
            Op::Dispatch => self.dispatch(),
            Op::Interrupt => self.interrupt(),
            Op::Deliver => self.deliver(event),
            Op::Reply | Op::ReplyAgain => self.reply(event, op == Op::ReplyAgain),
            Op::Welcome => self.welcome(event),
            Op::SendDue => self.send_due(limits),
        }
    }

    /// The commit covers the whole step, so it stands first, once.
    pub(super) fn commit(&mut self) {
        if !self.commits() {
            self.effects.insert(0, Effect::Commit);
        }
    }

    fn explain(&mut self, event: &Event) {
        if let Event::Prompt { client, .. } = *event {
            self.expected = Some(expected(self.next.last_accepted(client)));
        }
    }

    // Connections.

    fn replace(&mut self, event: &Event) {
        let Event::Attach { client, .. } = *event else {
            return;
        };
        let older = self.next.connections.iter().position(|other| other.client == client);
        if let Some(place) = older {
            let connection = self.next.connections.remove(place).id;
            self.effects.push(Effect::Close { connection, code: CloseCode::Replaced });
        }
    }

    fn list(&mut self, event: &Event) {
        let Event::Attach { connection, client, principal, cursor } = *event else {
            return;
        };
        let (_, next) = self.next.log.attach(cursor);
        let (in_flight, suspended) = (None, None);
        let fresh = Connection { id: connection, client, principal, next, in_flight, suspended };
        self.next.connections.push(fresh);
        self.next.last_lost = None;
    }

    fn unlist(&mut self, event: &Event) {
        let Event::Lost { connection } = *event else {
            return;
        };
        self.next.connections.retain(|other| other.id != connection);
        self.next.last_lost = Some(connection);
    }

    fn suspend(&mut self, event: &Event) {
        let Event::Suspend { seen, .. } = *event else {
            return;
        };
        self.with_connection(event, |connection| {
            connection.suspended = Some(seen.min(connection.next.previous()));
        });
    }

    fn with_connection(&mut self, event: &Event, change: impl FnOnce(&mut Connection)) {
        let id = named(event);
        let mut listed = self.next.connections.iter_mut();
        if let Some(connection) = listed.find(|one| Some(one.id) == id) {
            change(connection);
        }
    }

    /// The least that the suspended viewers have seen; of one that is gone, what its notice says or said.
    fn pin(&mut self, event: &Event) {
        let listed = self.next.connections.iter().filter_map(|one| one.suspended);
        let late = named(event).filter(|id| self.next.last_lost == Some(*id)).and(announced(event));
        let seen = listed.chain(late).chain(self.next.pin).min();
        self.next.pin = seen.map(|seen| seen.min(self.next.log.head));
    }

    fn close_all(&mut self, code: CloseCode) {
        for gone in self.next.connections.drain(..) {
            self.effects.push(Effect::Close { connection: gone.id, code });
        }
    }

    fn welcome(&mut self, event: &Event) {
        let Event::Attach { connection, cursor, .. } = *event else {
            return;
        };
        let (outcome, _) = self.next.log.attach(cursor);
        self.effects.push(Effect::Welcome { connection, outcome });
    }

    fn credit(&mut self, event: &Event) {
        let Event::Written { through, .. } = *event else {
            return;
        };
        self.with_connection(event, |connection| {
            connection.next = through.next();
            connection.in_flight = None;
        });
    }

    fn send_due(&mut self, limits: &Limits) {
        let Session { log, connections, .. } = &mut self.next;
        for one in connections.iter_mut().filter(|one| one.watches() && one.in_flight.is_none()) {
            let connection = one.id;
            if one.next <= log.base {
                let (lost_from, lost_to) = (one.next, log.base);
                self.effects.push(Effect::Gap { connection, lost_from, lost_to });
                one.next = log.base.next();
            }
            if one.next <= log.head {
                let from = one.next;
                let to = log.head.min(Seq(from.0 + u64::from(limits.batch) - 1));
                self.effects.push(Effect::Send { connection, from, to });
                one.in_flight = Some(from);
                one.next = to.next();
            }
        }
    }

    // The log.

    fn log(&mut self, entry: EntryMeta, limits: &Limits) -> Seq {
        let seq = self.next.log.append();
        self.records.push(Record { seq, entry });
        self.trim(limits);
        seq
    }

    /// What is still needed stays: a queued prompt's body, an ask of the running turn, what a suspended viewer has not
    /// seen and an ask that outlived its turn (both within bounds), and what the viewers who keep up are sent in this
    /// very step.
    fn trim(&mut self, limits: &Limits) {
        let Session { log, queue, asks, standing, connections, pin, .. } = &mut self.next;
        let keeps_up = |one: &&Connection| one.watches() && one.in_flight.is_none();
        let sending = connections.iter().filter(keeps_up).map(|one| one.next);
        let (standing, own) = asks.split_at(usize::from(*standing));
        let waiting = queue.first().map(|first| first.seq);
        let needed = waiting.into_iter().chain(own.first().copied()).chain(sending);
        let least = Seq(log.head.0.saturating_sub(limits.retention.saturating_add(limits.pinned)));
        let pinned = standing.first().map(|ask| ask.previous()).into_iter().chain(*pin).min();
        let pinned = pinned.map(|pinned| pinned.max(least));
        let floor = needed.map(Seq::previous).chain(pinned).min();
        log.trim(limits.retention, floor.unwrap_or(Seq::MAX));
    }

    fn renew_log(&mut self, event: &Event) {
        if let Event::Restarted { renew: Some(id) } = *event {
            self.next.log.id = id;
        }
    }

    fn end_turn(&mut self, outcome: TurnOutcome, limits: &Limits) {
        if let Some(turn) = self.next.turn.id() {
            self.next.turn = TurnState::Idle;
            self.next.asks.truncate(usize::from(self.next.standing));
            self.log(EntryMeta::TurnEnd { turn, outcome }, limits);
        }
    }

    fn end_turn_as_reported(&mut self, event: &Event, limits: &Limits) {
        let Event::TurnEnded { outcome, .. } = *event else {
            return;
        };
        self.end_turn(outcome.into(), limits);
    }

    fn end_queue(&mut self, outcome: TurnOutcome, limits: &Limits) {
        if self.next.queue.is_empty() {
            return;
        }
        let Session { log, queue, .. } = &mut self.next;
        for Queued { seq: turn, .. } in queue.drain(..) {
            let entry = EntryMeta::TurnEnd { turn, outcome };
            self.records.push(Record { seq: log.append(), entry });
        }
        // Once, and not after each: what the last one lets go contains what the others do.
        self.trim(limits);
    }

    fn take_back(&mut self, event: &Event, limits: &Limits) {
        let Event::Interrupt { turn } = *event else {
            return;
        };
        self.next.queue.retain(|queued| queued.seq != turn);
        self.log(EntryMeta::TurnEnd { turn, outcome: TurnOutcome::Cancelled }, limits);
    }

    fn log_end(&mut self, why: EndReason, limits: &Limits) {
        self.log(EntryMeta::End { why }, limits);
    }

    fn accept(&mut self, event: &Event, limits: &Limits) {
        let Event::Prompt { client, principal, n, digest } = *event else {
            return;
        };
        let seq = self.next.log.append();
        self.records.push(Record { seq, entry: EntryMeta::Prompt { client, n } });
        self.next.queue.push(Queued { seq, principal });
        self.trim(limits);
        let now = ClientRecord { client, principal, last_accepted: n, seq, digest };
        match self.next.clients.iter_mut().find(|known| known.client == client) {
            Some(known) => *known = now,
            None => self.next.clients.push(now),
        }
    }

    fn log_output(&mut self, event: &Event, limits: &Limits) {
        let Event::Output { count, .. } = *event else {
            return;
        };
        let seq = self.next.log.extend(NonZeroU32::get(count));
        self.records.push(Record { seq, entry: EntryMeta::Output { count } });
        self.trim(limits);
    }

    fn log_ask(&mut self, event: &Event, limits: &Limits) {
        let Event::Asked { turn, .. } = *event else {
            return;
        };
        let seq = self.next.log.append();
        self.records.push(Record { seq, entry: EntryMeta::Ask { turn, stands: false } });
        self.next.asks.push(seq);
        self.trim(limits);
    }

    fn log_answer(&mut self, event: &Event, limits: &Limits) {
        let Event::Answer { client, ask, .. } = *event else {
            return;
        };
        self.settle(ask);
        self.log(EntryMeta::Answer { client, ask }, limits);
    }

    fn accept_answer(&mut self, event: &Event, limits: &Limits) {
        let Event::Answer { client, principal, ask } = *event else {
            return;
        };
        self.settle(ask);
        // Queued before anything is trimmed, as a prompt is: what waits is kept.
        let seq = self.next.log.append();
        self.records.push(Record { seq, entry: EntryMeta::Answer { client, ask } });
        self.next.queue.push(Queued { seq, principal });
        self.trim(limits);
    }

    fn log_withdrawn(&mut self, event: &Event, limits: &Limits) {
        let Event::Withdrawn { ask, .. } = *event else {
            return;
        };
        self.settle(ask);
        self.log(EntryMeta::Withdrawn { ask }, limits);
    }

    /// Each stands right behind those that stand already, before the turn's own.
    fn log_standing_asks(&mut self, event: &Event, limits: &Limits) {
        let Event::TurnWaiting { turn, asks, .. } = *event else {
            return;
        };
        let Session { log, asks: pending, standing, .. } = &mut self.next;
        pending.truncate(usize::from(*standing));
        for _ in 0..asks.get() {
            let seq = log.append();
            self.records.push(Record { seq, entry: EntryMeta::Ask { turn, stands: true } });
            pending.push(seq);
        }
        *standing += asks.get();
        self.trim(limits);
    }

    fn withdraw_asks(&mut self, limits: &Limits) {
        let Session { log, asks, standing, .. } = &mut self.next;
        for ask in asks.drain(..usize::from(core::mem::take(standing))) {
            let entry = EntryMeta::Withdrawn { ask };
            self.records.push(Record { seq: log.append(), entry });
        }
        self.trim(limits);
    }

    fn settle(&mut self, ask: Seq) {
        let Session { asks, standing, .. } = &mut self.next;
        if let Some(place) = asks.iter().position(|pending| *pending == ask) {
            asks.remove(place);
            *standing -= u16::from(place < usize::from(*standing));
        }
    }

    // Timers.

    pub(super) fn arm(&mut self, timer: Timer, limits: &Limits) {
        if let Some(after_ms) = limits.duration(timer) {
            let slot = &mut self.next.generations[timer as usize];
            *slot = Generation(slot.0 + 1);
            self.effects.push(Effect::Arm { timer, generation: *slot, after_ms });
        }
    }

    // The worker, and who prompted it.

    fn dispatch(&mut self) {
        if self.next.queue.is_empty() {
            return;
        }
        let (turn, incarnation) = (self.next.queue.remove(0).seq, self.next.incarnation);
        self.next.turn = TurnState::Running(turn);
        self.effects.push(Effect::Dispatch { incarnation, turn });
    }

    fn interrupt(&mut self) {
        if let Some(turn) = self.next.turn.id() {
            let incarnation = self.next.incarnation;
            self.next.turn = TurnState::Interrupting(turn);
            self.effects.push(Effect::Interrupt { incarnation, turn });
        }
    }

    fn deliver(&mut self, event: &Event) {
        let Event::Answer { ask, .. } = *event else {
            return;
        };
        let incarnation = self.next.incarnation;
        self.effects.push(Effect::Deliver { incarnation, ask });
    }

    fn reply(&mut self, event: &Event, again: bool) {
        let Event::Prompt { client, n, .. } = *event else {
            return;
        };
        let latest = self.next.client_record(client).filter(|known| known.last_accepted == n);
        if let Some(seq) = latest.map(|known| known.seq) {
            self.effects.push(Effect::Accepted { client, n, seq, again });
        }
    }
}

/// What a suspend notice says its viewer has seen.
fn announced(event: &Event) -> Option<Seq> {
    if let Event::Suspend { seen, .. } = *event { Some(seen) } else { None }
}

/// The connection an event names.
fn named(event: &Event) -> Option<ConnectionId> {
    match *event {
        Event::Attach { connection, .. }
        | Event::Written { connection, .. }
        | Event::Missed { connection, .. }
        | Event::Suspend { connection, .. }
        | Event::Resume { connection }
        | Event::Lost { connection } => Some(connection),
        Event::Prompt { .. }
        | Event::Interrupt { .. }
        | Event::Stop { .. }
        | Event::Answer { .. }
        | Event::Started { .. }
        | Event::StartFailed { .. }
        | Event::Output { .. }
        | Event::Asked { .. }
        | Event::Withdrawn { .. }
        | Event::TurnEnded { .. }
        | Event::TurnWaiting { .. }
        | Event::Exited { .. }
        | Event::Expired { .. }
        | Event::Restarted { .. }
        | Event::Drain => None,
    }
}
