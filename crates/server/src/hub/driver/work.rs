//! The worker: what it says becomes events, under the incarnation that said it.

use core::num::NonZeroU32;

use super::super::staff::{self, Employee, Said, What};
use super::Driver;
use super::commit::Payload;
use outlive::ids::{Incarnation, Seq};
use outlive::session::Event;

impl Driver {
    pub(super) fn employ(&mut self, incarnation: Incarnation, resume: bool) {
        self.dismiss();
        self.worker = Some(self.shared.employ(&self.id, incarnation, resume, &self.seat));
        // It waits for the seat itself.
        self.leaving = false;
    }

    /// The worker is aborted, or has left: nothing it says counts from here on.
    pub(super) fn dismiss(&mut self) {
        self.asks.clear();
        if self.worker.take().is_some() {
            self.leaving = true;
        }
    }

    pub(super) fn order(&self, order: staff::Order) {
        if let Some(worker) = &self.worker {
            // A worker that is gone says so by itself.
            _ = worker.orders.send(order);
        }
    }

    /// Hears what the worker has said already. Returns whether it had said anything.
    pub(super) async fn overhear(&mut self) -> bool {
        let said = self.worker.as_mut().and_then(Employee::heard);
        let any = said.is_some();
        if any {
            self.listen(said).await;
        }
        any
    }

    /// Feeds what was heard. Nothing means that the worker's task ended without a word.
    pub(super) async fn listen(&mut self, said: Option<Said>) {
        let Some(incarnation) = self.worker.as_ref().map(|worker| worker.incarnation) else {
            return;
        };
        let gone = || (None, What::Exited(Some("the worker's task is gone".into())));
        let (turn, what) = said.map_or_else(gone, |said| (said.turn, said.what));
        self.word(incarnation, turn, what).await;
    }

    async fn word(&mut self, incarnation: Incarnation, of: Option<Seq>, what: What) {
        let turn = of.unwrap_or_default();
        let (event, payload) = match what {
            What::Started => (Event::Started { incarnation }, Payload::None),
            What::Output(pieces) => {
                let count = u32::try_from(pieces.len()).ok().and_then(NonZeroU32::new);
                let Some(count) = count else { return };
                (Event::Output { incarnation, turn: of, count }, Payload::Output(pieces))
            }
            What::Ask(body, reply) => {
                (Event::Asked { incarnation, turn }, Payload::Ask(body, reply))
            }
            What::Ended(outcome, error) => {
                self.asks.clear();
                (Event::TurnEnded { incarnation, turn, outcome }, Payload::End(error))
            }
            What::StartFailed(why) => {
                self.dismiss();
                (Event::StartFailed { incarnation }, Payload::End(Some(why)))
            }
            What::Exited(why) => {
                self.dismiss();
                (Event::Exited { incarnation }, Payload::End(why))
            }
        };
        self.feed_fact(event, payload).await;
    }
}
