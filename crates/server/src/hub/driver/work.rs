//! The worker: what it says becomes events, under the incarnation that said it.

use core::num::NonZeroU32;

use super::super::worker_task::{self, WorkerEvent, WorkerHandle, WorkerMessage};
use super::Driver;
use super::encode::Payload;
use outlive::ids::{Incarnation, Seq};
use outlive::session::Event;

impl Driver {
    pub(super) fn spawn_worker(&mut self, incarnation: Incarnation, resume: bool) {
        self.abort_worker();
        self.worker = Some(self.shared.spawn_worker(&self.id, incarnation, resume, &self.seat));
        // It waits for the seat itself.
        self.leaving = false;
    }

    /// The worker is aborted, or has left: nothing it says counts from here on.
    pub(super) fn abort_worker(&mut self) {
        self.asks.clear();
        if self.worker.take().is_some() {
            self.leaving = true;
        }
    }

    pub(super) fn order(&self, order: worker_task::WorkerCommand) {
        if let Some(worker) = &self.worker {
            // A worker that is gone says so by itself.
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
        self.on_worker_message(incarnation, turn, event).await;
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
