//! The worker: what it says becomes events, under the incarnation that said it.

use core::num::{NonZeroU16, NonZeroU32};
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::super::history::History;
use super::super::output_sender::OutputSender;
use super::super::queue::queue;
use super::super::worker::WorkerContext;
use super::super::worker_message::{WorkerCommand, WorkerEvent, WorkerMessage};
use super::super::worker_task::{WorkerHandle, WorkerInputs};
use super::Driver;
use super::encode::Payload;
use outlive::ids::{Incarnation, Seq};
use outlive::session::Event;

impl Driver {
    /// Starts a worker, which waits until the one before is gone.
    pub(super) fn spawn_worker(&mut self, incarnation: Incarnation, resume: bool) {
        self.abort_worker();
        let shared = &self.shared;
        let (orders, inbox) = queue(0);
        let (output, said) = OutputSender::new(shared.options.body_bytes, shared.limits_batch());
        let leave = CancellationToken::new();
        let history = History { store: Arc::clone(&shared.store), session: self.id.clone() };
        let session = self.id.clone();
        let context = WorkerContext { session, incarnation, resume, history, leave: leave.clone() };
        let inputs = WorkerInputs {
            context,
            output: Arc::new(output),
            orders: inbox,
            seat: self.seat.clone(),
        };
        let task = shared.tasks.spawn(shared.employer.spawn_worker(inputs)).abort_handle();
        self.worker = Some(WorkerHandle { incarnation, orders, said, leave, task });
        // The new worker waits for the slot itself.
        self.leaving = false;
    }

    /// The worker is aborted, or has left: nothing it says counts from here on.
    pub(super) fn abort_worker(&mut self) {
        self.asks.clear();
        if self.worker.take().is_some() {
            self.leaving = true;
        }
    }

    pub(super) fn order(&self, order: WorkerCommand) {
        if let Some(worker) = &self.worker {
            // A worker that is gone reports its own exit.
            _ = worker.orders.send(order);
        }
    }

    /// Hears what the worker has said already. Returns whether it had said anything.
    pub(super) async fn hear_what_is_there(&mut self) -> bool {
        let said = self.worker.as_mut().and_then(WorkerHandle::heard);
        let any = said.is_some();
        if any {
            self.listen(said).await;
        }
        any
    }

    /// Feeds what was heard. Nothing means that the worker's task ended without a word.
    pub(super) async fn listen(&mut self, said: Option<WorkerMessage>) {
        let Some(incarnation) = self.worker.as_ref().map(|worker| worker.incarnation) else {
            return;
        };
        let gone = || (None, WorkerEvent::Exited(Some("the worker's task is gone".into())));
        let (turn, event) = said.map_or_else(gone, |said| (said.turn, said.event));
        // What it gave up before it said this makes room for what it says.
        self.withdraw().await;
        self.on_worker_message(incarnation, turn, event).await;
    }

    /// Feeds which asks the worker does not wait for any more.
    pub(super) async fn withdraw(&mut self) {
        while let Some(place) = self.asks.iter().position(|(_, reply)| reply.is_closed()) {
            let (ask, _) = self.asks.swap_remove(place);
            let Some(incarnation) = self.worker.as_ref().map(|worker| worker.incarnation) else {
                return;
            };
            self.feed_fact(Event::Withdrawn { incarnation, ask }, Payload::None).await;
        }
    }

    async fn on_worker_message(
        &mut self,
        incarnation: Incarnation,
        of: Option<Seq>,
        said: WorkerEvent,
    ) {
        let turn = of.unwrap_or_default();
        let (event, payload) = match said {
            WorkerEvent::Started => (Event::Started { incarnation }, Payload::None),
            WorkerEvent::Output(pieces) => {
                let count = u32::try_from(pieces.len()).ok().and_then(NonZeroU32::new);
                let Some(count) = count else { return };
                (Event::Output { incarnation, turn: of, count }, Payload::Output(pieces))
            }
            WorkerEvent::Ask(body, reply) => {
                (Event::Asked { incarnation, turn }, Payload::Ask(body, reply))
            }
            WorkerEvent::Ended(outcome, error) => {
                self.asks.clear();
                (Event::TurnEnded { incarnation, turn, outcome }, Payload::End(error))
            }
            WorkerEvent::Waiting(questions) => {
                self.asks.clear();
                let asks = u16::try_from(questions.len()).unwrap_or(u16::MAX);
                let Some(asks) = NonZeroU16::new(asks) else { return };
                (Event::TurnWaiting { incarnation, turn, asks }, Payload::Asks(questions))
            }
            WorkerEvent::Withdrawn(ask) => (Event::Withdrawn { incarnation, ask }, Payload::None),
            WorkerEvent::StartFailed(why) => {
                self.abort_worker();
                (Event::StartFailed { incarnation }, Payload::End(Some(why)))
            }
            WorkerEvent::Exited(why) => {
                self.abort_worker();
                (Event::Exited { incarnation }, Payload::End(why))
            }
        };
        self.feed_fact(event, payload).await;
    }
}
