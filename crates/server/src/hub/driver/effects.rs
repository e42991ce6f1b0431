//! Effects become I/O, in order. Whoever is gone is passed over: that news is on its way.

use tokio::time::{Duration, Instant};

use super::super::mailbox::{Done, NotDone, Order};
use super::super::staff;
use super::super::worker::{Answer, TurnError};
use super::Driver;
use super::commit::Payload;
use outlive::ids::{ClientId, ConnectionId, PromptNumber, Seq};
use outlive::log::AttachOutcome;
use outlive::session::{Effect, Event, Session};
use outlive::table::Verdict;
use outlive::wire::{EndpointReason, Refusable, Refused, ToClient, Welcome, Why};

impl Driver {
    /// Adopts the step, which is durable, and performs its effects.
    pub(super) fn adopt(
        &mut self,
        event: Option<&Event>,
        payload: Payload,
        via: Option<ConnectionId>,
    ) -> Done {
        if let Some(event) = event {
            self.shared.observe_step(&self.id, event, &self.step);
        }
        let mut done = match self.step.verdict() {
            Verdict::Ignore(reason) => Done::Ignored(reason),
            Verdict::Go(_) | Verdict::Stay | Verdict::Refuse(_) => Done::Taken,
        };
        let next = &mut self.step.next;
        match &mut self.session {
            Some(session) => core::mem::swap(session, next),
            None => self.session = Some(next.clone()),
        }
        self.publish();
        let effects = core::mem::take(&mut self.step.effects);
        let mut payload = self.await_answer(payload);
        for effect in &effects {
            if let Some(said) = self.perform(effect, &mut payload, via) {
                done = said;
            }
        }
        self.step.effects = effects;
        done
    }

    /// What is new, for all who watch.
    fn publish(&mut self) {
        let Some(session) = &self.session else { return };
        let head = session.log().head;
        self.mailbox.reaches(head);
        let frames = core::mem::take(&mut self.frames);
        if self.viewers.is_empty() {
            self.mailbox.tail.clear();
        } else if !frames.is_empty() {
            self.mailbox.tail.extend(Seq(head.0 + 1 - frames.len() as u64), frames);
        }
    }

    /// An ask that was taken waits for its answer; one that was not is told so.
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

    fn perform(
        &mut self,
        effect: &Effect,
        payload: &mut Payload,
        via: Option<ConnectionId>,
    ) -> Option<Done> {
        match *effect {
            // Done already.
            Effect::Commit => {}
            Effect::Abort { .. } => self.dismiss(),
            Effect::Arm { timer, generation, after_ms } => {
                let at = Instant::now() + Duration::from_millis(u64::from(after_ms));
                self.timers[timer as usize] = Some((at, generation));
            }
            Effect::Disarm { timer } => self.timers[timer as usize] = None,
            Effect::DisarmAll => self.timers = [None; 7],
            Effect::Start { incarnation, resume } => self.employ(incarnation, resume),
            Effect::CloseOut { .. } => self.order(staff::Order::CloseOut),
            Effect::Dispatch { .. } => {
                if let Some(errand) = self.errand.take() {
                    self.order(staff::Order::Turn(errand));
                }
            }
            Effect::Interrupt { turn, .. } => self.order(staff::Order::Interrupt(turn)),
            Effect::Deliver { ask, .. } => self.deliver(ask, payload),
            Effect::Accepted { n, seq, again, .. } => {
                if let (Some(session), Some(connection)) = (&self.session, via) {
                    let incarnation = session.stop_target();
                    let said = ToClient::Accepted { n, seq, again, incarnation };
                    self.tell(connection, Order::Say(Box::new(said)));
                }
                return Some(Done::Accepted { n, seq, again });
            }
            Effect::Close { connection, code } => {
                self.tell(connection, Order::Close(code));
                self.forget_viewer(connection);
            }
            Effect::Welcome { connection, outcome } => {
                let client = self.client(connection);
                if let (Some(session), Some(client)) = (&self.session, client) {
                    let ping_ms = self.shared.options.ping_ms;
                    let said = welcome(session, connection, client, outcome, ping_ms);
                    self.tell(connection, Order::Welcome(Box::new(said)));
                }
            }
            Effect::Gap { connection, lost_from, lost_to } => {
                let said = ToClient::Gap { lost_from, lost_to };
                self.tell(connection, Order::Say(Box::new(said)));
            }
            Effect::Send { connection, from, to } => {
                self.tell(connection, Order::Send { from, to });
            }
        }
        None
    }

    fn client(&self, connection: ConnectionId) -> Option<ClientId> {
        self.viewers.iter().find(|viewer| viewer.id == connection).map(|viewer| viewer.client)
    }

    pub(super) fn tell(&self, connection: ConnectionId, order: Order) {
        if let Some(viewer) = self.viewers.iter().find(|viewer| viewer.id == connection) {
            // A link that is gone says so by itself.
            _ = viewer.orders.send(order);
        }
    }

    fn deliver(&mut self, ask: Seq, payload: &mut Payload) {
        let Payload::Body(who, body) = payload else { return };
        if let Some(place) = self.asks.iter().position(|(waits, _)| *waits == ask) {
            let (_, reply) = self.asks.swap_remove(place);
            // A turn that does not wait any more was stopped.
            _ = reply.send(Ok(Answer { client: who.name.clone(), body: body.clone() }));
        }
    }
}

fn welcome(
    session: &Session,
    connection: ConnectionId,
    client: ClientId,
    outcome: AttachOutcome,
    ping_ms: u32,
) -> Welcome {
    Welcome {
        connection: std::format!("{:x}", connection.0),
        log: session.log().id,
        base: session.log().base,
        head: session.log().head,
        state: session.state(),
        incarnation: session.stop_target(),
        turn: session.turn().id(),
        queue: session.queue().to_vec(),
        asks: session.asks().to_vec(),
        high: session.last_accepted(client),
        outcome,
        ping_ms,
    }
}

/// What a connection is told of a prompt that was not taken.
pub(super) fn refused_prompt(n: PromptNumber, why: &NotDone) -> ToClient {
    ToClient::Refused(Refused { n: Some(n), ..refused(Refusable::Prompt, why) })
}

/// What a connection is told of an answer that was not taken.
pub(super) fn refused_answer(ask: Seq, why: &NotDone) -> ToClient {
    ToClient::Refused(Refused { ask: Some(ask), ..refused(Refusable::Answer, why) })
}

fn refused(what: Refusable, why: &NotDone) -> Refused {
    let (reason, rule, expected) = match why {
        NotDone::Refused(refusal) => {
            (Why::Table(refusal.reason), Some(refusal.rule.into()), refusal.expected)
        }
        NotDone::Draining | NotDone::Moved => (Why::Endpoint(EndpointReason::Draining), None, None),
        NotDone::NotFound | NotDone::Damaged(_) | NotDone::Unavailable(_) | NotDone::Invalid(_) => {
            (Why::Endpoint(EndpointReason::Unavailable), None, None)
        }
    };
    Refused { what, n: None, ask: None, reason, rule, expected, message: why.sentence() }
}
