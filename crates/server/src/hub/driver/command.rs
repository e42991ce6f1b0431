//! Commands: through the routing table, then to the session; and the answer to the sender that waits for it.

use std::sync::Arc;

use super::super::mailbox::{Arrival, Command, CommandError, Handled, LinkCommand, Reply};
use super::encode::Payload;
use super::{Deleting, Driver, Viewer, effects, turn_back};
use outlive::State;
use outlive::routing::{self, Durable, Owner, Runtime};
use outlive::session::{Event, Session};
use outlive::wire::ToClient;

impl Driver {
    /// Reconciles what is durable with what runs, as the routing table says.
    async fn reconcile(&mut self) -> Result<(), CommandError> {
        if let Some(why) = self.over.clone() {
            return Err(why);
        }
        let durable = Durable::of(self.session.as_ref().map(Session::state));
        let incarnation = self.session.as_ref().map(Session::incarnation).unwrap_or_default();
        let running = self.worker.as_ref().map(|worker| worker.incarnation);
        let row = routing::rule(durable, Runtime::of(Owner::Ours, incarnation, running));
        for op in row.ops {
            match op {
                routing::Op::Abort => self.abort_worker(),
                routing::Op::Recover => {
                    self.feed_fact(Event::Restarted { renew: None }, Payload::None).await;
                }
                // Only of a session that is another node's or nobody's is something to be done before.
                routing::Op::Claim | routing::Op::Forward | routing::Op::Proceed => {}
                routing::Op::NotFound => return Err(CommandError::NotFound),
            }
        }
        self.over.clone().map_or(Ok(()), Err)
    }

    pub(super) async fn command(&mut self, command: Command) {
        if let Command::Forget { reply } = command {
            let done = match self.over.clone() {
                Some(why) => Err(why),
                None => self.forget().await,
            };
            return answer(reply, done.map(|()| Handled::Taken));
        }
        if let Err(why) = self.reconcile().await {
            return self.turn_away(command, why);
        }
        match command {
            Command::Prompt { who, n, body, reply } => {
                let event = Event::Prompt {
                    client: who.id,
                    principal: who.principal,
                    n,
                    digest: body.digest(),
                };
                let fed = self.feed(event, Payload::Body(who, body), connection(&reply)).await;
                if let (Err(why), Reply::Link(to)) = (&fed, &reply) {
                    self.tell(*to, LinkCommand::Say(Box::new(effects::refused_prompt(n, why))));
                }
                answer(reply, fed);
            }
            Command::Answer { who, ask, body, reply } => {
                let event = Event::Answer { client: who.id, principal: who.principal, ask };
                let fed = self.feed(event, Payload::Body(who, body), None).await;
                if let (Err(why), Reply::Link(to)) = (&fed, &reply) {
                    self.tell(*to, LinkCommand::Say(Box::new(effects::refused_answer(ask, why))));
                }
                answer(reply, fed);
            }
            Command::Interrupt { by, turn, reply } => {
                self.control(Event::Interrupt { turn }, by, reply).await;
            }
            Command::Stop { by, incarnation, reply } => {
                let current = self.session.as_ref().map(Session::incarnation).unwrap_or_default();
                let incarnation = incarnation.unwrap_or(current);
                self.control(Event::Stop { incarnation }, by, reply).await;
            }
            Command::Delete { by, reply } => self.delete(by, reply).await,
            Command::Visit { reply } | Command::Forget { reply } => {
                answer(reply, Ok(Handled::Taken));
            }
        }
    }

    /// Feeds a command whose effect is in the log: a connection hears only that it had none.
    async fn control(&mut self, event: Event, by: Option<Arc<str>>, reply: Reply) {
        let fed = self.feed(event, Payload::By(by), None).await;
        if let (Err(why), Reply::Link(to)) = (&fed, &reply) {
            self.tell(*to, complaint(why));
        }
        answer(reply, fed);
    }

    /// Stops the session, and forgets it when its incarnation has ended.
    async fn delete(&mut self, by: Option<Arc<str>>, reply: Reply) {
        let incarnation = self.session.as_ref().map(Session::incarnation).unwrap_or_default();
        if let Err(why) = self.feed(Event::Stop { incarnation }, Payload::By(by), None).await {
            return answer(reply, Err(why));
        }
        let begin = || Box::new(Deleting { incarnation, replies: Vec::new() });
        self.deleting.get_or_insert_with(begin).replies.push(reply);
    }

    /// Forgets a session that was to be deleted, once its incarnation has ended; a prompt may have begun the next.
    pub(super) async fn delete_ended(&mut self) {
        let Some(deleting) = &self.deleting else { return };
        let goes_on = self.session.as_ref().is_some_and(|session| {
            session.state() != State::Ended && session.incarnation() <= deleting.incarnation
        });
        if goes_on || self.over.is_some() {
            return;
        }
        let done = self.forget().await;
        for reply in self.deleting.take().map_or_else(Vec::new, |deleting| deleting.replies) {
            answer(reply, done.clone().map(|()| Handled::Taken));
        }
    }

    /// A connection wants to watch.
    pub(super) async fn arrive(&mut self, arrival: Arrival) {
        let Arrival { connection, who, cursor, orders } = arrival;
        if self.session.as_ref().is_some_and(Session::is_draining) {
            return turn_back(&self.shared, &orders, &CommandError::Draining);
        }
        if let Err(why) = self.reconcile().await {
            return turn_back(&self.shared, &orders, &why);
        }
        let (client, principal) = (who.id, who.principal);
        let event = Event::Attach { connection, client, principal, cursor };
        self.viewers.push(Viewer { id: connection, client: who.id, orders });
        if let Err(why) = self.feed(event, Payload::None, None).await {
            if let Some(viewer) = self.forget_viewer(connection) {
                turn_back(&self.shared, &viewer.orders, &why);
            }
        }
    }

    /// Says no for a reason that is not in the session's table.
    pub(super) fn turn_away(&self, command: Command, why: CommandError) {
        let (reply, order) = match command {
            Command::Prompt { reply, n, .. } => {
                (reply, LinkCommand::Say(Box::new(effects::refused_prompt(n, &why))))
            }
            Command::Answer { reply, ask, .. } => {
                (reply, LinkCommand::Say(Box::new(effects::refused_answer(ask, &why))))
            }
            Command::Interrupt { reply, .. }
            | Command::Stop { reply, .. }
            | Command::Visit { reply }
            | Command::Delete { reply, .. }
            | Command::Forget { reply } => (reply, complaint(&why)),
        };
        if let Reply::Link(connection) = reply {
            self.tell(connection, order);
        }
        answer(reply, Err(why));
    }
}

/// The answer to a caller. One who does not wait any more is no loss: the effect is in the log.
fn answer(reply: Reply, done: Result<Handled, CommandError>) {
    if let Reply::Caller(caller) = reply {
        _ = caller.send(done);
    }
}

/// The connection that an answer goes to.
fn connection(reply: &Reply) -> Option<outlive::ids::ConnectionId> {
    match reply {
        Reply::Link(connection) => Some(*connection),
        Reply::Caller(_) => None,
    }
}

fn complaint(why: &CommandError) -> LinkCommand {
    LinkCommand::Say(Box::new(ToClient::Error { message: why.sentence() }))
}
