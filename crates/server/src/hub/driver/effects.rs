//! Effects become I/O, in order. One whose connection or worker is gone is dropped: that news is on its way.

use std::sync::Arc;

use tokio::time::{Duration, Instant};

use super::super::ask::AskAnswer;
use super::super::mailbox::{Accepted, CommandError, Handled, LinkCommand};
use super::super::worker_message::WorkerCommand;
use super::Driver;
use super::encode::Payload;
use super::step::Committed;
use outlive::ids::{ClientId, ConnectionId, PromptNumber, Seq};
use outlive::log::AttachOutcome;
use outlive::session::{Effect, Session};
use outlive::wire::{EndpointReason, Refusable, Refused, ToClient, Welcome, Why};

impl Driver {
    pub(super) fn perform(
        &mut self,
        effect: &Effect,
        payload: &mut Payload,
        committed: &mut Committed,
        via: Option<ConnectionId>,
    ) -> Option<Handled> {
        match *effect {
            // Done already.
            Effect::Commit => {}
            Effect::Abort { .. } => self.abort_worker(),
            Effect::Arm { timer, generation, after_ms } => {
                let at = Instant::now() + Duration::from_millis(u64::from(after_ms));
                self.timers[timer as usize] = Some((at, generation));
            }
            Effect::Disarm { timer } => self.timers[timer as usize] = None,
            Effect::DisarmAll => self.timers = [None; super::TIMERS],
            Effect::Start { incarnation, resume } => self.spawn_worker(incarnation, resume),
            Effect::CloseOut { .. } => self.order(WorkerCommand::CloseOut),
            Effect::Dispatch { .. } => {
                if let Some(turn) = committed.turn.take() {
                    self.order(WorkerCommand::Turn(turn));
                }
            }
            Effect::Interrupt { turn, .. } => {
                if let Payload::By(Some(by)) = payload {
                    self.interrupted = Some(Box::new((turn, Arc::clone(by))));
                }
                self.order(WorkerCommand::Interrupt(turn));
            }
            Effect::Deliver { ask, .. } => self.deliver(ask, payload, committed.at),
            Effect::Accepted { n, seq, again, .. } => {
                if let (Some(session), Some(connection)) = (&self.session, via) {
                    let incarnation = session.stop_target();
                    let said = ToClient::Accepted { n, seq, again, incarnation };
                    self.tell(connection, LinkCommand::Say(Box::new(said)));
                }
                return Some(Handled::Accepted(Accepted { n, seq, again }));
            }
            Effect::Close { connection, code } => {
                self.tell(connection, LinkCommand::Close(code));
                self.forget_viewer(connection);
            }
            Effect::Welcome { connection, outcome } => {
                let client = self.client(connection);
                if let (Some(session), Some(client)) = (&self.session, client) {
                    let ping = self.shared.options.ping_interval.as_millis();
                    let ping_ms = u32::try_from(ping).unwrap_or(u32::MAX);
                    let said = welcome(session, connection, client, outcome, ping_ms);
                    self.tell(connection, LinkCommand::Welcome(Box::new(said)));
                }
            }
            Effect::Gap { connection, lost_from, lost_to } => {
                let said = ToClient::Gap { lost_from, lost_to };
                self.tell(connection, LinkCommand::Say(Box::new(said)));
            }
            Effect::Send { connection, from, to } => {
                self.tell(connection, LinkCommand::Send { from, to });
            }
        }
        None
    }

    fn client(&self, connection: ConnectionId) -> Option<ClientId> {
        self.viewers.iter().find(|viewer| viewer.id == connection).map(|viewer| viewer.client)
    }

    pub(super) fn tell(&self, connection: ConnectionId, order: LinkCommand) {
        if let Some(viewer) = self.viewers.iter().find(|viewer| viewer.id == connection) {
            // A link that is gone reports its own loss.
            _ = viewer.orders.send(order);
        }
    }

    fn deliver(&mut self, ask: Seq, payload: &mut Payload, at: u64) {
        let Payload::Body(who, body) = payload else { return };
        if let Some(place) = self.asks.iter().position(|(waits, _)| *waits == ask) {
            let (_, reply) = self.asks.swap_remove(place);
            // A turn that does not wait any more was stopped.
            let (client, by) = (Arc::clone(&who.client), Arc::clone(&who.by));
            _ = reply.send(Ok(AskAnswer { client, by, at, body: body.clone() }));
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
        connection: format!("{:x}", connection.0),
        log: session.log().id,
        base: session.log().base,
        head: session.log().head,
        state: session.state(),
        incarnation: session.stop_target(),
        turn: session.turn().id(),
        queue: session.queue().iter().map(|queued| queued.seq).collect(),
        asks: session.asks().to_vec(),
        high: session.last_accepted(client),
        outcome,
        ping_ms,
    }
}

/// The frame for a prompt that was not taken.
pub(super) fn refused_prompt(n: PromptNumber, why: &CommandError) -> ToClient {
    ToClient::Refused(Refused { n: Some(n), ..refused(Refusable::Prompt, why) })
}

/// The frame for an answer that was not taken.
pub(super) fn refused_answer(ask: Seq, why: &CommandError) -> ToClient {
    ToClient::Refused(Refused { ask: Some(ask), ..refused(Refusable::Answer, why) })
}

fn refused(what: Refusable, why: &CommandError) -> Refused {
    let (reason, rule, expected) = match why {
        CommandError::Refused(refusal) => {
            (Why::Table(refusal.reason), Some(refusal.rule.into()), refusal.expected)
        }
        CommandError::Draining | CommandError::Moved => {
            (Why::Endpoint(EndpointReason::Draining), None, None)
        }
        CommandError::NotFound
        | CommandError::Damaged(_)
        | CommandError::Unavailable(_)
        | CommandError::Invalid(_) => (Why::Endpoint(EndpointReason::Unavailable), None, None),
    };
    Refused { what, n: None, ask: None, reason, rule, expected, message: why.sentence() }
}
